"""Summing up warnings that repeat, so that a lasting fault does not fill a disk. Pure: the caller brings the time."""

from collections import OrderedDict
from collections.abc import Collection
from datetime import timedelta

import attrs

from market_data.logs.lines import Line

__all__ = ["Repeats"]

_MAX_KINDS = 256
_MAX_SUBJECTS = 4096
_TOLD_SUBJECTS = 5
_NAMED_SUBJECTS = 10
_WARNING = 30


@attrs.define
class _Kind:
    """The period of one kind of warning: when it began, and what was told and counted in it."""

    since: float
    earlier: Collection[str] = ()
    """The subjects of the period before."""
    is_rest: bool = False
    """It stands for all kinds beyond the bound."""
    line: Line | None = None
    """The last line that was only counted."""
    seen: float = 0.0
    """When that was."""
    count: int = 0
    told: dict[str, None] = attrs.field(factory=dict)
    """Subjects of lines that were told."""
    counted: dict[str, None] = attrs.field(factory=dict)
    """Subjects of lines that were only counted."""

    def is_news(self, subject: str | None) -> bool:
        """Tell whether this is a subject that it was not told of, and there is room to tell of it."""
        known = (self.told, self.counted, self.earlier)
        return subject is not None and len(self.told) < _TOLD_SUBJECTS and all(subject not in each for each in known)

    def tell(self, line: Line) -> None:
        """Note a line that is told."""
        if line.subject is not None:
            self.told[line.subject] = None

    def add(self, line: Line, now: float) -> None:
        """Count a line that is not told."""
        self.line, self.seen, self.count = line, now, self.count + 1
        if line.subject is not None and len(self.counted) <= _MAX_SUBJECTS:
            self.counted[line.subject] = None

    def sum(self, now: float) -> list[Line]:
        """Write one line for all that was only counted; none where nothing was."""
        if self.line is None:
            return []
        times = "once" if self.count == 1 else f"{self.count:,} times"
        what = "one of more kinds than are kept apart: " if self.is_rest else ""
        fields = {**self.line.fields, "repeated": self.count}
        if self.line.subject_field is not None and len(self.counted) > 1:
            number = f"more than {_MAX_SUBJECTS:,}" if len(self.counted) > _MAX_SUBJECTS else f"{len(self.counted):,}"
            named = list(self.counted)[:_NAMED_SUBJECTS]
            del fields[self.line.subject_field]
            times += f" for {number} {self.line.subject_field}s"
            fields[f"{self.line.subject_field}s"] = ", ".join(named) + (
                ", ..." if len(self.counted) > len(named) else ""
            )
        return [
            attrs.evolve(
                self.line,
                time=self.line.time + timedelta(seconds=now - self.seen),
                message=f"{self.line.message} ({what}repeated {times} in {now - self.since:.0f} s)",
                fields=fields,
                exception=None,
            )
        ]


@attrs.define
class Repeats:
    """Decides which lines are told now, and sums up the others.

    A warning or an error is told at once and begins a period. The same within it is counted, and told once at its
    end, with the fields of the last; the next period begins there. What did not repeat is forgotten at the end of its
    period. Lines below a warning always pass.

    A warning may be about a subject (an instrument, an exchange). Of new subjects, five in a period are told at once;
    the sum says how many there were, up to 4,096, and names ten. At most 256 kinds of warnings are kept apart; beyond
    them, all of one level are taken for one kind.
    """

    period_seconds: float
    _kinds: OrderedDict[tuple[str, str, str], _Kind] = attrs.field(factory=OrderedDict, init=False)
    """In the order of the beginnings of their periods."""

    def admit(self, line: Line, now: float) -> list[Line]:
        """Take a new line and give the lines to tell: sums that are due, then itself unless it is only counted."""
        told = self.due(now)
        if line.severity < _WARNING:
            return [*told, line]
        is_rest = line.key not in self._kinds and len(self._kinds) >= _MAX_KINDS
        key = (line.level, "", "") if is_rest else line.key
        kind = self._kinds.get(key)
        if kind is None or kind.is_news(line.subject):
            self._kinds.setdefault(key, _Kind(now, is_rest=is_rest)).tell(line)
            return [*told, line]
        kind.add(line, now)
        return told

    def due(self, now: float) -> list[Line]:
        """Give the sums of all periods that are over."""
        told: list[Line] = []
        while self._kinds and now - next(iter(self._kinds.values())).since >= self.period_seconds:
            key, kind = self._kinds.popitem(last=False)
            if kind.count:
                told += kind.sum(now)
                self._kinds[key] = _Kind(now, {**kind.told, **kind.counted}, kind.is_rest)
        return told

    def drain(self, now: float) -> list[Line]:
        """Give all sums, their periods over or not, and forget everything."""
        told = [line for kind in self._kinds.values() for line in kind.sum(now)]
        self._kinds.clear()
        return told

    def next_due(self) -> float | None:
        """Tell when the next sum is to be told, None where nothing was counted."""
        return next((kind.since + self.period_seconds for kind in self._kinds.values() if kind.count), None)
