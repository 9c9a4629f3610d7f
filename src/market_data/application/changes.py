"""What an operator is told when books stop being live, and when they are again: many of a kind in one line.

That they are not is told within a second, and where it repeats the log sums it up. That they are again is told at once
the first time an exchange has any, then in one line a minute at most, of all that are by then: what comes and goes all
the time says no more than that.
"""

from collections.abc import Mapping
from math import inf

import anyio
import attrs

from market_data.application.ports import Clock, Telemetry
from market_data.domain.normalized import BookStatus, Reason
from market_data.domain.printable import few

__all__ = ["LiveChanges"]

_LOOK_SECONDS = 1.0
_PERIOD_SECONDS = 60.0
_NAMED = 5
"""Instruments that a line names."""


@attrs.define(eq=False)
class LiveChanges:
    """Of all books that are followed; holds each once at most."""

    _clock: Clock
    _telemetry: Telemetry
    _lost: dict[str, tuple[str, BookStatus, Reason | None]] = attrs.field(factory=dict)
    """What is not told yet, by instrument: its exchange, and what it became."""
    _back: dict[str, dict[str, float]] = attrs.field(factory=dict)
    """Of each exchange what is live again and not told yet, and how many seconds it was not."""
    _known: set[str] = attrs.field(factory=set)
    """Exchanges of which books were told to be live."""
    _told_at: float = -inf

    def lost(self, exchange: str, instrument: str, status: BookStatus, reason: Reason | None) -> None:
        """An instrument is not live any more."""
        self._lost[instrument] = exchange, status, reason
        self._back.get(exchange, {}).pop(instrument, None)

    def back(self, exchange: str, instrument: str, seconds: float) -> None:
        """An instrument is live, for the first time or again, after so many seconds."""
        self._back.setdefault(exchange, {})[instrument] = seconds

    def forget(self, instrument: str) -> None:
        """An instrument is followed no more: that it is not live is no news."""
        self._lost.pop(instrument, None)
        for back in self._back.values():
            back.pop(instrument, None)

    async def run(self) -> None:
        """Tell what there is, until cancelled."""
        while True:
            await anyio.sleep(_LOOK_SECONDS)
            self._tell(self._clock.now().mono)

    def _tell(self, now: float) -> None:
        alike: dict[tuple[str, BookStatus, Reason | None], list[str]] = {}
        for instrument, what in self._lost.items():
            alike.setdefault(what, []).append(instrument)
        self._lost.clear()
        for (exchange, status, reason), instruments in alike.items():
            self._telemetry.warn(
                "books are not live",
                exchange=exchange,
                status=status,
                reason=reason,
                instruments=few(instruments, _NAMED),
                count=len(instruments),
            )
        new = {exchange: back for exchange, back in self._back.items() if back and exchange not in self._known}
        for exchange, back in new.items():
            self._known.add(exchange)
            self._tell_live(back, exchange=exchange)
            back.clear()
        if new:
            self._told_at = now
        elif now - self._told_at >= _PERIOD_SECONDS and (known := {e: back for e, back in self._back.items() if back}):
            self._told_at = now
            names = ", ".join(known)
            together = {instrument: seconds for back in known.values() for instrument, seconds in back.items()}
            self._tell_live(together, **({"exchange": names} if len(known) == 1 else {"exchanges": names}))
            for back in known.values():
                back.clear()

    def _tell_live(self, back: Mapping[str, float], **exchange: str) -> None:
        self._telemetry.note(
            "books are live",
            **exchange,
            instruments=few(list(back), _NAMED),
            count=len(back),
            after_seconds=round(max(back.values()), 1),
        )
