"""OKX spot, v5, as the sandbox plays it."""

from typing import Any

from market_data_sandbox.exchanges.damage import SidedDamage
from market_data_sandbox.exchanges.dialect import Dialect, Served
from market_data_sandbox.exchanges.okx_books import WEBSOCKET_PATH, OkxExchange, level
from market_data_sandbox.exchanges.okx_recording import FORMAT
from market_data_sandbox.exchanges.okx_rest import OkxRest
from market_data_sandbox.exchanges.seam import Seam
from market_data_sandbox.market import trimmed_text
from market_data_sandbox.options import Options, Venue
from market_data_sandbox.source import Source
from market_data_sandbox.truth import Truth

__all__ = ["DIALECT"]

_CODES = {429: "50011", 451: "50030", 503: "50001"}
_INTERNAL_ERROR = "50026"


def _open(venue: Venue, source: Source, options: Options, truth: Truth, seam: Seam) -> Served:
    exchange = OkxExchange(venue, source, options, truth, seam)
    return Served(exchange, [*exchange.routes(), *OkxRest(exchange).routes()])


def _error(message: str) -> dict[str, object]:
    return {"event": "error", "code": "63999", "msg": message}


def _sides(frame: dict[str, Any]) -> tuple[list[Any], list[Any]] | None:
    if "action" not in frame:
        return None
    (data,) = frame["data"]
    return data["bids"], data["asks"]


DIALECT = Dialect(
    open=_open,
    number_text=trimmed_text,
    rate=10.0,
    depth=440,
    instruments=("BTC-USDT", "ETH-USDT"),
    damage=SidedDamage(_error, _sides, level),
    refusal=lambda status, message: {"code": _CODES.get(status, _INTERNAL_ERROR), "msg": message, "data": []},
    recording=FORMAT,
    websocket_path=WEBSOCKET_PATH,
)
