"""What the venues list: asked once of all of them, or again and again of one, within its budget."""

from collections.abc import Sequence

import anyio
import attrs

from market_data.application.budget import WeightBudget
from market_data.application.ports import LISTED_AT_ONCE, Network, Request, Transport, Venue
from market_data.domain.errors import MalformedFrame, RequestFailed
from market_data.domain.instrument import Catalogue, Listing

__all__ = ["Listings", "Offer", "VenueListings"]

_MOST_GUESSES = 10
"""Beyond so many instruments that are not listed, the whole listing is cheaper than asking for each."""
_NOT_LISTED = (400, 404)


@attrs.frozen
class Offer:
    """What one venue lists, by symbol, or why it could not be asked."""

    exchange: str
    listings: Sequence[Listing]
    problem: str | None = None
    unreadable: int = 0
    """How many entries could not be read."""


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
            by_symbol = sorted(listings, key=lambda listing: listing.instrument.symbol)
            offers[venue.name] = Offer(venue.name, by_symbol, unreadable=listings.unreadable)


class VenueListings:
    """Asks one venue; every method may raise RequestFailed and MalformedFrame, and is safe to cancel."""

    def __init__(self, venue: Venue, network: Network, budget: WeightBudget) -> None:
        """``budget`` is the venue's, for all that is asked of it."""
        self._venue = venue
        self._network = network
        self._budget = budget

    async def ask_all(self) -> Catalogue:
        """Ask for all that the venue lists."""
        return await self._ask(self._venue.listings_request())

    async def ask_about(self, natives: Sequence[str], unlisted: Sequence[str]) -> Catalogue:
        """Ask about these alone; the answer may hold others.

        ``natives`` were listed when last asked; canonical symbols that were not are asked for one by one, since one
        that is not listed may have the whole request refused.
        """
        if len(unlisted) > _MOST_GUESSES:
            return await self.ask_all()
        together = list(dict.fromkeys(natives))
        groups = [together[at : at + LISTED_AT_ONCE] for at in range(0, len(together), LISTED_AT_ONCE)]
        groups += [[self._venue.native_of(symbol)] for symbol in unlisted]
        requests = {
            request.url: (request, group) for group in groups for request in [self._venue.listings_request(group)]
        }
        answers: list[Catalogue] = []
        for request, group in requests.values():  # once where the venue gives all whatever is asked for
            try:
                answers.append(await self._ask(request))
            except RequestFailed as error:
                if error.status not in _NOT_LISTED:
                    raise
                if len(group) > 1:
                    return await self.ask_all()
        return Catalogue(
            tuple(listing for answer in answers for listing in answer),
            sum(answer.unreadable for answer in answers),
            next((answer.problem for answer in answers if answer.problem), None),
        )

    async def _ask(self, request: Request) -> Catalogue:
        await self._budget.spend(request.weight)
        response = await self._network.get(request)
        self._budget.learn(self._venue.used_weight(response.headers))
        return self._venue.read_listings(response.body)
