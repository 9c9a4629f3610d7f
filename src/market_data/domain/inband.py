"""What the rules share whose snapshots come over the stream: waiting for the first one, and telling quiet from dead.

A book that says nothing is compared with the venue's REST book: equal, and it is quiet; different, and nothing comes
within a second, and the stream is dead. Where the venue says that both are of the same moment, a difference refutes the
content.
"""

from abc import abstractmethod
from math import inf

from market_data.domain.book import InvalidLevel
from market_data.domain.effects import Purpose, Reconnect
from market_data.domain.events import Snapshot
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, Reason
from market_data.domain.sync import BookSetup, BookSync
from market_data.domain.waits import FREE_REBUILDS, Backoff

__all__ = ["InBandSync"]


class InBandSync(BookSync):
    """One book that its stream begins; what a loss costs is the rule's."""

    def __init__(self, setup: BookSetup) -> None:
        super().__init__(setup)
        self._tally = setup.tally
        self._is_accepted = False
        self._snapshot_by = inf
        self._accepted_by = inf
        """When a snapshot is due where the venue has said yes; a no makes ``_snapshot_by`` sooner."""
        first_data, longest = setup.settings.first_data_timeout_seconds, setup.settings.rebuild_max_seconds
        self._snapshot_wait = Backoff(first_data, max(first_data, longest))
        self._subscribe_wait = Backoff(setup.settings.snapshot_retry_initial_seconds, longest)
        self._probe_at = inf
        self._probe_not_before = -inf
        """Many quiet books share what may be asked of the venue: none is probed more often than its share allows."""
        self._probe_wait = Backoff(
            setup.settings.snapshot_retry_initial_seconds, setup.settings.snapshot_retry_max_seconds
        )
        self._differs_until = inf
        self._rebuild_at = inf

    # inputs

    def opened(self, now: Moment) -> None:
        super().opened(now)
        self._is_accepted = self.is_refused = False
        self._snapshot_by = self._accepted_by = now.mono + self._snapshot_wait.advance()
        self._subscribe_wait.reset()

    def denied(self, now: Moment) -> None:
        if self._snapshot_by < inf and not (self._is_accepted or self.is_refused):
            self._snapshot_by = min(self._snapshot_by, now.mono + self._settings.snapshot_retry_initial_seconds)

    def accepted(self, now: Moment) -> None:
        if self._snapshot_by < inf and not self._is_accepted:
            self._snapshot_by = max(self._accepted_by, now.mono + self._settings.first_data_timeout_seconds)
        self._is_accepted, self.is_refused = True, False

    def _begin(self) -> None:
        """A snapshot is the book now."""
        self._stands = True
        self.is_refused = False
        self._snapshot_by = self._rebuild_at = inf
        self._snapshot_wait.reset()

    def _hear(self, now: Moment) -> None:
        self._received_time = now.received
        if self._awaited is Purpose.PROBE:  # an answer may be older than what is heard now
            self._awaited = None
        self._probe_at = max(now.mono + self._settings.stream_silence_seconds, self._probe_not_before)
        self._differs_until = inf

    # probing a silent stream

    def _prove(self, now: Moment) -> None:
        self._forget(now)
        self._effects.append(Reconnect(Reason.CLOCK))

    def _take_fetched(self, purpose: Purpose, snapshot: Snapshot, now: Moment) -> None:
        theirs = self._make_book()
        try:
            theirs.replace(snapshot.bids, snapshot.asks, snapshot.limit)
        except InvalidLevel:
            self._miss_fetched(Purpose.PROBE, Reason.MALFORMED, None, now)
            return
        difference = self._book.find_difference(theirs)
        self._tally.compared(purpose, is_same=difference is None)
        if difference is None:
            self._is_quiet(now)
            return
        self._tell(
            "a silent book differs from the venue's own",
            side=difference.side,
            ours=difference.ours,
            theirs=difference.theirs,
        )
        if snapshot.sequence is not None and snapshot.sequence == self.sequence:
            self._lose(Reason.AUDIT, now)
        elif _is_older(snapshot.event_time, self._event_time):  # a cache: it proves nothing
            self._miss_fetched(Purpose.PROBE, Reason.SILENCE, None, now)
        else:
            self._differs_until = now.mono + self._settings.join_quiet_seconds

    def _is_quiet(self, now: Moment) -> None:
        """The venue's own book shows that nothing was missed."""
        self._probe_at = now.mono + max(self._settings.stream_silence_seconds, self._settings.quiet_probe_seconds)
        self._probe_wait.reset()
        self._differs_until = inf
        if self.status is not BookStatus.LIVE:
            self._touched = True
            self.settle(now)

    def _miss_fetched(self, purpose: Purpose, reason: Reason, retry_after: float | None, now: Moment) -> None:  # noqa: ARG002
        self._probe_at = now.mono + max(self._probe_wait.advance(), retry_after or 0.0)
        if self.status is BookStatus.LIVE:
            self._become(BookStatus.STALE, Reason.SILENCE, now)

    def _probe(self, now: Moment) -> None:  # noqa: ARG002 - the moment is another rule's need
        """Find out whether a silent stream still speaks."""
        self._fetch(Purpose.PROBE, self._settings.depth)

    # time

    def extend(self, seconds: float) -> None:
        self._snapshot_by += seconds
        self._accepted_by += seconds
        self._probe_at += seconds
        self._differs_until += seconds

    def _watch(self, now: Moment) -> None:
        if self._snapshot_by <= now.mono:
            self._miss_snapshot(now)
        is_asked = self._awaited is Purpose.PROBE
        if self._stands and self._probe_at <= now.mono and not is_asked and self._differs_until == inf:
            self._probe_not_before = now.mono + self._settings.quiet_probe_seconds
            self._probe(now)
        if self._differs_until <= now.mono:
            self._become(BookStatus.STALE, Reason.SILENCE, now)
            self._rebuild_alone(Reason.SILENCE, FREE_REBUILDS, now)
        if self._rebuild_at <= now.mono:
            self._leave(self.reason or Reason.CONNECTION, now)

    @abstractmethod
    def _miss_snapshot(self, now: Moment) -> None:
        """No snapshot came in time."""

    # losing

    @abstractmethod
    def _rebuild(self, reason: Reason, now: Moment) -> None:
        """Drop what stands and have it sent anew."""

    def _leave(self, reason: Reason, now: Moment) -> None:
        """Rebuild after a wait."""
        self._rebuild(reason, now)

    def _rebuild_alone(self, reason: Reason, free: int, now: Moment) -> None:
        """Rebuild for a trouble of this book only: the first ``free`` times at once, then after growing waits."""
        if self._rebuild_at < inf:  # what it says while it waits neither hastens nor delays it
            return
        wait = self._rebuild_waits.advance(free)
        if not wait:
            self._rebuild(reason, now)
            return
        self._forget(now)
        self._rebuild_at = now.mono + wait
        self._tell("a book waits before it is rebuilt", reason=reason, seconds=wait)

    def _forget(self, now: Moment) -> None:  # noqa: ARG002 - the moment is another rule's need
        self._awaited = None
        self._stands = False
        self._touched = False
        self._snapshot_by = self._probe_at = self._differs_until = self._rebuild_at = inf


def _is_older(time: int | None, other: int | None) -> bool:
    return time is not None and other is not None and time < other
