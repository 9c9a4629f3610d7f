"""What all views of the screen are drawn from: the market as it is, or as it was when somebody stopped it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import attrs

from market_data.adapters.console.terminal.marks import Marks
from market_data.application.ports import Reading, Trouble
from market_data.domain.across import Across
from market_data.domain.market import Market
from market_data.domain.moment import Moment, utc_of
from market_data.domain.quote import Quote
from market_data.domain.watch import Watch

__all__ = ["Pause", "Scene", "Symbols"]

_RATE_SECONDS = 5.0


@attrs.frozen
class Symbols:
    """What is drawn where a terminal may not have it all."""

    rule: str = "─"
    cursor: str = "▸"
    favourite: str = "★"
    bars: str = " ▏▎▍▌▋▊▉█"
    """Nothing to a full cell, in equal steps."""
    sparks: str = "▁▂▃▄▅▆▇█"
    up: str = "▲"
    down: str = "▼"

    @classmethod
    def of(cls, encoding: str) -> "Symbols":
        """Give what this encoding can write."""
        try:
            "".join(attrs.astuple(cls())).encode(encoding)
        except (UnicodeEncodeError, LookupError):
            return cls("-", ">", "*", " #", "_.-=^", "^", "v")
        return cls()


@attrs.frozen
class Pause:
    """The market as it was when somebody stopped the picture."""

    at: Moment
    quotes: Mapping[str, Quote]
    rates: Mapping[str, float]
    counts: Mapping[str, tuple[int, int]]
    across: Across
    trouble: Trouble | None


@attrs.define
class _Pace:
    """Records a second, over the last few."""

    counted_at: float
    counted: int = 0
    rate: float = 0.0

    def take(self, records: int, now: float) -> float:
        span = now - self.counted_at
        if span >= _RATE_SECONDS or (self.rate == 0.0 and span >= 1.0):
            self.rate = (records - self.counted) / span
            self.counted_at, self.counted = now, records
        return self.rate


class Scene:
    """The state that the views share; each keeps to itself what only it needs."""

    def __init__(
        self,
        title: str,
        market: Market,
        reading: Reading,
        watch: Watch,
        across: Across,
        *,
        symbols: Symbols | None = None,
        reduced_motion: bool = False,
    ) -> None:
        self.title = title
        self.market = market
        self.reading = reading
        self.watch = watch
        self._across = across
        self.symbols = symbols or Symbols()
        self.reduced_motion = reduced_motion
        self.marks = Marks()
        self.favourites: set[str] = set()
        self.is_utc = True
        self.pause: Pause | None = None
        self._pace = _Pace(reading.started_at.mono)

    @property
    def now(self) -> Moment:
        """When what is shown was so, but for what the header says."""
        return self.pause.at if self.pause is not None else self.present

    @property
    def present(self) -> Moment:
        """The last tick of the reading."""
        return self.reading.now or self.reading.started_at

    @property
    def across(self) -> Across:
        """The venues side by side."""
        return self.pause.across if self.pause is not None else self._across

    @property
    def trouble(self) -> Trouble | None:
        """What kept records from coming then."""
        return self.pause.trouble if self.pause is not None else self.reading.trouble

    @property
    def pace(self) -> float:
        """Records a second, of all."""
        return self._pace.take(self.reading.records, self.present.mono)

    def keys(self) -> Mapping[str, object]:
        """Give the keys in the order in which they are shown; the same object as long as they are the same."""
        return self.pause.quotes if self.pause is not None else self.market.ordered()

    def quote(self, key: str) -> Quote | None:
        """Give an instrument's quote as it is to be shown; None: it is not known any more."""
        return self.pause.quotes.get(key) if self.pause is not None else self.market.quote(key)

    def quotes(self, keys: Sequence[str]) -> list[Quote]:
        """Give those that are known."""
        return [quote for key in keys if (quote := self.quote(key)) is not None]

    def rates(self, keys: Sequence[str]) -> Mapping[str, float]:
        """Give records a second of these instruments."""
        if self.pause is not None:
            return self.pause.rates
        known = self.market.keys()
        return self.market.rates(self.present, [key for key in keys if key in known])

    def counts(self, key: str) -> tuple[int, int]:
        """Give how many records of an instrument were read, and how many are missing."""
        if self.pause is not None:
            return self.pause.counts.get(key, (0, 0))
        proof = self.reading.proof.keys.get(key)
        return (0, 0) if proof is None else (proof.records, proof.holes)

    def turn_pause(self) -> None:
        """Stop the picture, or let it go on; what is read goes on in any case."""
        if self.pause is not None:
            self.pause = None
            return
        quotes = {quote.book.key: quote for quote in self.market.quotes()}
        counts = {key: self.counts(key) for key in quotes}
        rates = self.rates(list(quotes))
        self.pause = Pause(self.present, quotes, rates, counts, self._across.copy(), self.reading.trouble)

    def time(self, microseconds: int) -> str:
        """Say a time of day, with its zone."""
        return f"{self._zoned(microseconds):%H:%M:%S %Z}"

    def clock(self, microseconds: int) -> str:
        """Say a time of day, where the zone is said elsewhere."""
        return f"{self._zoned(microseconds):%H:%M:%S}"

    def _zoned(self, microseconds: int) -> datetime:
        time = utc_of(microseconds)
        return time if self.is_utc else time.astimezone()
