"""Kraken spot: its public REST endpoints. What is wrong with a request stands in `error`, under status 200.

{"error":["EQuery:Unknown asset pair"]}
{"error":[],"result":{"XXBTZUSD":{"asks":[["78858.30000","4.520",1787609576]],"bids":[...]}}}
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime

import anyio
import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from market_data_sandbox.book import Level
from market_data_sandbox.exchanges.kraken_names import PairNames
from market_data_sandbox.exchanges.kraken_stream import KrakenExchange
from market_data_sandbox.source import MISSING, Depth, Listing

__all__ = ["KrakenRest"]

_PREFIX = "/0/public"
_MOST_LEVELS = 500
_DEFAULT_LEVELS = 100
_PRICE_DECIMALS = 5
"""Prices are padded to so many, as measured."""
_SIZE_DECIMALS = 3
"""Sizes are rounded to so many, as measured: REST and WebSocket cannot be compared by them."""


class _RefusedError(Exception):
    """A request that is answered by an error; its text is the venue's."""


@attrs.define
class _Budget:
    """The requests of one address: so many at once, and one more each second."""

    most: int
    _left: float = attrs.field(init=False)
    _counted_at: float = attrs.field(factory=anyio.current_time, init=False)

    def __attrs_post_init__(self) -> None:
        self._left = self.most

    def charge(self) -> bool:
        """Count a request; False when it is one too many."""
        now = anyio.current_time()
        self._left = min(self.most, self._left + now - self._counted_at)
        self._counted_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


@attrs.define(eq=False)
class KrakenRest:
    """Kraken's REST endpoints over the same source as its WebSocket."""

    exchange: KrakenExchange
    _spellings: dict[str, str] = attrs.field(init=False)
    """Canonical symbols by every name of a pair."""
    _budget: _Budget = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._budget = _Budget(self.exchange.options.kraken_requests_at_once)
        self._spellings = {
            spelling: symbol for symbol, names in self.exchange.names.items() for spelling in names.spellings()
        }

    def routes(self) -> list[Route]:
        """Give the HTTP endpoints."""
        return [
            Route(f"{_PREFIX}/Time", self._time),
            Route(f"{_PREFIX}/SystemStatus", self._system_status),
            Route(f"{_PREFIX}/AssetPairs", self._asset_pairs),
            Route(f"{_PREFIX}/Depth", self._depth),
        ]

    async def _time(self, request: Request) -> Response:  # noqa: ARG002
        now = self._now()
        text = format_datetime(now)
        return await self._answer(None, lambda _: {"unixtime": int(now.timestamp()), "rfc1123": text})

    async def _system_status(self, request: Request) -> Response:  # noqa: ARG002
        text = self._now().strftime("%Y-%m-%dT%H:%M:%SZ")
        return await self._answer(None, lambda _: {"status": "online", "timestamp": text})

    async def _asset_pairs(self, request: Request) -> Response:
        wanted = [name for name in request.query_params.get("pair", "").split(",") if name]
        is_displayed = request.query_params.get("assetVersion") == "1"

        def pairs(_: Depth | None) -> dict[str, object]:
            symbols = {self._symbol(name) for name in wanted}
            states = self.exchange.source.states
            found: dict[str, object] = {}
            for listing in self.exchange.source.listings:
                if states.get(listing.symbol) != MISSING and (not wanted or listing.symbol in symbols):
                    names = self.exchange.names[listing.symbol]
                    state = states.get(listing.symbol, "online")
                    found[names.display if is_displayed else names.key] = _pair(listing, names, state, is_displayed)
            return found

        return await self._answer(None, pairs)

    async def _depth(self, request: Request) -> Response:
        name = request.query_params.get("pair", "")
        count_text = request.query_params.get("count", str(_DEFAULT_LEVELS))

        def depth(found: Depth | None) -> dict[str, object]:
            names = self.exchange.names[self._symbol(name)]
            if not count_text.isdecimal() or found is None:
                raise _RefusedError("EGeneral:Invalid arguments")
            count = min(int(count_text), _MOST_LEVELS)
            key = names.display if request.query_params.get("assetVersion") == "1" else names.key
            second = (found.changed_ns or 0) // 10**9
            return {key: {"asks": _levels(found.asks[:count], second), "bids": _levels(found.bids[:count], second)}}

        return await self._answer(self._spellings.get(name), depth, is_book=True)

    def _symbol(self, name: str) -> str:
        symbol = self._spellings.get(name)
        if symbol is None or self.exchange.source.states.get(symbol) == MISSING:
            raise _RefusedError("EQuery:Unknown asset pair")
        return symbol

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.exchange.source.now_ns() / 10**9, UTC)

    async def _answer(
        self,
        symbol: str | None,
        result: Callable[[Depth | None], dict[str, object]],
        *,
        is_book: bool = False,
    ) -> Response:
        async def respond(past: Depth | None) -> Response:
            found = await self.exchange.source.depth(symbol) if symbol is not None and past is None else past
            try:
                return JSONResponse({"error": [], "result": result(found)})
            except _RefusedError as refusal:
                return JSONResponse({"error": [str(refusal)]})

        if not self._budget.charge():
            return JSONResponse({"error": ["EGeneral:Too many requests"]})
        return await self.exchange.seam.answer(self.exchange.venue, symbol, respond, is_book=is_book)


def _levels(levels: list[Level], second: int) -> list[list[object]]:
    return [[_padded(price), f"{Decimal(size):.{_SIZE_DECIMALS}f}", second] for price, size in levels]


def _padded(price: str) -> str:
    whole, _, decimals = price.partition(".")
    return f"{whole}.{decimals:0<{_PRICE_DECIMALS}}"


def _pair(listing: Listing, names: PairNames, state: str, is_displayed: bool) -> dict[str, object]:  # noqa: FBT001
    return {
        "altname": names.alternative,
        "wsname": names.websocket_v1,
        "aclass_base": "currency",
        "base": listing.base if is_displayed else names.base,
        "aclass_quote": "currency",
        "quote": listing.quote if is_displayed else names.quote,
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": listing.price_decimals,
        "lot_decimals": listing.size_decimals,
        "lot_multiplier": 1,
        "ordermin": "0.0001",
        "costmin": "0.5",
        "tick_size": f"{Decimal(1).scaleb(-listing.price_decimals):f}",
        "status": state,
    }
