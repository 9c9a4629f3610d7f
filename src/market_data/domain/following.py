"""Which producer of one instrument a reader follows where there are several: the greatest run that still speaks.

Runs sort as text by their start, so the greatest is normally the newest producer. The rule, record by record:

1. A run speaks from its first record on, until it says ``shutdown`` or is silent for three heartbeats.
2. Of the runs that speak, the greatest is followed, from its next record on.
3. Where none speaks, the last word of the one that was followed stands; that of a greater one replaces it.

So a stray producer that was started and ended, or a run that sorts too high because its machine's clock was fast, hides
an older one that goes on for three heartbeats at most.

No two clocks are compared. The runs of one instrument lie in one partition, in one order; how long one has been silent
is told by the own clock of whoever goes on, from its first record after the other's last, and by the reader's clock
where it reads what is new. So it is the same live and in a topic read a day later, whatever the clocks say.
"""

import attrs

from market_data.domain.normalized import NormalizedBook, Reason

__all__ = ["RunFollower"]

_RUNS_KEPT = 8
"""Beside the followed one, those heard last."""


@attrs.define
class _Voice:
    """One run as it was last heard; times in µs."""

    last_seq: int = -1
    serial: int = 0
    """Counts the records of the instrument: that of its last."""
    published: int = 0
    """When its last record was published, by its own clock."""
    read: int | None = None
    """When that was read, by the reader's clock."""
    has_ended: bool = False
    """It has said ``shutdown``, or was found silent; until it speaks again."""
    alone_since: dict[str, int] = attrs.field(factory=dict)
    """By its own clock, when it first spoke after the last record of each other run."""


class RunFollower:
    """Follows one instrument's runs; its memory is bounded."""

    __slots__ = ("_serial", "_stale_after", "_voices", "run")

    def __init__(self, stale_after: int) -> None:
        """A run without a record for ``stale_after`` µs speaks no more."""
        self.run = ""
        """The one followed."""
        self._stale_after = stale_after
        self._serial = 0
        self._voices: dict[str, _Voice] = {}

    def take(self, book: NormalizedBook, published: int | None = None, read_until: int | None = None) -> bool:
        """Take the next record; tells whether it is of the run followed, and newer than what that has said.

        ``published`` is Kafka's time of it; ``read_until`` the time by the reader's clock up to which it had taken all
        that was there; both in µs from anywhere. A number that its run has passed proves no life.
        """
        run = book.run
        voice = self._voices.get(run)
        if voice is None:
            voice = self._begin(run)
        elif book.publish_seq <= voice.last_seq:
            return False
        if len(self._voices) > 1:
            self._compare(run, voice, published)
        self._serial += 1
        voice.last_seq, voice.serial, voice.read = book.publish_seq, self._serial, read_until
        voice.published = published or 0
        voice.has_ended = book.reason is Reason.SHUTDOWN
        if run != self.run:
            speaking = max((name for name in self._voices if self._speaks(name, voice)), default=None)
            if speaking == run or (speaking is None and run > self.run):
                self._follow(run)
        return run == self.run

    def fall_silent(self) -> None:
        """Take it that the run followed speaks no more: its reader has waited for it by a clock of its own."""
        if (voice := self._voices.get(self.run)) is not None:
            voice.has_ended = True

    def _follow(self, run: str) -> None:
        """What one run's clock has shown of greater ones holds for all others too, until they speak again."""
        self.run = run
        for name, voice in self._voices.items():
            if name > run:
                voice.has_ended = True

    def _begin(self, run: str) -> _Voice:
        if len(self._voices) > _RUNS_KEPT:
            oldest = min(
                (name for name in self._voices if name != self.run), key=lambda name: self._voices[name].serial
            )
            del self._voices[oldest]
            for voice in self._voices.values():
                voice.alone_since.pop(oldest, None)
        voice = self._voices[run] = _Voice()
        return voice

    def _compare(self, run: str, voice: _Voice, published: int | None) -> None:
        """Take note, for a run that speaks now, of how long it has heard nothing of each other."""
        now = published or 0
        back = max(0, voice.published - now)  # so far its clock was set
        since = {name: at - back for name, at in voice.alone_since.items()}
        voice.alone_since = {name: since.get(name, now) for name in self._voices if name != run}
        for other in self._voices.values():
            other.alone_since.pop(run, None)

    def _speaks(self, name: str, by: _Voice) -> bool:
        """Tell whether a run still speaks, now that another one does."""
        voice = self._voices[name]
        if voice.has_ended or by.published - by.alone_since.get(name, by.published) >= self._stale_after:
            return False
        return voice.read is None or by.read is None or by.read - voice.read < self._stale_after
