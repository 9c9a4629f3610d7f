"""Bybit spot, v5, as the sandbox plays it."""

from typing import Any

from market_data_sandbox.exchanges.bybit_books import WEBSOCKET_PATH, BybitExchange
from market_data_sandbox.exchanges.bybit_recording import FORMAT
from market_data_sandbox.exchanges.bybit_rest import BybitRest
from market_data_sandbox.exchanges.damage import SidedDamage
from market_data_sandbox.exchanges.dialect import Dialect, Served
from market_data_sandbox.exchanges.seam import Seam
from market_data_sandbox.market import trimmed_text
from market_data_sandbox.options import Options, Venue
from market_data_sandbox.source import Source
from market_data_sandbox.truth import Truth

__all__ = ["DIALECT"]

_CODES = {403: 10006, 429: 10006, 451: 10024}
_SERVER_ERROR = 10016


def _open(venue: Venue, source: Source, options: Options, truth: Truth, seam: Seam) -> Served:
    exchange = BybitExchange(venue, source, options, truth, seam)
    return Served(exchange, [*exchange.routes(), *BybitRest(exchange).routes()])


def _error(message: str) -> dict[str, object]:
    return {"success": False, "ret_msg": message, "conn_id": "", "op": ""}


def _sides(frame: dict[str, Any]) -> tuple[list[Any], list[Any]] | None:
    if not str(frame.get("topic", "")).startswith("orderbook."):
        return None
    return frame["data"]["b"], frame["data"]["a"]


def _refusal(status: int, message: str) -> dict[str, object]:
    return {"retCode": _CODES.get(status, _SERVER_ERROR), "retMsg": message, "result": {}, "retExtInfo": {}}


DIALECT = Dialect(
    open=_open,
    number_text=trimmed_text,
    rate=20.0,
    depth=260,
    instruments=("BTC-USDT", "ETH-USDT"),
    damage=SidedDamage(_error, _sides),
    refusal=_refusal,
    recording=FORMAT,
    websocket_path=WEBSOCKET_PATH,
)
