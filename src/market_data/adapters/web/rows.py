"""What a list shows of an instrument, and how numbers are written.

Prices and sizes are the venue's own texts, and what follows from them is exact text as well: no number that is shown
has been a float. Times are µs since 1970 UTC. A book that is not live has no price.
"""

from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from market_data.domain.prices import EXACT
from market_data.domain.quote import Quote
from market_data.domain.top import plain, whole

__all__ = ["BPS_DIGITS", "rounded", "row_of", "to_json"]

BPS_DIGITS = 4

to_json = msgspec.json.Encoder(decimal_format="string").encode


def row_of(quote: Quote) -> dict[str, object]:
    """Give what a list shows of an instrument."""
    book, top = quote.book, quote.top
    return {
        "exchange": book.exchange,
        "symbol": book.symbol,
        "status": book.status,
        "reason": book.reason,
        "trouble": quote.trouble,
        "since": book.status_since,
        "bid": top.best_bid,
        "bid_size": top.best_bid_size,
        "ask": top.best_ask,
        "ask_size": top.best_ask_size,
        "mid": plain(top.mid),
        "spread": plain(top.spread),
        "spread_percent": whole(top.spread_percent),
        "event_time": book.event_time,
        "received_time": book.received_time,
        "seen_time": quote.seen_wall,
        "publish_seq": book.publish_seq,
        "proof": book.proof,
        "proven_levels": book.proven_levels,
    }


def rounded(number: Decimal | None, digits: int = 6) -> str | None:
    """Write it with so many digits after the point, as far as they say something."""
    return None if number is None else plain(number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN, EXACT))
