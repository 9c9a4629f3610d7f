"""One instrument as a reader can rely on it now: its latest record, and what silence has made of it."""

from functools import cached_property

from market_data.domain.normalized import BookStatus, NormalizedBook, Reason
from market_data.domain.top import TopOfBook
from market_data.domain.values import value

__all__ = ["Quote"]


@value
class Quote:
    """One instrument's latest record as it can be relied on now."""

    book: NormalizedBook
    """The record; once its producer fell silent, the same as ``stale``, ``silence``, without its levels."""
    digits: int
    """Decimals of the spread in percent."""
    seen_at: float
    """Monotonic seconds at which the record was read; of one that was there before reading began, was published."""
    seen_wall: int
    """The same by the wall clock, µs UTC."""
    is_expired: bool = False
    """Its producer fell silent, or cannot be heard: see ``trouble``."""
    is_return: bool = False
    """It is of an older run than the one that was followed before."""
    is_fresh: bool = False
    """It holds what its live book was told since the record before, and was published while the topic was read."""
    trouble: str | None = None
    """What kept all records from coming when this one expired, ``broker unreachable``: no fault of its producer."""

    @cached_property
    def top(self) -> TopOfBook:
        """The best prices, read once somebody asks."""
        return TopOfBook.of(self.book, self.digits)

    @property
    def status(self) -> BookStatus:
        """The record's own, or ``stale`` when its producer fell silent."""
        return self.book.status

    @property
    def reason(self) -> Reason | None:
        """Why it is not live."""
        return self.book.reason

    @property
    def why(self) -> str:
        """Say in words what it is and why: ``gap: sequence``, ``stale: silence of the producer``; ``live``."""
        if self.is_expired:
            return f"{self.status}: {self.trouble or 'silence of the producer'}"
        return f"{self.status}: {self.reason}" if self.reason else str(self.status)

    @property
    def is_live(self) -> bool:
        """Tell whether the numbers can be shown."""
        return self.status is BookStatus.LIVE
