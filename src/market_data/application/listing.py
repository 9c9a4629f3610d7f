"""What the venues list."""

from collections.abc import Sequence

import anyio
import attrs

from market_data.application.ports import Network, Transport, Venue
from market_data.domain.errors import MalformedFrame, RequestFailed
from market_data.domain.instrument import Listing

__all__ = ["Listings", "Offer"]


@attrs.frozen
class Offer:
    """What one venue lists, by symbol, or why it could not be asked."""

    exchange: str
    listings: Sequence[Listing]
    problem: str | None = None


class Listings:
    """Asks venues, all at once."""

    def __init__(self, venues: Sequence[Venue], transport: Transport) -> None:
        self._venues = venues
        self._transport = transport

    async def ask(self) -> list[Offer]:
        """Ask each venue once; the offers come in the venues' order."""
        offers: dict[str, Offer] = {}
        async with self._transport.open() as network, anyio.create_task_group() as tasks:
            for venue in self._venues:
                tasks.start_soon(self._ask, venue, network, offers, name=f"listings of {venue.name}")
        return [offers[venue.name] for venue in self._venues]

    @staticmethod
    async def _ask(venue: Venue, network: Network, offers: dict[str, Offer]) -> None:
        try:
            response = await network.get(venue.listings_request())
            listings = venue.read_listings(response.body)
        except (RequestFailed, MalformedFrame) as error:
            offers[venue.name] = Offer(venue.name, (), str(error))
        else:
            offers[venue.name] = Offer(venue.name, sorted(listings, key=lambda listing: listing.instrument.symbol))
