"""What a reader remembers of the market beyond its latest records: minutes, curves, statuses and events.

Fed with what a display is shown, record by record, at a cost that depends on neither how many instruments there are nor
how fast they go; figures are made when somebody asks. None of them exists for a book that is not live. Instruments
beyond ``most_keys`` are forgotten, those not heard of for longest first.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import attrs

from market_data.domain.curve import CURVE_SECONDS, MidBucket
from market_data.domain.moment import Moment
from market_data.domain.normalized import MOST_KEYS, BookStatus, Reason
from market_data.domain.quote import Quote
from market_data.domain.rolling import Minute, Rolling
from market_data.domain.spans import span

__all__ = ["MOST_CHANGES", "MOST_EVENTS", "Event", "StatusChange", "Watch"]

MOST_CHANGES = 50
"""Of one instrument."""
MOST_EVENTS = 1000
"""Of all together."""


@attrs.frozen
class StatusChange:
    """A time during which an instrument had one status for one reason; times are µs since 1970 UTC."""

    since: int
    status: BookStatus
    reason: Reason | None
    until: int | None = None
    """None: it still has it."""
    is_silence: bool = False
    """No record came for three heartbeats: the reader says ``stale``, and not the producer."""
    trouble: str | None = None
    """What kept all records from coming, so that it could not be heard: ``broker unreachable``."""


@attrs.frozen
class Event:
    """Something that happened to an instrument, in plain words."""

    at: int
    """µs since 1970 UTC: when it began, by its record's own time."""
    key: str
    """``exchange:symbol``; empty where it is of none."""
    status: BookStatus | None
    """What the book is since; None where that did not change."""
    what: str
    """``gap: sequence``, ``live again after 1.2 s``."""


_Standing: TypeAlias = tuple[BookStatus, Reason | None, bool, str | None, int, str]
"""Status, reason, whether it expired and in what trouble, epoch, run."""


class _Seen:
    """One instrument."""

    __slots__ = ("changes", "not_live_since", "rolling", "standing", "was_live")

    def __init__(self, rolling: Rolling) -> None:
        self.rolling = rolling
        self.changes: deque[StatusChange] = deque(maxlen=MOST_CHANGES)
        self.standing: _Standing | None = None
        self.not_live_since = 0
        self.was_live = False


class Watch:
    """Memory of one reader, for its whole run."""

    def __init__(self, stale_after_seconds: float, most_keys: int = MOST_KEYS) -> None:
        """A book without a record for ``stale_after_seconds`` counts as live no longer: as in ``Market``."""
        self._stale_after = round(stale_after_seconds * 1e6)
        self._most_keys = most_keys
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        """The one heard of last at the end."""
        self._events: deque[Event] = deque(maxlen=MOST_EVENTS)
        self.told = 0
        """How many events there were in all: tells whether ``events`` has changed."""

    @property
    def events(self) -> Sequence[Event]:
        """The newest ``MOST_EVENTS``, oldest first."""
        return self._events

    def take(self, quotes: Iterable[Quote]) -> None:
        """Take what a display is shown: records that are news to the market, and what fell silent."""
        for quote in quotes:
            book, at = quote.book, quote.seen_wall
            seen = self._seen_of(book.key, at)
            if book.status is BookStatus.LIVE:
                bids, asks = book.bids, book.asks
                seen.rolling.live(at, bids[0][0] if bids else None, asks[0][0] if asks else None, book.received_time)
            elif quote.is_expired:
                seen.rolling.lapse()
            else:
                seen.rolling.stop(at)
            standing = (book.status, book.reason, quote.is_expired, quote.trouble, book.epoch, book.run)
            if standing != seen.standing:
                self._change(seen, quote, standing)

    def tell(self, what: str, now: Moment, key: str = "") -> None:
        """Add an event that no record tells of: ``broker unreachable``."""
        self._tell(Event(now.wall, key, None, what))

    def minute(self, key: str, now: Moment) -> Minute | None:
        """Give the last minute of an instrument; None unless it is live."""
        seen = self._seen.get(key)
        return None if seen is None else seen.rolling.minute(now.wall)

    def buckets(self, key: str, now: Moment, seconds: int = CURVE_SECONDS) -> list[MidBucket | None]:
        """Give its mid of the last ``seconds``, one a second, oldest first; None where it was not there.

        ``merge_buckets`` makes fewer of them.
        """
        seen = self._seen.get(key)
        return [None] * seconds if seen is None else seen.rolling.buckets(now.wall, seconds)

    def history(self, key: str) -> Sequence[StatusChange]:
        """Give its statuses, at most ``MOST_CHANGES``, oldest first; the last is what it is now."""
        seen = self._seen.get(key)
        return () if seen is None else seen.changes

    def _seen_of(self, key: str, at: int) -> _Seen:
        seen = self._seen.get(key)
        if seen is not None:
            self._seen.move_to_end(key)
            return seen
        seen = self._seen[key] = _Seen(Rolling(at, self._stale_after))
        if len(self._seen) > self._most_keys:
            self._seen.popitem(last=False)
        return seen

    def _change(self, seen: _Seen, quote: Quote, standing: _Standing) -> None:
        """Take a status other than the last one, and say so in words unless it is the first and all is well."""
        book, last = quote.book, seen.standing
        since = _since(quote, seen.changes[-1].since if seen.changes else None)
        seen.standing = standing
        if last is not None and last[:5] == standing[:5]:
            self._tell(Event(since, book.key, None, "another producer"))
            return
        if seen.changes:
            seen.changes[-1] = attrs.evolve(seen.changes[-1], until=since)
        seen.changes.append(StatusChange(since, book.status, book.reason, None, quote.is_expired, quote.trouble))
        if not quote.is_live:
            if last is None or last[0] is BookStatus.LIVE:
                seen.not_live_since = since
            self._tell(Event(since, book.key, book.status, quote.why))
            return
        if last is not None:
            again = "live again" if seen.was_live or book.epoch > 1 else "live"
            after = f" after {span((since - seen.not_live_since) / 1e6)}"
            is_told = last[0] is not BookStatus.LIVE
            self._tell(Event(since, book.key, book.status, again + (after if is_told else ": the break was not seen")))
        seen.was_live = True

    def _tell(self, event: Event) -> None:
        self.told += 1
        self._events.append(event)


def _since(quote: Quote, last: int | None) -> int:
    """Say since when: by the record, unless that began before what was said last, as where only the reason changes."""
    if quote.is_expired:
        return quote.seen_wall
    since = quote.book.status_since
    return since if last is None or since > last else max(quote.seen_wall, last)
