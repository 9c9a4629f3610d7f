"""A venue that promises numbers and gives none is not taken at its word."""

from collections.abc import Sequence

from tests.support.bounds import bounds
from tests.support.engines import book_engine
from tests.support.raw import snapshot_of

from market_data.adapters.venues.coinbase import Coinbase
from market_data.adapters.venues.wire import Endpoint
from market_data.application.core import FeedCore
from market_data.application.inputs import Frames, Opened, Output, Started
from market_data.application.ports import VenueSession
from market_data.domain.effects import Reconnect
from market_data.domain.events import Event
from market_data.domain.instrument import Instrument
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookState, BookStatus, Reason

BTC = Instrument("coinbase", "BTC-USD", "BTC-USD")


class Unnumbered(VenueSession):
    def opening(self) -> Sequence[str]:
        return ()

    def renewing(self, natives: Sequence[str]) -> Sequence[str]:  # noqa: ARG002
        return ()

    def leaving(self, natives: Sequence[str]) -> Sequence[str]:  # noqa: ARG002
        return ()

    def read(self, frame: bytes) -> Sequence[Event]:  # noqa: ARG002
        return (snapshot_of("BTC-USD", 288, [("1", "1")], [("2", "1")], None),)


class Careless(Coinbase):
    def session(self, instruments: Sequence[Instrument]) -> VenueSession:  # noqa: ARG002
        return Unnumbered()


def test_a_book_without_a_number_is_refused_where_frames_are_numbered() -> None:
    venue = Careless(Endpoint("coinbase", "ws://localhost", "http://localhost", 10, 4, 60))
    core = FeedCore(venue, [BTC], bounds(), frame_silence_seconds=10, books=book_engine())
    outputs: list[Output] = []
    for given in (Started(), Opened(), Frames((b"{}",))):
        outputs += core.handle(given, Moment(1_700_000_000_000_000, 1.0))
    states = [output for output in outputs if isinstance(output, BookState)]
    assert not any(state.is_live for state in states)
    assert (states[-1].status, states[-1].reason) == (BookStatus.GAP, Reason.MALFORMED)
    assert any(isinstance(output, Reconnect) for output in outputs)
