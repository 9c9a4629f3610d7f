"""Binance spot: its REST endpoints, their weights and their errors."""

import re
import time

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from market_data_sandbox.exchanges.binance_streaming import BinanceExchange
from market_data_sandbox.exchanges.seam import Responder
from market_data_sandbox.source import MISSING, Depth, Listing

__all__ = ["BinanceRest"]

_MOST_LEVELS = 5000
_DEFAULT_LEVELS = 100
_SYMBOL = re.compile(r"(?:[A-Z0-9_.-]|[^\x00-\x7f]){1,20}")
"""Since December 2025 some names hold other letters than those of ASCII."""
_BAN_AFTER_REFUSALS = 10
_BAN_SECONDS = 120


class _RefusedError(Exception):
    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status

    def response(self) -> Response:
        return JSONResponse({"code": self.code, "msg": str(self)}, self.status)


@attrs.define
class _Budget:
    """The request weight of one address, by the minute of the clock."""

    limit: int
    used: int = 0
    _minute: int = 0
    _refusals: int = 0
    _banned_until: float = 0.0

    def charge(self, weight: int) -> Response | None:
        """Count a request; over the limit, give the refusal: 429, and 418 to who goes on."""
        now = time.time()
        if now // 60 != self._minute:
            self._minute, self.used, self._refusals = int(now // 60), 0, 0
        if now < self._banned_until:
            return self._refuse(418, int(self._banned_until - now) + 1)
        self.used += weight
        if self.used <= self.limit:
            return None
        self._refusals += 1
        if self._refusals > _BAN_AFTER_REFUSALS:
            self._banned_until = now + _BAN_SECONDS
            return self._refuse(418, _BAN_SECONDS)
        return self._refuse(429, 60 - int(now % 60))

    def _refuse(self, status: int, retry_after_seconds: int) -> Response:
        message = (
            f"Too much request weight used; current limit is {self.limit} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API."
        )
        return JSONResponse({"code": -1003, "msg": message}, status, headers={"Retry-After": str(retry_after_seconds)})


@attrs.define(eq=False)
class BinanceRest:
    """Binance's REST endpoints over the same source as its streams."""

    exchange: BinanceExchange
    _budget: _Budget = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._budget = _Budget(self.exchange.options.binance_weight_per_minute)

    def routes(self) -> list[Route]:
        """Give the HTTP endpoints."""
        return [
            Route("/api/v3/ping", self._ping),
            Route("/api/v3/time", self._time),
            Route("/api/v3/exchangeInfo", self._exchange_info),
            Route("/api/v3/depth", self._depth),
        ]

    async def _ping(self, request: Request) -> Response:  # noqa: ARG002
        async def respond(past: Depth | None) -> Response:  # noqa: ARG001
            return JSONResponse({})

        return await self._answer(1, None, respond)

    async def _time(self, request: Request) -> Response:
        async def respond(past: Depth | None) -> Response:  # noqa: ARG001
            in_microseconds = request.headers.get("x-mbx-time-unit", "").upper() == "MICROSECOND"
            now_ns = self.exchange.source.now_ns()
            return JSONResponse({"serverTime": now_ns // (10**3 if in_microseconds else 10**6)})

        return await self._answer(1, None, respond)

    async def _exchange_info(self, request: Request) -> Response:
        async def respond(past: Depth | None) -> Response:  # noqa: ARG001
            _refuse_unknown(request, {"symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus"})
            states = self.exchange.source.states
            listings = [each for each in self.exchange.source.listings if states.get(each.symbol) != MISSING]
            if (wanted := _wanted(request)) is not None:
                listings = [self._listing(native) for native in wanted]
            return JSONResponse(
                {
                    "timezone": "UTC",
                    "serverTime": self.exchange.source.now_ns() // 10**6,
                    "rateLimits": [
                        {
                            "rateLimitType": "REQUEST_WEIGHT",
                            "interval": "MINUTE",
                            "intervalNum": 1,
                            "limit": self._budget.limit,
                        }
                    ],
                    "exchangeFilters": [],
                    "symbols": [_symbol(each, states.get(each.symbol, "TRADING")) for each in listings],
                }
            )

        return await self._answer(20, None, respond)

    async def _depth(self, request: Request) -> Response:
        limit_text = request.query_params.get("limit", str(_DEFAULT_LEVELS))
        limit = min(int(limit_text), _MOST_LEVELS) if limit_text.isdecimal() else _DEFAULT_LEVELS
        native = request.query_params.get("symbol", "")

        async def respond(past: Depth | None) -> Response:
            _refuse_unknown(request, {"symbol", "limit", "symbolStatus"})
            if not native:
                message = "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."
                raise _RefusedError(-1102, message)
            listing = self._listing(native)
            if not limit_text.isdecimal():
                message = "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'."
                raise _RefusedError(-1100, message)
            if limit == 0:
                raise _RefusedError(-1130, "Data sent for parameter 'limit' is not valid.")
            if request.query_params.get("symbolStatus", "TRADING") != "TRADING":
                raise _RefusedError(-1220, "The symbol's status does not match the requested symbolStatus.")
            depth = past or await self.exchange.source.depth(listing.symbol)
            if depth is None:
                raise _RefusedError(-1008, "Server is currently overloaded with other requests.", 503)
            return JSONResponse(
                {"lastUpdateId": depth.sequence, "bids": depth.bids[:limit], "asks": depth.asks[:limit]}
            )

        symbol = self.exchange.natives.get(native)
        return await self._answer(_weight(limit), symbol, respond, is_book=True)

    def _listing(self, native: str) -> Listing:
        if _SYMBOL.fullmatch(native) is None:
            message = "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'."
            raise _RefusedError(-1100, message)
        symbol = self.exchange.natives.get(native)
        for listing in self.exchange.source.listings:
            if listing.symbol == symbol and self.exchange.source.states.get(symbol) != MISSING:
                return listing
        raise _RefusedError(-1121, "Invalid symbol.")

    async def _answer(self, weight: int, symbol: str | None, respond: Responder, *, is_book: bool = False) -> Response:
        async def respond_or_refuse(past: Depth | None) -> Response:
            try:
                return await respond(past)
            except _RefusedError as refusal:
                return refusal.response()

        response = self._budget.charge(weight)
        used = str(self._budget.used)
        if response is None:
            response = await self.exchange.seam.answer(self.exchange.venue, symbol, respond_or_refuse, is_book=is_book)
        response.headers["X-MBX-USED-WEIGHT"] = used
        response.headers["X-MBX-USED-WEIGHT-1M"] = used
        return response


def _weight(limit: int) -> int:
    for most, weight in ((100, 5), (500, 25), (1000, 50)):
        if limit <= most:
            return weight
    return 250


def _wanted(request: Request) -> list[str] | None:
    """Give the symbols that a request names; None when it names none."""
    if "symbol" in request.query_params:
        return [request.query_params["symbol"]]
    if "symbols" in request.query_params:
        return re.findall(r'"([^"]*)"', request.query_params["symbols"])
    return None


def _refuse_unknown(request: Request, known: set[str]) -> None:
    sent = len(request.query_params)
    read = len(known & set(request.query_params))
    if read < sent:
        message = f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."
        raise _RefusedError(-1104, message)


def _symbol(listing: Listing, state: str) -> dict[str, object]:
    tick, step = (f"{10**-decimals:.8f}" for decimals in (listing.price_decimals, listing.size_decimals))
    return {
        "symbol": f"{listing.base}{listing.quote}",
        "status": state,
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "9000.00000000", "stepSize": step},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
    }
