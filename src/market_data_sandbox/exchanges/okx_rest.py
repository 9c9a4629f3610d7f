"""OKX v5: its public REST endpoints, their limit and their errors."""

from decimal import Decimal

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from market_data_sandbox.exchanges.okx_books import BOOK_LEVELS, OkxExchange, level
from market_data_sandbox.exchanges.pacing import Pacing
from market_data_sandbox.exchanges.seam import Responder
from market_data_sandbox.source import MISSING, Depth, Listing

__all__ = ["OkxRest"]

_BOOKS_SECONDS = 2.0


@attrs.define(eq=False)
class OkxRest:
    """OKX's REST endpoints over the same source as its WebSocket."""

    exchange: OkxExchange
    _pacing: Pacing = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._pacing = Pacing(self.exchange.options.okx_book_requests_per_two_seconds, _BOOKS_SECONDS)

    def routes(self) -> list[Route]:
        """Give the HTTP endpoints."""
        return [
            Route("/api/v5/public/time", self._time),
            Route("/api/v5/public/instruments", self._instruments),
            Route("/api/v5/market/books", self._books),
        ]

    async def _time(self, request: Request) -> Response:  # noqa: ARG002
        async def respond(past: Depth | None) -> Response:  # noqa: ARG001
            return _data([{"ts": str(self.exchange.source.now_ns() // 10**6)}])

        return await self._answer(None, respond)

    async def _instruments(self, request: Request) -> Response:
        kind, wanted = request.query_params.get("instType"), request.query_params.get("instId")

        async def respond(past: Depth | None) -> Response:  # noqa: ARG001
            if not kind:
                return _error("50014", "Parameter instType can not be empty", 400)
            states = self.exchange.source.states
            found = [
                _describe(listing, states.get(listing.symbol, "live"))
                for listing in self.exchange.source.listings
                if kind == "SPOT" and states.get(listing.symbol) != MISSING and wanted in {None, listing.symbol}
            ]
            if wanted is not None and not found:
                return _error("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")
            return _data(found)

        return await self._answer(None, respond)

    async def _books(self, request: Request) -> Response:
        symbol = request.query_params.get("instId", "")
        size = request.query_params.get("sz", "1")

        async def respond(past: Depth | None) -> Response:
            if not self._pacing.take():
                return _error("50011", "Too Many Requests", 429)
            if not symbol:
                return _error("50014", "Parameter instId can not be empty", 400)
            if not self.exchange.is_listed(symbol):
                return _error("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")
            if not size.isdecimal() or not 1 <= int(size) <= BOOK_LEVELS:
                return _error("51000", "Parameter sz error", 400)
            depth = past or await self.exchange.source.depth(symbol)
            if depth is None:
                return _error("50001", "Service temporarily unavailable. Try again later", 503)
            return _data([self._book(depth, int(size))])

        return await self._answer(symbol or None, respond, is_book=True)

    def _book(self, depth: Depth, size: int) -> dict[str, object]:
        time_ns = depth.changed_ns or self.exchange.source.now_ns()
        return {
            "asks": [level(*each) for each in depth.asks[:size]],
            "bids": [level(*each) for each in depth.bids[:size]],
            "ts": str(time_ns // 10**6),
            "seqId": depth.sequence,
        }

    async def _answer(self, symbol: str | None, respond: Responder, *, is_book: bool = False) -> Response:
        return await self.exchange.seam.answer(self.exchange.venue, symbol, respond, is_book=is_book)


def _data(found: list[dict[str, object]]) -> Response:
    return JSONResponse({"code": "0", "msg": "", "data": found})


def _error(code: str, message: str, status: int = 200) -> Response:
    return JSONResponse({"code": code, "msg": message, "data": []}, status)


def _describe(listing: Listing, state: str) -> dict[str, object]:
    tick, step = (f"{Decimal(1).scaleb(-decimals):f}" for decimals in (listing.price_decimals, listing.size_decimals))
    return {
        "instType": "SPOT",
        "instId": listing.symbol,
        "baseCcy": listing.base,
        "quoteCcy": listing.quote,
        "tickSz": tick,
        "lotSz": step,
        "minSz": step,
        "state": state,
        "auctionEndTime": "",
        "listTime": "1548133413000",
    }
