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

from market_data.domain.book import InvalidLevel
from market_data.domain.effects import Isolate, Reconnect, Renew
from market_data.domain.events import Change, Snapshot
from market_data.domain.inband import InBandSync
from market_data.domain.levels import NONE
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, Reason
from market_data.domain.waits import FREE_REBUILDS

__all__ = ["CountedSync"]


class CountedSync(InBandSync):
    """The rule of venues that number their frames; the steps are those of the module's docstring."""

    def snapshot(self, snapshot: Snapshot, now: Moment) -> None:
        self._hear(now)
        try:
            self._take_book(snapshot)  # step 3
        except InvalidLevel as error:
            self._tell("a snapshot could not be read", problem=str(error), sequence=snapshot.sequence)
            self._lose(Reason.MALFORMED, now)
            return
        self._begin()

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

    def _miss_snapshot(self, now: Moment) -> None:
        """Refused instruments are said to be so (step 6), accepted ones tried on another connection.

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

    def _leave(self, reason: Reason, now: Moment) -> None:  # step 5, after the wait
        if self.shares_connection:
            self._effects.append(Isolate(self.instrument, reason))
        else:
            self._rebuild(reason, now)
