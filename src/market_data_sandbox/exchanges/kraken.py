"""Kraken spot, as the sandbox plays it."""

from market_data_sandbox.exchanges.dialect import Dialect, Served
from market_data_sandbox.exchanges.kraken_damage import KrakenDamage
from market_data_sandbox.exchanges.kraken_rest import KrakenRest
from market_data_sandbox.exchanges.kraken_stream import KrakenExchange
from market_data_sandbox.exchanges.seam import Seam
from market_data_sandbox.market import exact_text
from market_data_sandbox.options import Options, Venue
from market_data_sandbox.source import Source
from market_data_sandbox.truth import Truth

__all__ = ["DIALECT"]

_ERRORS = {429: "EGeneral:Too many requests", 500: "EGeneral:Internal error", 503: "EService:Unavailable"}


def _open(venue: Venue, source: Source, options: Options, truth: Truth, seam: Seam) -> Served:
    exchange = KrakenExchange(venue, source, options, truth, seam)
    return Served(exchange, [*exchange.routes(), *KrakenRest(exchange).routes()])


DIALECT = Dialect(
    open=_open,
    number_text=exact_text,
    size_decimals=8,
    rate=20.0,
    depth=1200,
    instruments=("BTC-USD", "ETH-USD"),
    damage=KrakenDamage(),
    refusal=lambda status, message: {"error": [_ERRORS.get(status, f"EService:{message}")]},
    websocket_path="/v2",
)
