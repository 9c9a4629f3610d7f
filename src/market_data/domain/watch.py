"""What a reader remembers of the market beyond its latest records: minutes, curves, statuses and events.

Fed with what a display is shown, record by record, at a cost that depends on neither how many instruments there are nor
how fast they go; figures are made when somebody asks. None of them exists for a book that is not live. Instruments
beyond ``most_keys`` are forgotten, those not heard of for longest first.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence

import attrs

from market_data.domain.market import Quote
from market_data.domain.moment import Moment
from market_data.domain.normalized import MOST_KEYS, BookStatus, Reason
from market_data.domain.rolling import CURVE_SECONDS, MidBucket, Minute, Rolling

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


class Watch:
    """Memory of one reader, for its whole run."""

    def __init__(self, stale_after_seconds: float, most_keys: int = MOST_KEYS) -> None:
        """A book without a record for ``stale_after_seconds`` counts as live no longer: as in ``Market``."""

    @property
    def events(self) -> Sequence[Event]:
        """The newest ``MOST_EVENTS``, oldest first."""

    @property
    def told(self) -> int:
        """How many events there were in all: tells whether ``events`` has changed."""

    def take(self, quotes: Iterable[Quote], now: Moment) -> None:
        """Take what a display is shown: records that are news to the market, and what fell silent."""

    def tell(self, what: str, now: Moment, key: str = "") -> None:
        """Add an event that no record tells of: ``broker unreachable``."""

    def minute(self, key: str, now: Moment) -> Minute | None:
        """Give the last minute of an instrument; None unless it is live."""

    def buckets(self, key: str, now: Moment, seconds: int = CURVE_SECONDS) -> list[MidBucket | None]:
        """Give its mid of the last ``seconds``, one a second, oldest first; None where it was not there.

        ``merge_buckets`` makes fewer of them.
        """

    def history(self, key: str) -> Sequence[StatusChange]:
        """Give its statuses, at most ``MOST_CHANGES``, oldest first; the last is what it is now."""
