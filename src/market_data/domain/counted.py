"""Continuity by counting frames: one number per connection, snapshots in band, over every channel.

The procedure, after what is measured on Coinbase Advanced Trade (its document says the number counts per product; it
does not: it counts every frame of the connection, acknowledgements and heartbeats included, from 0):

    1. A connection is opened and subscribed; its first frame has number 0.
    2. Each frame's number is exactly one more than the last one's. A hole, a repeat or a step back: some frame of some
       instrument is lost or doubled, and nobody can tell whose. Every book of the connection is refuted.
    3. A snapshot replaces the book of its instrument, whatever was known before, and makes it live.
    4. Changes before the first snapshot mean nothing; later ones are applied.
    5. There is no second snapshot to be had on the same connection: to rebuild is to reconnect. A book whose own
       events cannot be read waits longer and longer for that, from the first time on, and so does one that falls silent
       alone again and again. Where others of its connection would pay for it, it then moves to a connection of its own,
       and they stay live.
    6. An instrument that the venue refuses, or leaves out when it acknowledges others, is asked for again on the same
       connection, after growing waits; where all are refused, on another.

A book without any frame is compared with the venue's REST book: equal, and it is quiet; different, and nothing comes
within a second, and the stream is dead.
"""

from math import inf

from market_data.domain.book import BookFactory, InvalidLevel, OrderBook
from market_data.domain.continuity import ACCOUNTED, Continuity
from market_data.domain.effects import Effect, Isolate, Purpose, Reconnect, Renew
from market_data.domain.events import Change, Snapshot
from market_data.domain.instrument import Instrument
from market_data.domain.levels import NONE
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, Reason
from market_data.domain.sync import BookSync, SyncSettings
from market_data.domain.waits import FREE_REBUILDS, Backoff

__all__ = ["CountedSync"]

_PROBE_LEVELS = 20


class CountedSync(BookSync):
    """The rule of venues that number their frames; the steps are those of the module's docstring."""

    def __init__(
        self,
        instrument: Instrument,
        settings: SyncSettings,
        effects: list[Effect],
        *,
        continuity: Continuity = ACCOUNTED,
        may_cross: bool = False,
        books: BookFactory = OrderBook,
    ) -> None:
        super().__init__(instrument, settings, effects, continuity=continuity, may_cross=may_cross, books=books)
        self._is_accepted = False
        self._snapshot_by = inf
        self._accepted_by = inf
        """When a snapshot is due where the venue has said yes; a no makes ``_snapshot_by`` sooner."""
        first_data, longest = settings.first_data_timeout_seconds, settings.rebuild_max_seconds
        self._snapshot_wait = Backoff(first_data, max(first_data, longest))
        self._subscribe_wait = Backoff(settings.snapshot_retry_initial_seconds, longest)
        self._probe_at = inf
        self._probe_wait = Backoff(settings.snapshot_retry_initial_seconds, settings.snapshot_retry_max_seconds)
        self._differs_until = inf
        self._rebuild_at = inf

    # inputs

    def opened(self, now: Moment) -> None:
        super().opened(now)
        self._is_accepted = self.is_refused = False
        self._snapshot_by = self._accepted_by = now.mono + self._snapshot_wait.advance()
        self._subscribe_wait.reset()

    def denied(self, now: Moment) -> None:  # step 6
        if self._snapshot_by < inf and not (self._is_accepted or self.is_refused):
            self._snapshot_by = min(self._snapshot_by, now.mono + self._settings.snapshot_retry_initial_seconds)

    def accepted(self, now: Moment) -> None:
        if self._snapshot_by < inf and not self._is_accepted:
            self._snapshot_by = max(self._accepted_by, now.mono + self._settings.first_data_timeout_seconds)
        self._is_accepted, self.is_refused = True, False

    def snapshot(self, snapshot: Snapshot, now: Moment) -> None:
        self._hear(now)
        try:
            self._take_book(snapshot)  # step 3
        except InvalidLevel as error:
            self._tell("a snapshot could not be read", problem=str(error), sequence=snapshot.sequence)
            self._lose(Reason.MALFORMED, now)
            return
        self._stands = True
        self.is_refused = False
        self._snapshot_by = self._rebuild_at = inf
        self._snapshot_wait.reset()

    def change(self, change: Change, now: Moment) -> None:
        self._hear(now)
        if not self._stands:  # step 4
            return
        frame, time = self.sequence, self._event_time
        try:
            self._apply(change)
        except InvalidLevel as error:
            self._tell("a change could not be applied", problem=str(error), sequence=change.last_id)
            self._lose(Reason.MALFORMED, now)
            return
        is_same_frame_or_empty = change.last_id == frame or change.bids == change.asks == NONE
        if is_same_frame_or_empty and time is not None:  # the largest of a frame counts; no levels, no change
            self._event_time = max(time, change.event_time or time)
        if self.status is not BookStatus.LIVE:
            self._touched = True

    def _hear(self, now: Moment) -> None:
        self._received_time = now.received
        self._awaited = None  # an answer may be older than what is heard now
        self._probe_at = now.mono + self._settings.stream_silence_seconds
        self._differs_until = inf

    # probing a silent stream

    def _prove(self, now: Moment) -> None:
        self._rebuild(Reason.CLOCK, now)

    def _take_fetched(self, purpose: Purpose, snapshot: Snapshot, now: Moment) -> None:  # noqa: ARG002 - only probes
        theirs = self._books(self._settings.depth)
        try:
            theirs.replace(snapshot.bids, snapshot.asks, snapshot.limit)
        except InvalidLevel:
            self._miss_fetched(Purpose.PROBE, Reason.MALFORMED, None, now)
            return
        difference = self._book.find_difference(theirs)
        if difference is None:
            self._probe_at = now.mono + max(self._settings.stream_silence_seconds, self._settings.quiet_probe_seconds)
            self._probe_wait.reset()
            self._differs_until = inf
            if self.status is not BookStatus.LIVE:
                self._touched = True
                self.settle(now)
            return
        self._tell(
            "a silent book differs from the venue's own",
            side=difference.side,
            ours=difference.ours,
            theirs=difference.theirs,
        )
        if _is_older(snapshot.event_time, self._event_time):  # a cache: it proves nothing
            self._miss_fetched(Purpose.PROBE, Reason.SILENCE, None, now)
            return
        self._differs_until = now.mono + self._settings.join_quiet_seconds

    def _miss_fetched(self, purpose: Purpose, reason: Reason, retry_after: float | None, now: Moment) -> None:  # noqa: ARG002
        self._probe_at = now.mono + max(self._probe_wait.advance(), retry_after or 0.0)
        if self.status is BookStatus.LIVE:
            self._become(BookStatus.STALE, Reason.SILENCE, now)

    # time

    def extend(self, seconds: float) -> None:
        self._snapshot_by += seconds
        self._accepted_by += seconds
        self._probe_at += seconds
        self._differs_until += seconds

    def _watch(self, now: Moment) -> None:
        if self._snapshot_by <= now.mono:
            self._miss_snapshot(now)
        if self._stands and self._probe_at <= now.mono and self._awaited is None and self._differs_until == inf:
            self._fetch(Purpose.PROBE, _PROBE_LEVELS)
        if self._differs_until <= now.mono:
            self._become(BookStatus.STALE, Reason.SILENCE, now)
            self._rebuild_alone(Reason.SILENCE, FREE_REBUILDS, now)
        if self._rebuild_at <= now.mono:
            self._leave(self.reason or Reason.CONNECTION, now)

    def _miss_snapshot(self, now: Moment) -> None:
        """No snapshot came: refused instruments are said to be so (step 6), accepted ones tried on another connection.

        The others of the connection are not disturbed for the sake of one that is refused; where all are, the caller
        reconnects.
        """
        if self._is_accepted:
            self._snapshot_by = inf
            self.explain(Reason.SILENCE, now)
            self._effects.append(Reconnect(Reason.SILENCE))
            return
        self.is_refused = True
        self.explain(Reason.REJECTED, now)
        wait = self._subscribe_wait.advance()
        self._snapshot_by = now.mono + wait
        self._tell("the venue does not acknowledge an instrument, asking again", seconds=wait)
        self._effects.append(Renew(self.instrument))

    # losing

    def _lose(self, reason: Reason, now: Moment) -> None:
        self._become(BookStatus.GAP, reason, now)
        if reason in (Reason.SEQUENCE, Reason.CROSSED):  # everybody's trouble; what crosses for long is kept
            self._rebuild(reason, now)
        else:
            self._rebuild_alone(reason, 0 if self.shares_connection else FREE_REBUILDS, now)

    def _rebuild(self, reason: Reason, now: Moment) -> None:  # step 5
        self._forget(now)
        self._effects.append(Reconnect(reason))

    def _rebuild_alone(self, reason: Reason, free: int, now: Moment) -> None:  # step 5, for a trouble of this book only
        if self._rebuild_at < inf:  # what it says while it waits neither hastens nor delays it
            return
        wait = self._rebuild_waits.advance(free)
        if not wait:
            self._rebuild(reason, now)
            return
        self._forget(now)
        self._rebuild_at = now.mono + wait
        self._tell("a book waits before it is rebuilt", reason=reason, seconds=wait)

    def _leave(self, reason: Reason, now: Moment) -> None:  # step 5, after the wait
        if self.shares_connection:
            self._effects.append(Isolate(self.instrument, reason))
        else:
            self._rebuild(reason, now)

    def _forget(self, now: Moment) -> None:  # noqa: ARG002 - the moment is the other rule's need
        self._awaited = None
        self._stands = False
        self._touched = False
        self._snapshot_by = self._probe_at = self._differs_until = self._rebuild_at = inf


def _is_older(time: int | None, other: int | None) -> bool:
    return time is not None and other is not None and time < other
