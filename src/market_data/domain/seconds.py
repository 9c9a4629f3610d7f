"""The sums of one second of an instrument, or of several: exact, whatever the pace of its records."""

from decimal import Decimal

from market_data.domain.prices import EXACT

__all__ = ["NOTHING", "SECOND", "Second"]

SECOND = 1_000_000
"""µs."""
NOTHING = Decimal(0)


class Second:
    """The sums of one second in which something was heard; prices are bid + ask, twice the mid."""

    __slots__ = (
        "apart",
        "first",
        "high",
        "is_held",
        "is_mid_held",
        "last",
        "last_apart",
        "live",
        "low",
        "quoted",
        "second",
        "twice",
        "updates",
    )

    def __init__(self, second: int) -> None:
        self.second = second
        self.live = 0
        """µs."""
        self.quoted = 0
        """µs live with both sides."""
        self.twice = NOTHING
        """(bid + ask) times µs."""
        self.apart = NOTHING
        """(ask - bid) times µs."""
        self.first: Decimal | None = None
        """What stood first, highest, lowest and last; without a meaning where this is None."""
        self.low = self.high = self.last = self.last_apart = NOTHING
        self.updates = 0
        self.is_held = False
        """It was live at its end, and so in the seconds after it, up to the next that is kept."""
        self.is_mid_held = False
        """So was its last mid."""

    def add(self, passed: int, twice: Decimal | None, apart: Decimal) -> None:
        """Count a time of being live."""
        self.live += passed
        if twice is not None:
            self.quoted += passed
            self.twice = EXACT.fma(twice, passed, self.twice)
            self.apart = EXACT.fma(apart, passed, self.apart)

    def see(self, twice: Decimal, apart: Decimal) -> None:
        """Take prices that stood in it, however shortly."""
        self.last, self.last_apart = twice, apart
        if self.first is None:
            self.first = self.low = self.high = twice
        elif twice < self.low:
            self.low = twice
        elif twice > self.high:
            self.high = twice

    def merge(self, later: "Second") -> None:
        """Add what a later one counted."""
        self.live += later.live
        self.quoted += later.quoted
        self.twice = EXACT.add(self.twice, later.twice)
        self.apart = EXACT.add(self.apart, later.apart)
        self.updates += later.updates
        if later.first is not None:
            for twice in (later.first, later.low, later.high, later.last):
                self.see(twice, later.last_apart)

    def only_goes_on(self, before: "Second") -> bool:
        """Tell whether it is as if nothing was heard in it since an earlier one, both over."""
        if self.updates or self.is_held != before.is_held or self.is_mid_held != before.is_mid_held:
            return False
        if not before.is_mid_held:
            return self.first is None and self.live == (SECOND if before.is_held else 0)
        is_flat = self.quoted == SECOND and self.low == self.high == before.last
        return is_flat and self.last_apart == before.last_apart

    def hold(self, passed: int, twice: Decimal | None, apart: Decimal) -> None:
        """Add a time in which nothing changed."""
        self.add(passed, twice, apart)
        if twice is not None:
            self.see(twice, apart)
