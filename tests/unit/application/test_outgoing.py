"""What a connection says keeps to the venue's pace, and to what it takes an hour."""

from collections.abc import Sequence

import attrs
import pytest
from tests.support.bounds import HandClock
from tests.support.venues import BYBIT, OKX_SPOT

from market_data.application.outgoing import Outgoing
from market_data.application.ports import Venue
from market_data.domain.instrument import Instrument

_HOUR = 3600


@attrs.define
class Bench:
    """A connection of many instruments whose books are lost again and again."""

    venue: Venue
    natives: Sequence[str] = attrs.field(factory=lambda: [f"COIN{number}-USDT" for number in range(150)])
    clock: HandClock = attrs.field(factory=HandClock)
    sent_at: list[float] = attrs.field(factory=list)
    """When each request of the venue's hour was given."""

    def lose_for(self, seconds: int) -> None:
        """Lose one book a second, each in its turn."""
        instruments = [Instrument(self.venue.name, native, native) for native in self.natives]
        session, outgoing = self.venue.session(instruments), Outgoing(self.venue)
        self._note(outgoing.open(session, self.clock.now()).messages)
        for second in range(seconds):
            now = self.clock.advance(1.0)
            outgoing.renew(self.natives[second % len(self.natives)], even_if_live=False)
            renewal = outgoing.release(session, now, lambda _: False)
            if renewal is not None:
                self._note(renewal.send.messages)
            for given in outgoing.ping(session, now):
                assert given.messages == session.ping()

    def _note(self, messages: Sequence[str]) -> None:
        self.sent_at += [self.clock.now().mono] * len(messages)


def test_no_hour_takes_more_requests_than_the_venue_allows() -> None:
    bench = Bench(OKX_SPOT)
    bench.lose_for(3 * _HOUR)
    at = bench.sent_at
    busiest = max(sum(begin <= each < begin + _HOUR for each in at) for begin in at)
    assert OKX_SPOT.requests_per_hour == 480
    assert 460 <= busiest <= 480


def test_a_loss_now_and_then_is_never_kept_waiting() -> None:
    session, outgoing = OKX_SPOT.session([Instrument("okx", "BTC-USDT", "BTC-USDT")]), Outgoing(OKX_SPOT)
    clock = HandClock()
    outgoing.open(session, clock.now())
    for _ in range(200):
        outgoing.renew("BTC-USDT", even_if_live=False)
        assert outgoing.release(session, clock.advance(31.0), lambda _: False)


@pytest.mark.parametrize("venue", [BYBIT], ids=lambda venue: venue.name)
def test_a_venue_without_such_a_bound_is_only_paced(venue: Venue) -> None:
    bench = Bench(venue, natives=["BTCUSDT"])
    bench.lose_for(1000)
    assert len(bench.sent_at) == 2001
