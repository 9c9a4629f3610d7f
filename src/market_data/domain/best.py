"""The best prices of one symbol across the venues that quote it. USDT is not USD: symbols are compared, not assets."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby

import attrs

from market_data.domain.quote import Quote

__all__ = ["Best", "best_across", "best_of"]


@attrs.frozen
class Best:
    """Whose the best prices of a symbol are; None where no venue has that side.

    Where two are equal, that of a book whose venue can prove it is best, and the first of such.
    """

    bid: Quote | None
    ask: Quote | None


def best_across(quotes: Iterable[Quote]) -> Mapping[str, Best]:
    """Compare what is live of each symbol, by symbol; one that fewer than two venues have live is left out.

    Quotes of one symbol stand next to each other, as ``Market.quotes`` gives them.
    """
    groups = groupby(quotes, key=lambda quote: quote.book.symbol)
    live = {symbol: [quote for quote in group if quote.is_live] for symbol, group in groups}
    return {symbol: best_of(of) for symbol, of in live.items() if len(of) > 1}


def best_of(quotes: Sequence[Quote]) -> Best:
    """Compare quotes of one symbol."""
    return Best(_highest(quotes, _bid), _highest(quotes, _ask))


def _highest(quotes: Sequence[Quote], worth: Callable[[Quote], Decimal | None]) -> Quote | None:
    offers = [(price, quote.book.can_prove, quote) for quote in quotes if (price := worth(quote)) is not None]
    return max(offers, key=lambda offer: offer[:2])[2] if offers else None


def _bid(quote: Quote) -> Decimal | None:
    return quote.book.best_bid


def _ask(quote: Quote) -> Decimal | None:
    """The lower, the better."""
    ask = quote.book.best_ask
    return None if ask is None else -ask
