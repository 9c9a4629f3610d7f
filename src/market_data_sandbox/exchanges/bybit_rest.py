"""Bybit v5: its public REST endpoints for spot, their limit and their errors."""

from decimal import Decimal

import anyio
import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from market_data_sandbox.exchanges.bybit_books import DEEPEST, BybitExchange
from market_data_sandbox.exchanges.pacing import Pacing
from market_data_sandbox.exchanges.seam import Responder
from market_data_sandbox.source import MISSING, Depth, Listing

__all__ = ["BybitRest"]

_LIMIT_SECONDS = 5.0
_BAN_SECONDS = 600.0


@attrs.define(eq=False)
class BybitRest:
    """Bybit's REST endpoints over the same source as its WebSocket."""

    exchange: BybitExchange
    _pacing: Pacing = attrs.field(init=False)
    _banned_until: float = attrs.field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self._pacing = Pacing(self.exchange.options.bybit_requests_per_five_seconds, _LIMIT_SECONDS)

    def routes(self) -> list[Route]:
        """Give the HTTP endpoints."""
        return [
            Route("/v5/market/time", self._time),
            Route("/v5/market/instruments-info", self._instruments),
            Route("/v5/market/orderbook", self._orderbook),
        ]

    async def _time(self, request: Request) -> Response:  # noqa: ARG002
        async def respond(past: Depth | None) -> Response:  # noqa: ARG001
            now_ns = self.exchange.source.now_ns()
            return self._result({"timeSecond": str(now_ns // 10**9), "timeNano": str(now_ns)})

        return await self._answer(None, respond)

    async def _instruments(self, request: Request) -> Response:
        wanted = request.query_params.get("symbol")

        async def respond(past: Depth | None) -> Response:  # noqa: ARG001
            if (refused := self._of_another_category(request)) is not None:
                return refused
            states = self.exchange.source.states
            found = [
                _describe(listing, states.get(listing.symbol, "Trading"))
                for listing in self.exchange.source.listings
                if states.get(listing.symbol) != MISSING and wanted in {None, f"{listing.base}{listing.quote}"}
            ]
            return self._result({"category": "spot", "list": found})

        return await self._answer(None, respond)

    async def _orderbook(self, request: Request) -> Response:
        native = request.query_params.get("symbol", "")
        limit = request.query_params.get("limit", "1")
        symbol = self.exchange.listed(native)

        async def respond(past: Depth | None) -> Response:
            if (refused := self._of_another_category(request)) is not None:
                return refused
            if symbol is None:
                return self._error(10001, "Not supported symbols")
            if not limit.isdecimal() or not 1 <= int(limit) <= DEEPEST:
                return self._error(10001, f"params error: limit invalid {limit}")
            depth = past or await self.exchange.source.depth(symbol)
            if depth is None:
                return self._error(10000, "Server Timeout")
            return self._result(self._book(symbol, depth, int(limit)))

        return await self._answer(symbol, respond, is_book=True)

    def _book(self, symbol: str, depth: Depth, limit: int) -> dict[str, object]:
        """Tell a book; its `u` is that of the deepest stream, whatever the limit."""
        now_ms = self.exchange.source.now_ns() // 10**6
        window, book = self.exchange.window(symbol, DEEPEST), self.exchange.source.book(symbol)
        age = 0 if book is None else max(0, book.sequence - depth.sequence)
        return {
            "s": symbol.replace("-", ""),
            "b": depth.bids[:limit],
            "a": depth.asks[:limit],
            "ts": now_ms,
            "u": max(1, (window.sequence if window is not None else 1) - age),
            "seq": self.exchange.seq(symbol, age),
            "cts": (depth.changed_ns or 0) // 10**6 or now_ms,
        }

    async def _answer(self, symbol: str | None, respond: Responder, *, is_book: bool = False) -> Response:
        now = anyio.current_time()
        if now >= self._banned_until and not self._pacing.take():
            self._banned_until = now + _BAN_SECONDS
        if now < self._banned_until:
            return self._error(10006, "access too frequent", 403)
        return await self.exchange.seam.answer(self.exchange.venue, symbol, respond, is_book=is_book)

    def _of_another_category(self, request: Request) -> Response | None:
        category = request.query_params.get("category")
        return None if category == "spot" else self._error(10001, f"Illegal category: {category}")

    def _result(self, result: dict[str, object], code: int = 0, message: str = "OK", status: int = 200) -> Response:
        now_ms = self.exchange.source.now_ns() // 10**6
        body = {"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": now_ms}
        return JSONResponse(body, status)

    def _error(self, code: int, message: str, status: int = 200) -> Response:
        return self._result({}, code, message, status)


def _describe(listing: Listing, state: str) -> dict[str, object]:
    tick, step = (f"{Decimal(1).scaleb(-decimals):f}" for decimals in (listing.price_decimals, listing.size_decimals))
    return {
        "symbol": f"{listing.base}{listing.quote}",
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "innovation": "0",
        "status": state,
        "marginTrading": "none",
        "symbolType": "",
        "lotSizeFilter": {"basePrecision": step, "quotePrecision": "0.00000001", "minOrderQty": step},
        "priceFilter": {"tickSize": tick},
    }
