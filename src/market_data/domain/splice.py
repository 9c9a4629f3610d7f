"""Continuity by id ranges: a stream of changes joined to a snapshot that is fetched, one instrument at a time.

The procedure, after Binance's "How to manage a local order book correctly" with the rule that real splices obey (its
step 5 taken literally fails on most of them, because a snapshot's id usually is an event's last one):

    1. The stream is subscribed first; one that the venue refuses is asked for again after growing waits.
    2. Every event is buffered; the buffer has no hole, or starts anew behind it.
    3. A snapshot is fetched once the venue has acknowledged the subscription, or an event came.
    4. A snapshot that ends before the stream begins (``id + 1 < U`` of the first event) is too old: fetch again, keep
       the buffer. Where there is no event to tell, nothing older than what was live here is taken. A stream that says
       nothing either, for as long as a new one may take to speak, is renewed.
    5. The book is the snapshot. Buffered events with ``u <= id`` are dropped, the others applied by step 6.
    6. An event with ``u <= local`` is stale: dropped. Several in a row that are all later than the last one applied
       show that the venue counts anew: go back to step 2 with the last of them; the first makes the book be probed,
       and if the venue's own book has an earlier id as well, go back to step 2 at once.
       ``U > local + 1``: events are missing, go back to step 2 with this event. Else ``U <= local + 1 <= u``: apply it,
       local becomes ``u``. Sizes are absolute, so an overlap is harmless.
    7. The book is live once an event has joined by step 6, or when after a second in which nothing came the venue
       still gives the same id, unless the stream ended before that id: then it is behind, and is renewed in the end.
    8. A live book is checked against a second snapshot now and then (``check``).
"""

from collections import deque
from enum import Enum
from math import inf

from market_data.domain.book import InvalidLevel
from market_data.domain.check import Check, CheckedSync
from market_data.domain.effects import Purpose, Reconnect, Renew
from market_data.domain.events import Change, Snapshot
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, Reason
from market_data.domain.sync import BookSetup
from market_data.domain.waits import FREE_REBUILDS, Backoff

__all__ = ["SplicedSync"]

_STALE_EVENTS = 3
"""So many stale events in a row, each later than what was applied, and the venue counts anew."""
_MOST_RENEWALS = 2
"""A stream renewed so often in vain is tried on another connection, once: the other instruments pay for it."""


class _Phase(Enum):
    IDLE = "no connection"
    BUFFERING = "events are kept until a snapshot comes"
    JOINING = "the snapshot stands, no event has joined yet"
    JOINED = "an event has joined, or the venue confirmed the id"


class SplicedSync(CheckedSync):
    """The rule of venues whose changes carry id ranges; the steps are those of the module's docstring."""

    def __init__(self, setup: BookSetup) -> None:
        super().__init__(setup)
        self._phase = _Phase.IDLE
        self._buffer: deque[Change] = deque(maxlen=setup.settings.max_buffered_events)
        self._backoff = Backoff(
            setup.settings.snapshot_retry_initial_seconds, setup.settings.snapshot_retry_max_seconds
        )
        self._fetch_at = inf
        self._quiet_at = inf
        self._join_by = inf
        self._speak_by = inf
        self._is_first_attempt = True
        self._shown_id = -1
        """The last id that stood here; nothing older is taken without an event that joins it."""
        self._stream_id: int | None = None
        """The last id that this stream gave, as long as nothing of it was applied."""
        self._has_followed = False
        """An event of the stream was applied to the book that stands."""
        self._stale_events = 0
        self._renewals = 0

    # inputs

    def opened(self, now: Moment) -> None:
        super().opened(now)
        self._phase = _Phase.BUFFERING  # step 2
        self._stream_id = None
        if self._renewals > _MOST_RENEWALS:  # all that the venue says is older than what stood here, and it keeps to it
            self._shown_id = -1
        self._speak_by = now.mono + self._settings.first_data_timeout_seconds
        self._is_first_attempt = True

    def denied(self, now: Moment) -> None:  # step 1
        if self._phase is _Phase.BUFFERING and self._speak_by < inf:
            self._speak_by = min(self._speak_by, now.mono + self._backoff.advance())

    def accepted(self, now: Moment) -> None:
        self._speak_by = inf
        self._want_snapshot(now)  # step 3

    def change(self, change: Change, now: Moment) -> None:
        self._received_time = now.received
        if self._phase is _Phase.BUFFERING:
            self._keep(change, now)
        elif self._phase is not _Phase.IDLE:
            self._follow(change, now)

    def snapshot(self, snapshot: Snapshot, now: Moment) -> None:
        self._tell("a snapshot came over a stream that has none", sequence=snapshot.sequence)
        self.refuse(Reason.MALFORMED, now, was_depth=True)

    # step 2: buffer

    def _keep(self, change: Change, now: Moment) -> None:
        buffer = self._buffer
        self._renewals = 0
        self._speak_by = inf
        if buffer:
            last = buffer[-1]
            if change.last_id <= last.last_id:
                if self._is_readable(change, now) and self._counts_anew(change, last.event_time):
                    self._step_back(last.last_id, change, now)
                return
            if change.first_id > last.last_id + 1:
                self._tell_hole(last.last_id, change)
                self._become(BookStatus.GAP, Reason.SEQUENCE, now)
                buffer.clear()
        self._stale_events = 0
        buffer.append(change)
        self._want_snapshot(now)  # step 3

    # step 6: follow

    def _follow(self, change: Change, now: Moment) -> None:
        local = self.sequence
        if local is None:
            return
        if change.last_id <= local:
            if self._is_readable(change, now):
                self._pass_over(change, local, now)
            return
        self._heard_at = now.mono
        self._renewals = 0
        self._stale_events = 0
        if change.first_id > local + 1:
            self._miss_changes(change, local, now)
            return
        try:
            self._apply(change)
        except InvalidLevel as error:
            self._refuse_change(change, error, now)
            return
        self._has_followed = True
        if self._phase is _Phase.JOINING:  # step 7
            self._join(now)
        elif self.status is not BookStatus.LIVE:
            self._touched = True
        if self._check is not None:
            self._advance_check(self._check, change, now)
        if not self._book.knows(self._settings.reseed_below_levels) and self._book.knows(self._settings.depth):
            self._begin_check(Purpose.RESEED, now)

    def _refuse_change(self, change: Change, error: InvalidLevel, now: Moment) -> None:
        super()._refuse_change(change, error, now)
        self._shown_id = max(self._shown_id, change.last_id)

    def _pass_over(self, change: Change, local: int, now: Moment) -> None:
        """Drop a stale event, and wonder whether the venue counts anew."""
        if self._phase is _Phase.JOINING:
            self._stream_id = change.last_id
            self._quiet_at = now.mono + self._settings.join_quiet_seconds
        elif not self._has_followed:  # it joined for being quiet, and was not
            self._tell("the stream is behind the snapshot", snapshot=local, received=change.last_id)
            self._lose(Reason.SEQUENCE, now)
            self._shown_id = -1
            self._buffer.append(change)
        elif self._counts_anew(change, self._event_time):
            self._step_back(local, change, now)
        elif self._stale_events == 1:
            self._begin_check(Purpose.PROBE, now)

    @property
    def _is_stream_behind(self) -> bool:
        """Tell whether the stream has yet to say what the snapshot holds."""
        return self._stream_id is not None and self._stream_id != self.sequence

    def _counts_anew(self, change: Change, time: int | None) -> bool:
        """Count a stale event; tell whether there were too many, each later than this time, to be late ones."""
        if change.event_time is None or time is None or change.event_time <= time:
            return False
        self._stale_events += 1
        return self._stale_events >= _STALE_EVENTS

    def _miss_changes(self, change: Change, local: int, now: Moment) -> None:
        """Begin anew behind a hole; before the first event of the stream there is none, but an old snapshot."""
        if self._phase is _Phase.JOINING and self._stream_id is None:  # step 4
            self._tell("a snapshot is too old", received=local, expected_at_least=change.first_id - 1)
            self._restart(now)
        else:
            self._tell_hole(local, change)
            self._lose(Reason.SEQUENCE, now)
        self._buffer.append(change)

    def _judge(self, now: Moment) -> None:
        super()._judge(now)
        if self.status is BookStatus.LIVE:
            self._is_first_attempt = True
            self._backoff.reset()

    def _step_back(self, local: int, change: Change, now: Moment) -> None:
        """Ids only grow, so an event that is later and has earlier ones begins another sequence."""
        self._tell("the venue's ids stepped back", expected=local + 1, received=change.first_id)
        self._lose(Reason.SEQUENCE, now)
        self._shown_id = -1
        self._buffer.append(change)

    def _tell_hole(self, local: int, change: Change) -> None:
        self._tell(
            "changes are missing", expected=local + 1, received=change.first_id, missing=change.first_id - local - 1
        )

    def _join(self, now: Moment) -> None:
        self._phase = _Phase.JOINED
        self._quiet_at = self._join_by = inf
        self._stream_id = None
        self._stands = True
        self._touched = True
        self._begin_checks(now)

    # steps 3 to 5: the snapshot

    def _want_snapshot(self, now: Moment) -> None:
        if self._phase is _Phase.BUFFERING and self._awaited is None and self._fetch_at == inf:
            self._ask_snapshot(now)

    def _ask_snapshot(self, now: Moment, at_least: float = 0.0) -> None:
        """Fetch at once the first time, later after a growing wait; being live resets the back-off."""
        wait = 0.0 if self._is_first_attempt else self._backoff.advance()
        self._is_first_attempt = False
        wait = max(wait, at_least)
        if wait > 0.0:
            self._fetch_at = now.mono + wait
        else:
            self._fetch_at = inf
            self._fetch(Purpose.SNAPSHOT, self._settings.snapshot_limit)

    def _splice(self, snapshot: Snapshot, now: Moment) -> None:
        sequence = snapshot.sequence
        if sequence is None:
            self._ask_snapshot(now)
            return
        oldest = self._buffer[0].first_id - 1 if self._buffer else self._shown_id
        if sequence < oldest:  # step 4
            self._tell("a snapshot is too old", received=sequence, expected_at_least=oldest)
            self._ask_snapshot(now)
            if self._speak_by == inf:
                self._speak_by = now.mono + self._settings.first_data_timeout_seconds
            return
        self._speak_by = inf
        try:
            self._take_book(snapshot)  # step 5
            self._has_followed = False
        except InvalidLevel as error:
            self._tell("a snapshot could not be read", problem=str(error))
            self._lose(Reason.MALFORMED, now)
            return
        self._phase = _Phase.JOINING
        self._stale_events = 0
        self._quiet_at = now.mono + self._settings.join_quiet_seconds
        self._join_by = now.mono + self._settings.first_data_timeout_seconds
        waiting = list(self._buffer)
        self._buffer.clear()
        for change in waiting:
            if self._phase in (_Phase.JOINING, _Phase.JOINED):
                self._follow(change, now)
            else:
                self._keep(change, now)

    # checks (``check``)

    def _take_older(self, check: Check, received: int | None, now: Moment) -> None:
        if check.purpose is Purpose.PROBE and self._stale_events:  # stream and REST interface say so: step 6
            self._tell("the venue's ids stepped back", expected=check.asked_at_id, received=received)
            self._lose(Reason.SEQUENCE, now)
            return
        self._miss_check(check, Reason.SILENCE, None, now)
        if check.purpose is Purpose.PROBE and self.status is not BookStatus.LIVE:
            self._restart(now)  # a cache, or ids of another sequence: only a new splice can tell

    def _agree(self, now: Moment) -> None:
        if self._phase is _Phase.JOINING:
            if self._is_stream_behind:
                self._quiet_at = inf
            elif self._quiet_at <= now.mono:  # step 7, without an event
                self._join(now)
        elif self.status is not BookStatus.LIVE:
            self._touched = True

    def _prove(self, now: Moment) -> None:
        if self._phase is _Phase.JOINED:
            self._is_doubted = True
            self._check = None
            self._awaited = None
        elif self._phase is not _Phase.IDLE:
            self._restart(now)

    # answers

    def _take_fetched(self, purpose: Purpose, snapshot: Snapshot, now: Moment) -> None:
        if purpose is Purpose.SNAPSHOT:
            self._splice(snapshot, now)
        elif self._check is not None:
            self._take_check(self._check, snapshot, now)
        self.settle(now)

    def _miss_fetched(self, purpose: Purpose, reason: Reason, retry_after: float | None, now: Moment) -> None:
        if purpose is Purpose.SNAPSHOT:
            self.explain(reason, now)
            self._ask_snapshot(now, retry_after or 0.0)
        elif self._check is not None:
            self._miss_check(self._check, reason, retry_after, now)

    # time

    def extend(self, seconds: float) -> None:
        self._speak_by += seconds
        self._quiet_at += seconds
        self._join_by += seconds
        self._heard_at += seconds
        if self._check is not None:
            self._check.deadline += seconds

    def _watch(self, now: Moment) -> None:
        if self._fetch_at <= now.mono and self._awaited is None:
            self._fetch_at = inf
            self._fetch(Purpose.SNAPSHOT, self._settings.snapshot_limit)
        if self._speak_by <= now.mono:
            if self.reason is not Reason.REJECTED:
                self.explain(Reason.SILENCE, now)
            self._renew()
            self._speak_by = now.mono + self._settings.first_data_timeout_seconds
        if self._quiet_at <= now.mono:
            self._begin_check(Purpose.PROBE, now)
        if self._join_by <= now.mono:
            self._join_by = inf
            if self._is_stream_behind:
                self._tell("no event joins the snapshot", snapshot=self.sequence, received=self._stream_id)
                self._restart(now)
                self._renew()
        is_silent = now.mono >= max(self._heard_at + self._settings.stream_silence_seconds, self._probe_not_before)
        if self._phase is _Phase.JOINED and (is_silent or self._is_doubted):
            self._begin_check(Purpose.PROBE, now)
        self._watch_checks(now)
        if self._check is not None and self._check.deadline <= now.mono:
            self._tell("the stream is behind the venue's own book", ours=self.sequence, theirs=self._check.sequence)
            self._become(BookStatus.STALE, Reason.SILENCE, now)
            self._restart(now)
            self._renew()

    def _renew(self) -> None:
        """Have the stream sent anew, by and by on another connection."""
        self._renewals += 1
        self._stream_id = None
        is_in_vain = self._renewals == _MOST_RENEWALS + 1
        self._effects.append(Reconnect(Reason.SILENCE) if is_in_vain else Renew(self.instrument))

    # losing

    def _return_to(self, sequence: int | None) -> None:
        if self._phase is not _Phase.JOINED and self.sequence is not None:
            self._shown_id = self.sequence
        if self._phase is _Phase.JOINING:
            self.sequence = sequence
        super()._return_to(sequence)

    def _lose(self, reason: Reason, now: Moment) -> None:
        self._become(BookStatus.GAP, reason, now)
        is_own_trouble = reason is Reason.MALFORMED and self._fetch_at == inf
        self._restart(now, self._rebuild_waits.advance(FREE_REBUILDS) if is_own_trouble else 0.0)

    def _restart(self, now: Moment, at_least: float = 0.0) -> None:
        """Go back to step 2: nothing that stands is used again. A fetch that is due later stays due then."""
        was_idle, due = self._phase is _Phase.IDLE, self._fetch_at
        self._forget(now)
        if was_idle:
            return
        self._phase = _Phase.BUFFERING
        if due < inf:
            self._fetch_at = due
        else:
            self._ask_snapshot(now, at_least)

    def _forget(self, now: Moment) -> None:  # noqa: ARG002 - the moment is the other rule's need
        if self._phase is _Phase.JOINED and self.sequence is not None:
            self._shown_id = self.sequence
        self._phase = _Phase.IDLE
        self._buffer.clear()
        self._check = None
        self._awaited = None
        self._stands = False
        self._touched = False
        self._is_doubted = False
        self._stale_events = 0
        self._fetch_at = self._quiet_at = self._join_by = self._speak_by = inf
