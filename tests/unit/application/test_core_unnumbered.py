"""A venue that promises numbers and gives none is not taken at its word."""

from collections.abc import Sequence

from tests.support.bounds import bounds

from app.adapters.venues.coinbase import Coinbase
from app.adapters.venues.wire import Endpoint
from app.application.core import FeedCore
from app.application.inputs import Frames, Opened, Output, Started
from app.application.ports import VenueSession
from app.domain.effects import Reconnect
from app.domain.events import Event, Snapshot
from app.domain.instrument import Instrument
from app.domain.moment import Moment
from app.domain.normalized import BookState, BookStatus, Reason

BTC = Instrument("coinbase", "BTC-USD", "BTC-USD")


class Unnumbered(VenueSession):
    def opening(self) -> Sequence[str]:
        return ()

    def renewing(self, native: str) -> Sequence[str]:  # noqa: ARG002
        return ()

    def read(self, frame: bytes) -> Sequence[Event]:  # noqa: ARG002
        return (Snapshot("BTC-USD", 288, [("1", "1")], [("2", "1")], None),)


class Careless(Coinbase):
    def session(self, instruments: Sequence[Instrument]) -> VenueSession:  # noqa: ARG002
        return Unnumbered()


def test_a_book_without_a_number_is_refused_where_frames_are_numbered() -> None:
    venue = Careless(Endpoint("coinbase", "ws://localhost", "http://localhost", 10, 4, 60))
    core = FeedCore(venue, [BTC], bounds(), frame_silence_seconds=10)
    outputs: list[Output] = []
    for given in (Started(), Opened(), Frames((b"{}",))):
        outputs += core.handle(given, Moment(1_700_000_000_000_000, 1.0))
    states = [output for output in outputs if isinstance(output, BookState)]
    assert not any(state.is_live for state in states)
    assert (states[-1].status, states[-1].reason) == (BookStatus.GAP, Reason.MALFORMED)
    assert any(isinstance(output, Reconnect) for output in outputs)
