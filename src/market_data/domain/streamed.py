"""Continuity of each instrument's own stream: snapshots in band, and changes that prove themselves.

    1. A snapshot replaces the book at any time, whatever was known before; but one older than what stands is a repeat,
       and refutes it.
    2. A change before the first snapshot means nothing. Where the venue may begin with changes (``Seed.EITHER``), they
       are kept once it has said yes, and the book is fetched: it joins the change that begins at or before its id and
       ends behind it, or stands where the last one ended; it is too old where the first one kept begins later.
    3. Where changes form a chain, one is in order if it begins where the last one ended: ids are compared for identity,
       and may step back. One that ends where the book stands is a repeat, and dropped; an empty one is a sign of life.
       Any other: something is missing. Where nothing is numbered, a change older than the book is out of order.
    4. Where the venue sends a checksum, a message is applied as a whole, the sides are cut where the client has to, and
       the best levels are held against it before anything is published.
    5. Where the venue's REST book bears the stream's ids, a live book is compared with it now and then (``check``).

How a stream begins, is renewed and is probed says ``renewed``.
"""

from collections import deque
from math import inf

import attrs

from market_data.domain.book import Book, InvalidLevel
from market_data.domain.check import Check, CheckedSync
from market_data.domain.continuity import Proof, Seed, Window
from market_data.domain.effects import Purpose
from market_data.domain.events import Change, Snapshot
from market_data.domain.levels import NONE, Ladder, is_same_ladder
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, Reason
from market_data.domain.renewed import RenewedSync
from market_data.domain.sync import BookSetup
from market_data.domain.waits import Backoff

__all__ = ["StreamedSync"]


class StreamedSync(RenewedSync, CheckedSync):
    """The rule of venues whose streams prove themselves, one by one; the steps are those of the module's docstring."""

    def __init__(self, setup: BookSetup) -> None:
        self._is_chain = setup.continuity.proof is Proof.SEQUENCE
        self._digest = setup.continuity.digest
        self._cut_at = setup.continuity.levels if setup.continuity.window is Window.CLIENT else None
        self._kept = max(setup.settings.depth, setup.continuity.proven_levels or 0)
        """How many levels a side are looked at: as many as are published, and as are proven."""
        super().__init__(setup)
        self._buffer: deque[Change] = deque(maxlen=setup.settings.max_buffered_events)
        self._fetched: Snapshot | None = None
        """What no change has joined yet."""
        self._fetch_at = inf
        self._is_first_fetch = True
        self._fetch_wait = Backoff(
            setup.settings.snapshot_retry_initial_seconds, setup.settings.snapshot_retry_max_seconds
        )

    # inputs

    def extend(self, seconds: float) -> None:
        super().extend(seconds)
        if self._check is not None:
            self._check.deadline += seconds

    def opened(self, now: Moment) -> None:
        super().opened(now)
        self._is_first_fetch = True

    def snapshot(self, snapshot: Snapshot, now: Moment) -> None:  # step 1
        self._hear(now)
        if self._is_past(snapshot):
            self._tell("a snapshot is older than the book", received=snapshot.sequence, ours=self.sequence)
            if self._stands:
                self._lose(Reason.SEQUENCE, now)
            return
        self._end_check(now)
        if self._take_stream_book(snapshot, now) and self._agrees(snapshot.checksum, now):
            self._forget_fetched()
            self._stand(now)

    def _stand(self, now: Moment) -> None:
        self._begin()
        if self._continuity.is_comparable:
            self._begin_checks(now)

    def change(self, change: Change, now: Moment) -> None:
        self._hear(now)
        if not self._stands:
            if self._continuity.seed is Seed.EITHER and self._is_accepted:
                self._keep(change, now)
            return
        is_next = self._is_next(change)
        if is_next is False:
            self._lose(Reason.SEQUENCE, now)
        elif (self._follow if is_next else self._is_readable)(change, now) and self.status is not BookStatus.LIVE:
            self._touched = True

    def _is_next(self, change: Change) -> bool | None:  # step 3
        """Tell whether a change follows what stands; None where it is a repeat."""
        if self._is_chain:
            if change.first_id == _after(self.sequence):
                return True
            if change.last_id == self.sequence:
                return None
            self._tell("changes are missing", expected=_after(self.sequence), received=change.first_id)
            return False
        if change.event_time is None or self._event_time is None or change.event_time >= self._event_time:
            return True
        self._tell("a change is older than the book", received=change.event_time, expected_at_least=self._event_time)
        return False

    def _follow(self, change: Change, now: Moment) -> bool:
        """Apply a change that is in order; where it shows that the book is wrong, the book is lost."""
        time = self._event_time
        try:
            self._apply(change)
        except InvalidLevel as error:
            self._refuse_change(change, error, now)
            return False
        if change.bids == change.asks == NONE:
            self._event_time = time
        if not self._agrees(change.checksum, now):
            return False
        if change.last_id < change.first_id - 1:  # ids step back: not to be compared with those of before
            self._end_check(now)
        if self._check is not None:
            self._advance_check(self._check, change, now)
        return True

    def _apply(self, change: Change) -> None:
        super()._apply(change)
        if not self._is_chain:
            self.sequence = None

    def _agrees(self, checksum: int | None, now: Moment) -> bool:  # step 4
        """Cut the book as the venue does, and hold it against its checksum; where it differs, it is lost."""
        if self._cut_at is not None:
            self._book.cut(self._cut_at)
        if self._digest is None:
            return True
        ours = self._digest(*self._book.top())
        if ours == checksum:
            return True
        self._tell("the book differs from the venue's checksum", ours=ours, theirs=checksum)
        self._lose(Reason.AUDIT, now)
        return False

    # step 2: a stream that begins with changes

    def _keep(self, change: Change, now: Moment) -> None:
        if not self._is_readable(change, now):
            return
        if change.last_id < change.first_id - 1:  # ids step back: what came before, or was fetched, joins nothing now
            self._buffer.clear()
            self._fetched = None
            return
        if self._buffer and change.first_id != _after(self._buffer[-1].last_id):
            self._buffer.clear()
        self._buffer.append(change)
        if self._fetched is not None:  # which is not waited for any longer because of what does not join it
            self._join(self._fetched, now)
            return
        self._snapshot_by = now.mono + self._settings.first_data_timeout_seconds
        if self._awaited is None and self._fetch_at == inf:
            self._ask_book(now)

    def _ask_book(self, now: Moment, at_least: float = 0.0) -> None:
        """Fetch at once the first time, later after a growing wait; being live resets the back-off."""
        wait = max(0.0 if self._is_first_fetch else self._fetch_wait.advance(), at_least)
        self._is_first_fetch = False
        if wait > 0.0:
            self._fetch_at = now.mono + wait
        else:
            self._fetch(Purpose.SNAPSHOT, self._continuity.levels or self._settings.snapshot_limit)

    def _join(self, snapshot: Snapshot, now: Moment) -> None:
        """Begin from a fetched book, if the stream has already passed it."""
        buffer, at = self._buffer, snapshot.sequence
        oldest = buffer[0].first_id - 1 if buffer else None
        if at is None or oldest is None or at < oldest:
            self._tell("a snapshot is too old", received=at, expected_at_least=oldest)
            self._fetched = None
            self._ask_book(now)
            return
        newest = buffer[-1].last_id
        while buffer and buffer[0].last_id <= at and buffer[0].first_id != _after(at):
            buffer.popleft()
        if not buffer and newest != at:
            self._fetched = snapshot
            return
        waiting = list(buffer)
        self._forget_fetched()
        if self._is_window(snapshot) and (not waiting or waiting[0].first_id == _after(at)):
            snapshot = attrs.evolve(snapshot, limit=None)  # the stream tells what enters the window
        if not self._take_stream_book(snapshot, now):
            return
        for change in waiting:
            if not self._follow(change, now):
                return
        self._stand(now)

    def _is_window(self, snapshot: Snapshot) -> bool:
        """Tell whether a fetched book is all that the venue keeps.

        Where it is of a moment in the middle of a change that is all the same not known beyond its last level: what had
        left the window by then, and was in it before and after, no change tells.
        """
        return self._continuity.levels is not None and self._continuity.levels <= (snapshot.limit or 0)

    def _miss_snapshot(self, now: Moment) -> None:
        self._forget_fetched()
        super()._miss_snapshot(now)

    def _forget_fetched(self) -> None:
        self._buffer.clear()
        self._fetched = self._awaited = None
        self._fetch_at = inf

    def _take_fetched(self, purpose: Purpose, snapshot: Snapshot, now: Moment) -> None:
        if purpose is Purpose.SNAPSHOT:
            self._join(snapshot, now)
        elif self._check is not None:
            self._take_check(self._check, snapshot, now)
        else:
            super()._take_fetched(purpose, snapshot, now)
        self.settle(now)

    def _miss_fetched(self, purpose: Purpose, reason: Reason, retry_after: float | None, now: Moment) -> None:
        if purpose is Purpose.SNAPSHOT:
            self.explain(reason, now)
            self._ask_book(now, retry_after or 0.0)
        elif self._check is not None:
            self._miss_check(self._check, reason, retry_after, now)
        else:
            super()._miss_fetched(purpose, reason, retry_after, now)

    # step 5

    def _probe(self, now: Moment) -> None:
        self._end_check(now)  # what is silent is asked about at once
        super()._probe(now)

    def _end_check(self, now: Moment) -> None:
        """Let a check be; an answer to it means nothing any more, and the next one waits as if it had failed."""
        if self._check is not None:
            self._drop_check(now)

    def _take_older(self, check: Check, received: int | None, now: Moment) -> None:  # noqa: ARG002 - an audit proves or not
        self._drop_check(now)

    def _agree(self, now: Moment) -> None:
        """An audit that agrees changes nothing."""

    def _watch(self, now: Moment) -> None:
        super()._watch(now)
        self._watch_checks(now)
        if self._check is not None and self._check.deadline <= now.mono:
            self._drop_check(now)  # what lies beyond the window moves ids that the stream need not tell
        if self._fetch_at <= now.mono and self._awaited is None:
            self._fetch_at = inf
            self._fetch(Purpose.SNAPSHOT, self._continuity.levels or self._settings.snapshot_limit)

    def _judge(self, now: Moment) -> None:
        super()._judge(now)
        if self.status is BookStatus.LIVE:
            self._is_first_fetch = True
            self._fetch_wait.reset()

    def _forget(self, now: Moment) -> None:
        super()._forget(now)
        self._check = None
        self._audit_at = inf
        self._forget_fetched()

    # what is published of what is kept

    def _make_book(self) -> Book:
        return self._books(self._kept)

    def _top(self) -> tuple[Ladder, Ladder]:
        bids, asks = self._book.top()
        if self._kept == self._settings.depth:
            return bids, asks
        return Ladder(None, bids[: self._settings.depth]), Ladder(None, asks[: self._settings.depth])

    def _news(self) -> tuple[Ladder, Ladder] | None:
        if self._kept == self._settings.depth:
            return super()._news()
        bids, asks = self._top()
        return None if is_same_ladder(bids, self._bids) and is_same_ladder(asks, self._asks) else (bids, asks)


def _after(last_id: int | None) -> int | None:
    return None if last_id is None else last_id + 1
