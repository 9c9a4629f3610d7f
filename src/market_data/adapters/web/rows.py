"""What is sent of one instrument, as JSON: its row in a list, and all that is known of it.

Prices and sizes are the venue's own texts, and what follows from them is exact text as well: no number that is shown
has been a float. Times are µs since 1970 UTC. A book that is not live has no price in either form.
"""

from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from market_data.domain.analytics import Side
from market_data.domain.levels import Ladder, Levels
from market_data.domain.market import Quote
from market_data.domain.normalized import BookState, NormalizedBook
from market_data.domain.proof import KeyProof
from market_data.domain.top import plain

__all__ = ["NOTIONALS", "book_of", "row_of", "to_json"]

NOTIONALS = (1_000, 10_000, 100_000, 1_000_000)
"""Of the quote currency: for so much it is said what a taker would pay."""
_DEPTHS = (1, 5, 20)
_BPS = (5, 10, 25)
_DIGITS = Decimal("0.000001")
"""Of what has no end of its own."""

to_json = msgspec.json.Encoder(decimal_format="string").encode


def row_of(quote: Quote) -> dict[str, object]:
    """Give what a list shows of an instrument."""
    book, top = quote.book, quote.top
    return {
        "exchange": book.exchange,
        "symbol": book.symbol,
        "status": book.status,
        "reason": book.reason,
        "since": book.status_since,
        "bid": top.best_bid,
        "bid_size": top.best_bid_size,
        "ask": top.best_ask,
        "ask_size": top.best_ask_size,
        "mid": plain(top.mid),
        "spread": plain(top.spread),
        "spread_percent": None if top.spread_percent is None else format(top.spread_percent, "f"),
        "event_time": book.event_time,
        "received_time": book.received_time,
        "seen_time": quote.seen_wall,
        "publish_seq": book.publish_seq,
        "proof": book.proof,
        "proven_levels": book.proven_levels,
    }


def book_of(quote: Quote, proof: KeyProof | None) -> dict[str, object]:
    """Give the record, what follows from it, and how far it is proven."""
    book = quote.book
    return {
        "record": _record(book),
        "seen_time": quote.seen_wall,
        "is_expired": quote.is_expired,
        "analytics": _analytics(quote),
        "proof": {
            "proof": book.proof,
            "proven_levels": book.proven_levels,
            "order": None if proof is None else _order(proof),
        },
    }


def _record(book: NormalizedBook) -> dict[str, object]:
    return {
        "schema_version": book.schema_version,
        "exchange": book.exchange,
        "symbol": book.symbol,
        "status": book.status,
        "reason": book.reason,
        "status_since": book.status_since,
        "bids": _levels(book.bids),
        "asks": _levels(book.asks),
        "event_time": book.event_time,
        "received_time": book.received_time,
        "sequence": book.sequence,
        "epoch": book.epoch,
        "run": book.run,
        "publish_seq": book.publish_seq,
        "conflated": book.conflated,
        "proof": book.proof,
        "proven_levels": book.proven_levels,
    }


def _levels(levels: Levels) -> msgspec.Raw:
    return msgspec.Raw(Ladder.of(levels).json)


def _order(proof: KeyProof) -> dict[str, object]:
    return {
        "is_proven": proof.is_proven,
        "records": proof.records,
        "holes": proof.holes,
        "doubled": proof.doubles,
        "out_of_order": proof.disorder,
        "foreign": proof.foreign,
        "conflated": proof.conflated,
        "partition": proof.partition,
    }


def _analytics(quote: Quote) -> dict[str, object]:
    book, top = quote.book, quote.top
    return {
        "mid": plain(top.mid),
        "spread": plain(top.spread),
        "spread_percent": None if top.spread_percent is None else format(top.spread_percent, "f"),
        "spread_bps": _rounded(book.spread_bps),
        "microprice": _rounded(book.microprice),
        "imbalance": [{"levels": levels, "value": _rounded(book.imbalance(levels))} for levels in _DEPTHS],
        "depth": [
            {"bps": bps, "buy": plain(book.depth_within("buy", bps)), "sell": plain(book.depth_within("sell", bps))}
            for bps in _BPS
        ],
        "fills": [
            {"notional": str(notional), "buy": _fill(book, "buy", notional), "sell": _fill(book, "sell", notional)}
            for notional in NOTIONALS
        ],
    }


def _fill(book: BookState, side: Side, notional: int) -> dict[str, object]:
    return {
        "price": _rounded(book.vwap(side, notional)),
        "slippage_bps": _rounded(book.slippage_bps(side, notional)),
    }


def _rounded(number: Decimal | None) -> str | None:
    """Write it with six digits after the point, as far as they say something."""
    return None if number is None else plain(number.quantize(_DIGITS, ROUND_HALF_EVEN))
