"""A second book brought to the same id as the first, and compared with it as far as both know.

That is at once the audit of the content, the probe of a silent stream (an id that the venue already has must reach us
within a second), and the re-seed of a book whose known depth has worn down. Changes that come meanwhile are applied to
both, each from its own id on; where the venue's REST interface is behind its stream, they are collected for a while
before it is asked, so that its book can be brought to ours.
"""

from abc import abstractmethod
from math import inf
from zlib import crc32

import attrs

from market_data.domain.book import Book, InvalidLevel
from market_data.domain.effects import Purpose
from market_data.domain.events import Change, Snapshot
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, Reason
from market_data.domain.sync import BookSetup, BookSync
from market_data.domain.waits import Backoff

__all__ = ["Check", "CheckedSync"]

_CHECK_LEVELS = 100
"""Levels a side asked for in a probe or an audit: the most that the cheapest request gives."""
_FIRST_LEAD_SECONDS = 1.0
_MAX_LEAD_SECONDS = 8.0


@attrs.define
class Check:
    """A second book on its way to the same id as the first."""

    purpose: Purpose
    asked_at_id: int
    changes: list[Change] = attrs.field(factory=list)
    """What the stream has said since, and so answered for itself."""
    book: Book | None = None
    sequence: int = -1
    deadline: float = inf
    fetch_at: float = inf
    """When to ask for it, where changes are collected first."""


class CheckedSync(BookSync):
    """One book whose changes have ids that only grow, checked against the venue's own now and then."""

    def __init__(self, setup: BookSetup) -> None:
        super().__init__(setup)
        self._check: Check | None = None
        self._tally = setup.tally
        self._check_backoff = Backoff(
            setup.settings.snapshot_retry_initial_seconds, setup.settings.snapshot_retry_max_seconds
        )
        self._check_at = 0.0
        self._audit_at = inf
        self._heard_at = 0.0
        self._probe_not_before = -inf
        self._lead = 0.0
        """How long changes are collected before a book is asked for that it can be compared with."""

    def _begin_checks(self, now: Moment) -> None:
        """The book stands from now on."""
        self._check_backoff.reset()
        self._heard_at = now.mono
        period = self._settings.audit_seconds
        share = crc32(self.instrument.key.encode()) / 2**32
        self._audit_at = now.mono + period * (0.5 + share) if period > 0 else inf

    def _begin_check(self, purpose: Purpose, now: Moment) -> None:
        if self.sequence is None or self._is_busy(purpose) or self._is_too_soon(purpose, now):
            return
        self._check = Check(purpose, self.sequence)
        if purpose is Purpose.PROBE or not self._lead:
            self._fetch_check(self._check)
        else:
            self._check.fetch_at = now.mono + self._lead

    def _fetch_check(self, check: Check) -> None:
        check.fetch_at = inf
        self._fetch(check.purpose, self._settings.snapshot_limit if check.purpose is Purpose.RESEED else _CHECK_LEVELS)

    def _is_busy(self, purpose: Purpose) -> bool:
        """Tell whether an answer must be waited for first; silence does not wait for one that may never come."""
        if self._check is not None and self._check.book is None and purpose is Purpose.PROBE:
            return self._check.purpose is Purpose.PROBE
        return self._check is not None or self._awaited is not None

    def _is_too_soon(self, purpose: Purpose, now: Moment) -> bool:
        """Tell whether the last failure is too near; what is said to be live is probed in time, whatever failed."""
        return now.mono < self._check_at and not (purpose is Purpose.PROBE and self.status is BookStatus.LIVE)

    def _advance_check(self, check: Check, change: Change, now: Moment) -> None:
        """Another change was applied to the first book: it is also the second one's, from its own id on."""
        if check.book is None:
            check.changes.append(change)
            if len(check.changes) > self._settings.max_buffered_events:
                self._drop_check(now)
            return
        if change.last_id > check.sequence:
            check.book.apply(change.bids, change.asks)
            check.sequence = change.last_id
        self._compare_when_level(check, now)

    def _take_check(self, check: Check, snapshot: Snapshot, now: Moment) -> None:
        if snapshot.sequence is None or snapshot.sequence < check.asked_at_id:
            if check.purpose is not Purpose.PROBE:  # the venue's REST interface is behind its stream
                self._tell("a book to compare with is too old", received=snapshot.sequence, ours=check.asked_at_id)
                self._lead = min(max(_FIRST_LEAD_SECONDS, 2 * self._lead), _MAX_LEAD_SECONDS)
            self._take_older(check, snapshot.sequence, now)
            return
        check.book = self._make_book()
        try:
            check.book.replace(snapshot.bids, snapshot.asks, snapshot.limit)
        except InvalidLevel:
            self._miss_check(check, Reason.MALFORMED, None, now)
            return
        check.sequence = snapshot.sequence
        check.deadline = now.mono + self._settings.join_quiet_seconds
        for change in check.changes:
            if change.last_id > check.sequence:
                check.book.apply(change.bids, change.asks)
                check.sequence = change.last_id
        check.changes.clear()
        self._compare_when_level(check, now)

    def _compare_when_level(self, check: Check, now: Moment) -> None:
        if check.book is None or check.sequence != self.sequence:
            return
        difference = self._book.find_difference(check.book)
        self._check = None
        self._tally.compared(check.purpose, is_same=difference is None)
        if difference is not None:
            self._tell(
                "the book differs from the venue's own",
                side=difference.side,
                ours=difference.ours,
                theirs=difference.theirs,
                sequence=self.sequence,
            )
            self._lose(Reason.AUDIT, now)
            return
        self._check_backoff.reset()
        self._is_doubted = False
        self._heard_at = now.mono
        self._probe_not_before = now.mono + self._settings.quiet_probe_seconds
        self._audit_at = now.mono + self._settings.audit_seconds if self._settings.audit_seconds > 0 else inf
        if check.purpose is Purpose.RESEED:
            self._book = check.book
            if not self._book.knows(self._settings.reseed_below_levels):
                self._check_at = now.mono + self._check_backoff.advance()
        self._agree(now)

    @abstractmethod
    def _take_older(self, check: Check, received: int | None, now: Moment) -> None:
        """Do with an answer that is older than what stood when it was asked for."""

    @abstractmethod
    def _agree(self, now: Moment) -> None:
        """The venue's own book agrees with what stands."""

    def _drop_check(self, now: Moment) -> None:
        self._check = None
        self._awaited = None
        self._check_at = now.mono + self._check_backoff.advance()

    def _miss_check(self, check: Check, reason: Reason, retry_after: float | None, now: Moment) -> None:
        self._drop_check(now)
        self._check_at = max(self._check_at, now.mono + (retry_after or 0.0))
        if check.purpose is not Purpose.PROBE:
            return
        if self.status is not BookStatus.LIVE:
            self.explain(reason, now)
        elif not check.changes:
            self._become(BookStatus.STALE, Reason.SILENCE, now)

    def _watch_checks(self, now: Moment) -> None:
        """Ask for what is due."""
        if self._check is not None and self._check.fetch_at <= now.mono:
            self._fetch_check(self._check)
        is_auditable = self.status is BookStatus.LIVE or self.reason is Reason.CROSSED
        if self._audit_at <= now.mono and self._stands and is_auditable:
            self._begin_check(Purpose.AUDIT, now)
