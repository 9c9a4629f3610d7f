"""Bitstamp spot, as the sandbox plays it."""

from typing import Any

from market_data_sandbox.exchanges.bitstamp_rest import BitstampRest
from market_data_sandbox.exchanges.bitstamp_stream import BitstampExchange
from market_data_sandbox.exchanges.damage import SidedDamage
from market_data_sandbox.exchanges.dialect import Dialect, Served
from market_data_sandbox.exchanges.seam import Seam
from market_data_sandbox.market import exact_text
from market_data_sandbox.options import Options, Venue
from market_data_sandbox.source import Source
from market_data_sandbox.truth import Truth

__all__ = ["DIALECT"]


def _open(venue: Venue, source: Source, options: Options, truth: Truth, seam: Seam) -> Served:
    exchange = BitstampExchange(venue, source, options, truth, seam)
    return Served(exchange, [*exchange.routes(), *BitstampRest(exchange).routes()])


def _error(message: str) -> dict[str, object]:
    return {"event": "bts:error", "channel": "", "data": {"code": None, "message": message}}


def _sides(frame: dict[str, Any]) -> tuple[list[Any], list[Any]] | None:
    return (frame["data"]["bids"], frame["data"]["asks"]) if frame.get("event") == "data" else None


DIALECT = Dialect(
    open=_open,
    number_text=exact_text,
    size_decimals=8,
    rate=3.0,
    depth=600,
    instruments=("BTC-USD", "ETH-USD"),
    damage=SidedDamage(_error, _sides),
    refusal=lambda status, message: {"status": "error", "reason": message, "code": f"API{status}"},
    has_snapshots_by_rest=True,
)
