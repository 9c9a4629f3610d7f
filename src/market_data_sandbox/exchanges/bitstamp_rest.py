"""Bitstamp spot: its public REST endpoints, and the `Date` of every answer, which is the only clock it shows."""

from email.utils import formatdate

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from market_data_sandbox.exchanges.bitstamp_stream import BitstampExchange, times_of
from market_data_sandbox.exchanges.seam import Responder
from market_data_sandbox.source import MISSING, Depth, Listing

__all__ = ["BitstampRest"]


@attrs.define(eq=False)
class BitstampRest:
    """Bitstamp's REST endpoints over the same source as its WebSocket."""

    exchange: BitstampExchange

    def routes(self) -> list[Route]:
        """Give the HTTP endpoints."""
        return [
            Route("/api/v2/markets/", self._markets),
            Route("/api/v2/order_book/{market}/", self._order_book),
        ]

    async def _markets(self, request: Request) -> Response:  # noqa: ARG002
        async def respond(past: Depth | None) -> Response:  # noqa: ARG001
            states = self.exchange.source.states
            listed = [each for each in self.exchange.source.listings if states.get(each.symbol) != MISSING]
            return JSONResponse([_market(each, states.get(each.symbol, "Enabled")) for each in listed])

        return await self._answer(None, respond)

    async def _order_book(self, request: Request) -> Response:
        symbol = self.exchange.markets.get(request.path_params["market"])

        async def respond(past: Depth | None) -> Response:
            depth = None if symbol is None else past or await self.exchange.source.depth(symbol)
            if symbol is None or depth is None or self.exchange.source.states.get(symbol) == MISSING:
                return Response(status_code=404)  # its body is not established
            return JSONResponse({**times_of(depth.changed_ns or 0), "bids": depth.bids, "asks": depth.asks})

        return await self._answer(symbol, respond, is_book=True)

    async def _answer(self, symbol: str | None, respond: Responder, *, is_book: bool = False) -> Response:
        response = await self.exchange.seam.answer(self.exchange.venue, symbol, respond, is_book=is_book)
        response.headers["Date"] = formatdate(self.exchange.source.now_ns() / 10**9, usegmt=True)
        return response


def _market(listing: Listing, state: str) -> dict[str, object]:
    return {
        "name": f"{listing.base}/{listing.quote}",
        "market_symbol": f"{listing.base}{listing.quote}".lower(),
        "base_currency": listing.base,
        "base_decimals": listing.size_decimals,
        "counter_currency": listing.quote,
        "counter_decimals": max(0, listing.price_decimals - 2),  # which is not the wire's, as measured
        "minimum_order_value": "10",
        "trading": state,
        "instant_order_counter_decimals": listing.price_decimals,
        "market_type": "SPOT",
        "description": f"{listing.base} / {listing.quote}",
    }
