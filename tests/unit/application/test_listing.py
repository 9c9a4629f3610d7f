"""What one venue lists, asked for in several questions."""

import json

import pytest
from tests.support.kraken import KRAKEN
from tests.support.network import FakeNetwork
from tests.support.venues import BINANCE
from tests.support.virtual import VIRTUAL_TIME, LoopClock

from market_data.application.budget import WeightBudget
from market_data.application.listing import VenueListings
from market_data.application.ports import Request

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


async def test_several_answers_are_one_catalogue_with_the_first_problem_of_what_could_not_be_read() -> None:
    def answer(request: Request) -> bytes:
        good = {"status": "TRADING", "quoteAsset": "USDT"}
        odd = [{"symbol": "X"}, None] if "ETHUSDT" in request.url else []
        symbols = [{**good, "symbol": f"{base}USDT", "baseAsset": base} for base in ("BTC", "ETH", "SOL")]
        return json.dumps({"symbols": [*odd, *(each for each in symbols if each["symbol"] in request.url)]}).encode()

    clock = LoopClock()
    network = FakeNetwork(clock, answers={"exchangeInfo": answer})
    listings = VenueListings(BINANCE, network, WeightBudget(BINANCE.weight_per_minute, clock))
    catalogue = await listings.ask_about(["BTCUSDT"], ["ETH-USDT", "SOL-USDT"])
    assert [listing.instrument.symbol for listing in catalogue] == ["BTC-USDT", "ETH-USDT", "SOL-USDT"]
    assert catalogue.unreadable == 2
    assert catalogue.problem is not None
    assert len(network.requests) == 3


async def test_a_venue_that_gives_all_whatever_is_asked_for_is_asked_once() -> None:
    pair = {"base": "BTC", "quote": "USD", "status": "online"}
    body = json.dumps({"error": [], "result": {"BTC/USD": pair}}).encode()
    clock = LoopClock()
    network = FakeNetwork(clock, answers={"AssetPairs": lambda _: body})
    listings = VenueListings(KRAKEN, network, WeightBudget(KRAKEN.weight_per_minute, clock))
    catalogue = await listings.ask_about([f"COIN{number}/USD" for number in range(250)], ["ETH-USD", "SOL-USD"])
    assert [listing.instrument.symbol for listing in catalogue] == ["BTC-USD"]
    assert len(network.requests) == 1
