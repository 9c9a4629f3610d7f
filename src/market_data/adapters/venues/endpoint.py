"""Where a venue is and how much of it may be used: what each dialect takes from its stanza of the settings."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol

import attrs

from market_data.application.ports import Venue, VenueSession
from market_data.domain.instrument import Instrument

__all__ = ["Endpoint", "EndpointVenue", "VenueFactory"]


@attrs.frozen
class Endpoint:
    """Where a venue is and how much of it we may use: the stanza of its settings."""

    name: str
    websocket_url: str
    rest_url: str
    instruments_per_connection: int
    messages_per_second: float
    request_weight_per_minute: int
    book_levels: int | None = None
    """Levels a side that are subscribed, one of the dialect's ``offered_levels``; None: its default."""


class VenueFactory(Protocol):
    """What makes a venue from its stanza."""

    @property
    def offered_levels(self) -> Sequence[int]:
        """How many levels a side may be subscribed; none where there is no choice."""
        raise NotImplementedError

    def __call__(self, endpoint: Endpoint) -> Venue:
        """Make the venue; does no work."""


class EndpointVenue(Venue):
    """A venue at an endpoint; a dialect says the rest. The WebSocket's address is the whole of it, unless it adds."""

    rest_path = ""
    """What REST addresses have behind the stanza's."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.name = endpoint.name
        self.instruments_per_connection = endpoint.instruments_per_connection
        self.messages_per_second = endpoint.messages_per_second
        self.weight_per_minute = endpoint.request_weight_per_minute
        self._websocket_url = endpoint.websocket_url
        self._rest_url = endpoint.rest_url.rstrip("/") + self.rest_path

    def websocket_url(self) -> str:
        return self._websocket_url

    def session(self, instruments: Sequence[Instrument]) -> VenueSession:
        return self._session(list(dict.fromkeys(instrument.native for instrument in instruments)))

    @abstractmethod
    def _session(self, natives: Sequence[str]) -> VenueSession:
        """Start the dialect for these instruments, each named once."""

    def used_weight(self, headers: Mapping[str, str]) -> int | None:  # noqa: ARG002 - most venues tell none
        return None
