"""Which books a connection carries, and what is still to be expected of those that have left."""

from tests.support.bounds import bounds

from market_data.application.carried import CarriedBooks
from market_data.domain.counted import CountedSync
from market_data.domain.instrument import Instrument
from market_data.domain.sync import BookSetup


def books(*symbols: str) -> CarriedBooks:
    return CarriedBooks(
        [
            CountedSync(BookSetup(Instrument("coinbase", symbol, symbol.replace("USDC", "USD")), bounds(), []))
            for symbol in symbols
        ]
    )


def test_a_book_that_leaves_is_no_longer_found_and_the_last_one_shares_its_connection_no_more() -> None:
    carried = books("BTC-USD", "ETH-USD")
    assert [sync.shares_connection for sync in carried.syncs] == [True, True]
    assert carried.part("coinbase:BTC-USD").instrument.symbol == "BTC-USD"
    assert [(sync.instrument.symbol, sync.shares_connection) for sync in carried.syncs] == [("ETH-USD", False)]
    assert (carried.by_native.keys(), carried.by_key.keys()) == ({"ETH-USD"}, {"coinbase:ETH-USD"})


def test_a_market_has_left_once_it_has_under_all_its_names_until_the_connection_is_another() -> None:
    carried = books("BTC-USD", "BTC-USDC", "ETH-USD")
    carried.part("coinbase:BTC-USDC")
    assert not carried.have_left(["BTC-USD"])
    carried.part("coinbase:BTC-USD")
    assert carried.have_left(["BTC-USD"])
    assert not carried.have_left(["BTC-USD", "ETH-USD"])
    assert not carried.have_left([])
    carried.reopened()
    assert not carried.have_left(["BTC-USD"])
