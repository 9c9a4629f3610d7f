"""All that is known of one instrument, as JSON: its record, what follows from it, its last minute, and its proof.

It is written when somebody looks; the minute, which takes longest, no more than once a second.
"""

import attrs
import msgspec

from market_data.adapters.web.rows import BPS_DIGITS, rounded, to_json
from market_data.application.ports import Clock
from market_data.domain.analytics import Side
from market_data.domain.levels import Ladder, Levels
from market_data.domain.normalized import BookState, NormalizedBook
from market_data.domain.proof import KeyProof, OrderProof
from market_data.domain.quote import Quote
from market_data.domain.rolling import Minute
from market_data.domain.top import plain, whole
from market_data.domain.watch import Watch

__all__ = ["BookWriter"]

_NOTIONALS = (1_000, 10_000, 100_000, 1_000_000)
"""Of the quote currency: for so much it is said what a taker would pay."""
_DEPTHS = (1, 5, 20)
_BPS = (1, 5, 10)


@attrs.define
class BookWriter:
    """Writes them from what this reader keeps."""

    proof: OrderProof
    watch: Watch
    clock: Clock
    _second: int = 0
    _minutes: dict[str, dict[str, object] | None] = attrs.field(factory=dict)
    """Of this second."""

    def write(self, quote: Quote) -> bytes:
        """Give the JSON."""
        book, key = quote.book, quote.book.key
        proof = self.proof.keys.get(key)
        return to_json(
            {
                "record": _record(book),
                "seen_time": quote.seen_wall,
                "is_expired": quote.is_expired,
                "trouble": quote.trouble,
                "analytics": _analytics(quote),
                "minute": self._minute(key) if quote.is_live else None,
                "proof": {
                    "proof": book.proof,
                    "proven_levels": book.proven_levels,
                    "order": None if proof is None else _order(proof),
                },
            }
        )

    def _minute(self, key: str) -> dict[str, object] | None:
        now = self.clock.now()
        second = now.wall // 1_000_000
        if second != self._second:
            self._second = second
            self._minutes.clear()
        if key not in self._minutes:
            minute = self.watch.minute(key, now)
            self._minutes[key] = None if minute is None else _told(minute)
        return self._minutes[key]


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
        "spread_percent": whole(top.spread_percent),
        "spread_bps": rounded(book.spread_bps, BPS_DIGITS),
        "microprice": rounded(book.microprice),
        "imbalance": [{"levels": levels, "value": rounded(book.imbalance(levels))} for levels in _DEPTHS],
        "depth": [
            {"bps": bps, "buy": plain(book.depth_within("buy", bps)), "sell": plain(book.depth_within("sell", bps))}
            for bps in _BPS
        ],
        "fills": [
            {"notional": str(notional), "buy": _fill(book, "buy", notional), "sell": _fill(book, "sell", notional)}
            for notional in _NOTIONALS
        ],
    }


def _fill(book: BookState, side: Side, notional: int) -> dict[str, object]:
    return {
        "price": rounded(book.vwap(side, notional)),
        "slippage_bps": rounded(book.slippage_bps(side, notional), BPS_DIGITS),
    }


def _told(minute: Minute) -> dict[str, object]:
    return {
        "seconds": round(minute.seconds, 3),
        "high": plain(minute.high),
        "low": plain(minute.low),
        "change": plain(minute.change),
        "change_bps": rounded(minute.change_bps, BPS_DIGITS),
        "mean": rounded(minute.mean),
        "spread": rounded(minute.spread),
        "spread_bps": rounded(minute.spread_bps, BPS_DIGITS),
        "updates_per_second": round(minute.updates_per_second, 3),
        "live_share": round(minute.live_share, 6),
    }
