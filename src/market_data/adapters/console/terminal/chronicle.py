"""What happened while somebody looked: books that were lost and came back, and what the log said; the newest of it."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence

import attrs

from market_data.domain.market import Quote
from market_data.domain.moment import Moment
from market_data.domain.normalized import MOST_KEYS, BookStatus, Reason

__all__ = ["Chronicle", "Event"]

_KEPT = 1_000
_KEPT_PER_KEY = 50


@attrs.frozen
class Event:
    """A book entered a status, or changed the reason of it; or the log said something."""

    at: int
    """µs since 1970 UTC."""
    key: str = ""
    """Empty: the log's."""
    status: BookStatus | None = None
    reason: Reason | None = None
    before: "Event | None" = attrs.field(default=None, repr=False)
    """What the book was before; without what was before that."""
    text: str = ""
    """The log's line."""


class Chronicle:
    """Of all instruments, and of each."""

    def __init__(self) -> None:
        self.events: deque[Event] = deque(maxlen=_KEPT)
        """Oldest first. That a book was live when it was first seen is no event."""
        self.count = 0
        """How many there were: grows with each."""
        self._of: OrderedDict[str, deque[Event]] = OrderedDict()
        """Of each instrument, the one that was heard of last at the end."""

    def take(self, quotes: Iterable[Quote], now: Moment) -> None:
        """Take what was read, or fell silent, ``now``."""
        for quote in quotes:
            book = quote.book
            key, status, reason = book.key, book.status, book.reason
            known = self._of.get(key)
            last = known[-1] if known else None
            if last is not None and last.status is status and last.reason is reason:
                continue
            since = now.wall if last is not None and quote.is_expired else book.status_since
            event = Event(since, key, status, reason, None if last is None else attrs.evolve(last, before=None))
            self._keep(key, event)
            if last is not None or status is not BookStatus.LIVE:
                self.events.append(event)
                self.count += 1

    def say(self, line: str, now: Moment) -> None:
        """Take a line of the log."""
        self.events.append(Event(now.wall, text=line))
        self.count += 1

    def of(self, key: str) -> Sequence[Event]:
        """Give what an instrument went through, oldest first."""
        return self._of.get(key, ())

    def _keep(self, key: str, event: Event) -> None:
        if key not in self._of:
            self._of[key] = deque(maxlen=_KEPT_PER_KEY)
            if len(self._of) > MOST_KEYS:
                self._of.popitem(last=False)
        self._of[key].append(event)
