"""Binance spot, as the sandbox plays it."""

from typing import Any

from market_data_sandbox.exchanges.binance_recording import FORMAT
from market_data_sandbox.exchanges.binance_rest import BinanceRest
from market_data_sandbox.exchanges.binance_streaming import BinanceExchange
from market_data_sandbox.exchanges.damage import SidedDamage
from market_data_sandbox.exchanges.dialect import Dialect, Served
from market_data_sandbox.exchanges.seam import Seam
from market_data_sandbox.market import fixed_text
from market_data_sandbox.options import Options, Venue
from market_data_sandbox.source import Source
from market_data_sandbox.truth import Truth

__all__ = ["DIALECT"]

_CODES = {418: -1003, 429: -1003, 451: 0, 500: -1000, 503: -1008}


def _open(venue: Venue, source: Source, options: Options, truth: Truth, seam: Seam) -> Served:
    exchange = BinanceExchange(venue, source, options, truth, seam)
    return Served(exchange, [*exchange.routes(), *BinanceRest(exchange).routes()])


def _sides(frame: dict[str, Any]) -> tuple[list[Any], list[Any]] | None:
    update = frame.get("data", frame)
    return (update["b"], update["a"]) if isinstance(update, dict) and update.get("e") == "depthUpdate" else None


DIALECT = Dialect(
    open=_open,
    number_text=fixed_text,
    rate=10.0,
    depth=1200,
    instruments=("BTC-USDT", "ETH-USDT"),
    damage=SidedDamage(lambda message: {"code": 2, "msg": message}, _sides),
    refusal=lambda status, message: {"code": _CODES.get(status, -1000), "msg": message},
    recording=FORMAT,
    has_snapshots_by_rest=True,
)
