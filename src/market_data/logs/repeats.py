"""Summing up warnings that repeat, so that a lasting fault does not fill a disk. Pure: the caller brings the time."""

from collections import OrderedDict
from collections.abc import Iterator
from datetime import timedelta

import attrs

from market_data.logs.lines import Line

__all__ = ["Repeats"]

_MAX_KEYS = 256
_WARNING = 30


@attrs.define
class _Repetition:
    """The period of one warning: when it began, the last line seen and when, and how many were only counted."""

    since: float
    line: Line
    seen: float
    count: int = 0


@attrs.define
class Repeats:
    """Decides which lines are told now, and sums up the others.

    A warning or an error is told at once and begins a period. The same within it is counted, and told once at its
    end, with the fields of the last; the next period begins there. What did not repeat is forgotten at the end of its
    period. Lines below a warning always pass. At most 256 different warnings are remembered: the one not seen for
    longest gives way, and its sum is told then.
    """

    period_seconds: float
    _known: OrderedDict[tuple[str, str, str], _Repetition] = attrs.field(factory=OrderedDict, init=False)

    def admit(self, line: Line, now: float) -> list[Line]:
        """Take a new line and give the lines to tell: sums that are due, then itself unless it is only counted."""
        told = self.due(now)
        if line.severity < _WARNING:
            return [*told, line]
        known = self._known.get(line.key)
        if known is not None:
            known.line, known.seen, known.count = line, now, known.count + 1
            self._known.move_to_end(line.key)
            return told
        if len(self._known) == _MAX_KEYS:
            told += _sum(self._known.popitem(last=False)[1], now)
        self._known[line.key] = _Repetition(now, line, now)
        return [*told, line]

    def due(self, now: float) -> list[Line]:
        """Give the sums of all periods that are over."""
        told: list[Line] = []
        for key, known in list(self._known.items()):
            if now - known.since < self.period_seconds:
                continue
            told += _sum(known, now)
            if known.count:
                known.since, known.count = now, 0
            else:
                del self._known[key]
        return told

    def drain(self, now: float) -> list[Line]:
        """Give all sums, their periods over or not, and forget everything."""
        told = [line for known in self._known.values() for line in _sum(known, now)]
        self._known.clear()
        return told

    def next_due(self) -> float | None:
        """Tell when the next sum is to be told, None where nothing was counted."""
        return min((known.since + self.period_seconds for known in self._known.values() if known.count), default=None)


def _sum(known: _Repetition, now: float) -> Iterator[Line]:
    if known.count:
        times = "once" if known.count == 1 else f"{known.count} times"
        yield attrs.evolve(
            known.line,
            time=known.line.time + timedelta(seconds=now - known.seen),
            message=f"{known.line.message} (repeated {times} in {now - known.since:.0f} s)",
            fields={**known.line.fields, "repeated": known.count},
            exception=None,
        )
