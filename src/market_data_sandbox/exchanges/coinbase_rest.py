"""Coinbase Advanced Trade: its public REST endpoints."""

from decimal import Decimal

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from market_data_sandbox.book import Level
from market_data_sandbox.exchanges.coinbase_level2 import CoinbaseExchange
from market_data_sandbox.exchanges.seam import Responder
from market_data_sandbox.source import MISSING, Depth, Listing
from market_data_sandbox.times import format_rfc3339

__all__ = ["CoinbaseRest"]

_PREFIX = "/api/v3/brokerage"


@attrs.define(eq=False)
class CoinbaseRest:
    """Coinbase's REST endpoints over the same source as its WebSocket."""

    exchange: CoinbaseExchange

    def routes(self) -> list[Route]:
        """Give the HTTP endpoints."""
        return [
            Route(f"{_PREFIX}/time", self._time),
            Route(f"{_PREFIX}/market/products", self._products),
            Route(f"{_PREFIX}/market/products/{{product_id}}", self._product),
            Route(f"{_PREFIX}/market/product_book", self._product_book),
        ]

    async def _time(self, request: Request) -> Response:  # noqa: ARG002
        async def respond(past: Depth | None) -> Response:  # noqa: ARG001
            now_ns = self.exchange.source.now_ns()
            return JSONResponse(
                {
                    "iso": format_rfc3339(now_ns),
                    "epochSeconds": str(now_ns // 10**9),
                    "epochMillis": str(now_ns // 10**6),
                }
            )

        return await self._answer(None, respond)

    async def _products(self, request: Request) -> Response:
        async def respond(past: Depth | None) -> Response:  # noqa: ARG001
            wanted = request.query_params.getlist("product_ids")
            found = [
                product
                for product_id in sorted(self.exchange.products)
                if not wanted or product_id in wanted
                if (product := self._describe(product_id)) is not None
            ]
            limit = request.query_params.get("limit", "")
            listed = found[: int(limit)] if limit.isdecimal() else found
            return JSONResponse({"products": listed, "num_products": len(found)})

        return await self._answer(None, respond)

    async def _product(self, request: Request) -> Response:
        product_id = request.path_params["product_id"]

        async def respond(past: Depth | None) -> Response:  # noqa: ARG001
            product = self._describe(product_id)
            return _not_found() if product is None else JSONResponse(product)

        return await self._answer(self.exchange.product(product_id) or None, respond)

    async def _product_book(self, request: Request) -> Response:
        product_id = request.query_params.get("product_id", "")
        symbol = self.exchange.product(product_id)
        limit_text = request.query_params.get("limit", "")

        async def respond(past: Depth | None) -> Response:
            depth = past or await self.exchange.source.depth(symbol)
            if depth is None:
                return _not_found()
            limit = int(limit_text) if limit_text.isdecimal() and int(limit_text) else None
            return JSONResponse(self._book(symbol, depth, limit))

        return await self._answer(symbol or None, respond, is_book=True)

    def _book(self, symbol: str, depth: Depth, limit: int | None) -> dict[str, object]:
        time_ns = depth.changed_ns or self.exchange.source.now_ns()
        answer: dict[str, object] = {
            "pricebook": {
                "product_id": symbol,
                "bids": _levels(depth.bids[:limit]),
                "asks": _levels(depth.asks[:limit]),
                "time": format_rfc3339(time_ns, digits=6),
            }
        }
        if depth.bids and depth.asks:
            bid, ask = Decimal(depth.bids[0][0]), Decimal(depth.asks[0][0])
            middle = (bid + ask) / 2
            answer["last"] = answer["mid_market"] = f"{middle:f}"
            answer["spread_bps"] = f"{(ask - bid) / middle * 10_000:f}"
            answer["spread_absolute"] = f"{ask - bid:f}"
        return answer

    def _describe(self, product_id: str) -> dict[str, object] | None:
        symbol = self.exchange.product(product_id)
        for listing in self.exchange.source.listings:
            if listing.symbol == symbol and self.exchange.source.states.get(symbol) != MISSING:
                return self._product_of(product_id, listing)
        return None

    def _product_of(self, product_id: str, listing: Listing) -> dict[str, object]:
        book = self.exchange.source.book(listing.symbol)
        best = book.bids(1) if book is not None else []
        price_increment = f"{Decimal(1).scaleb(-listing.price_decimals):f}"
        alias_of = "" if product_id == listing.symbol else listing.symbol
        aliases = [name for name, symbol in self.exchange.products.items() if symbol == product_id != name]
        return {
            "product_id": product_id,
            "price": best[0][0] if best else "",
            "base_increment": f"{Decimal(1).scaleb(-listing.size_decimals):f}",
            "quote_increment": price_increment,
            "price_increment": price_increment,
            "base_currency_id": listing.base,
            "quote_currency_id": product_id.rpartition("-")[2],
            "product_type": "SPOT",
            "status": self.exchange.source.states.get(listing.symbol, "online"),
            "is_disabled": False,
            "trading_disabled": False,
            "cancel_only": False,
            "limit_only": False,
            "post_only": False,
            "auction_mode": False,
            "view_only": False,
            "alias": alias_of,
            "alias_to": aliases,
        }

    async def _answer(self, symbol: str | None, respond: Responder, *, is_book: bool = False) -> Response:
        return await self.exchange.seam.answer(self.exchange.venue, symbol, respond, is_book=is_book)


def _levels(levels: list[Level]) -> list[dict[str, str]]:
    return [{"price": price, "size": size} for price, size in levels]


def _not_found() -> Response:
    message = "valid product_id is required"
    return JSONResponse({"error": "NOT_FOUND", "error_details": message, "message": message}, 404)
