"""What a program asks beyond single books: the last minute of an instrument, and the venues side by side."""

from collections.abc import Iterable, Sequence

from market_data.application.ports import Clock
from market_data.domain.across import Across, SymbolView
from market_data.domain.basis import Basis
from market_data.domain.curve import CURVE_SECONDS, MidBucket
from market_data.domain.quote import Quote
from market_data.domain.rolling import Minute
from market_data.domain.watch import StatusChange, Watch

__all__ = ["OverTime"]


class OverTime:
    """Answers as of now, from all that was received, handed out yet or not; nothing is known of a book that is not
    live. Instruments are named by key, ``binance:BTC-USDT``.
    """

    def __init__(self, watch: Watch, across: Across, clock: Clock) -> None:
        self._watch = watch
        self._across = across
        self._clock = clock

    def take(self, quotes: Iterable[Quote]) -> None:
        """Take what was received."""
        quotes = list(quotes)
        self._watch.take(quotes)
        self._across.take(quotes)

    def minute(self, instrument: str) -> Minute | None:
        """Give its last minute: high, low, change, mean and spread; None unless it is live."""
        return self._watch.minute(instrument, self._clock.now())

    def mids(self, instrument: str, seconds: int = CURVE_SECONDS) -> list[MidBucket | None]:
        """Give its mid of the last ``seconds``, fifteen minutes at most, one a second, oldest first; None where it had
        none.
        """
        return self._watch.buckets(instrument, self._clock.now(), seconds)

    def history(self, instrument: str) -> Sequence[StatusChange]:
        """Give what it has been, oldest first."""
        return tuple(self._watch.history(instrument))

    def across(self, symbol: str) -> SymbolView | None:
        """Give the best bid and offer of a symbol, ``BTC-USD``, over its venues; None where nothing was read of it."""
        return self._across.look(symbol, self._clock.now())

    def bases(self, asset: str) -> Sequence[Basis]:
        """Give what the quote currencies of an asset, ``BTC``, are worth in each other, by venue."""
        return self._across.bases(asset, self._clock.now())
