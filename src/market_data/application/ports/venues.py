"""What is known of an exchange, its dialect among it: pure, bytes in and events out, no I/O."""

from abc import abstractmethod
from collections.abc import Generator, Mapping, Sequence
from typing import ClassVar, Protocol

import attrs

from market_data.domain.continuity import Continuity
from market_data.domain.events import Event, Snapshot
from market_data.domain.instrument import Catalogue, Instrument

__all__ = ["LISTED_AT_ONCE", "Request", "Venue", "VenueSession"]


LISTED_AT_ONCE = 100
"""So many names fit into one request for listings, in its address."""


@attrs.frozen
class Request:
    """A GET that a venue's REST interface answers. ``weight`` is what it costs of the venue's budget; an answer of more
    than ``max_bytes`` is none: a listing may be large, all else is to say how large.
    """

    url: str
    weight: int = 1
    headers: Mapping[str, str] = attrs.field(factory=dict)
    max_bytes: int = 64 * 1024 * 1024


class VenueSession(Protocol):
    """One connection's dialect. Pure: bytes in, events out. Born with its connection, and dies with it."""

    @abstractmethod
    def opening(self) -> Sequence[str]:
        """Messages to send once the socket is open, in order."""
        raise NotImplementedError

    @abstractmethod
    def renewing(self, natives: Sequence[str]) -> Sequence[str]:
        """Messages that make the venue send these instruments' streams, anew or at last; as few as it takes."""
        raise NotImplementedError

    @abstractmethod
    def leaving(self, natives: Sequence[str]) -> Sequence[str]:
        """Give the messages that end the streams of these instruments; the others go on."""
        raise NotImplementedError

    @abstractmethod
    def read(self, frame: bytes) -> Sequence[Event]:
        """Say what one text frame means, in the frame's order; what is unknown but legal means nothing.

        Where a part of it breaks the venue's protocol and the rest stands, that part is an ``Unreadable``.

        Raises:
            MalformedFrame: the whole frame breaks it; where frames are numbered, not even the number can be read.
        """
        raise NotImplementedError

    def ping(self) -> Sequence[str]:
        """Messages that say we are there, where the venue wants to be told (``Venue.ping_seconds``)."""
        return ()

    def reading(self, frame: bytes) -> Generator[None, None, Sequence[Event] | None]:  # noqa: ARG002 - a dialect's need
        """Read a large frame in steps of about a millisecond and give what ``read`` would; None where only that can
        read it, or say what is wrong with it. Changes nothing.
        """
        yield from ()
        return None


class Venue(Protocol):
    """What is known of one exchange: its addresses, its dialect, its limits. Pure, no I/O."""

    name: str
    """The ``exchange`` of its records."""
    continuity: Continuity
    """What its streams can prove of its books."""
    sends_heartbeats: bool
    """True: the venue promises frames on a quiet connection, answers to our pings among them, so that silence means it
    is dead."""
    ping_seconds: float | None = None
    """How often the venue wants to be told that we are there; None: never."""
    offered_levels: ClassVar[Sequence[int]] = ()
    """How many levels a side may be subscribed; none where there is no choice."""
    instruments_per_connection: int
    messages_per_second: float
    """How many messages a client may send on one connection."""
    is_listing_optional: bool = False
    """Where its REST interface refuses us (HTTP 403, 451), its streams may be asked for all the same, by the names that
    ``native_of`` gives."""
    clock_doubt_seconds: float = 0.0
    """By how much what it tells of its clock may differ from its time at that moment, either way."""
    requests_per_hour: int | None = None
    """How many messages of ``opening`` and ``renewing`` the venue takes on one connection; None: any number."""
    weight_per_minute: int
    """How much ``Request.weight`` may be spent a minute, all instruments together."""

    @abstractmethod
    def websocket_url(self) -> str:
        """Where its connections are opened."""
        raise NotImplementedError

    @abstractmethod
    def session(self, instruments: Sequence[Instrument]) -> VenueSession:
        """Start the dialect for a new connection that shall carry these instruments."""
        raise NotImplementedError

    @abstractmethod
    def book_request(self, instrument: Instrument, levels: int) -> Request:
        """Ask for the best ``levels`` a side of one book."""
        raise NotImplementedError

    @abstractmethod
    def read_book(self, instrument: Instrument, levels: int, body: bytes) -> Snapshot:
        """Read the answer to ``book_request``.

        Raises:
            MalformedFrame: it is not what the venue promises.
            RequestFailed: it is a refusal, though its status was 200.
        """
        raise NotImplementedError

    @abstractmethod
    def listings_request(self, natives: Sequence[str] = ()) -> Request:
        """Ask for all that the venue lists; or for these alone, which costs less, at most ``LISTED_AT_ONCE`` of them.

        Where one of these is not listed, the answer is without it, or status 400 or 404.
        """
        raise NotImplementedError

    @abstractmethod
    def native_of(self, symbol: str) -> str:
        """Say what the venue would call a canonical symbol that it does not list yet, by its rule for names."""
        raise NotImplementedError

    @abstractmethod
    def read_listings(self, body: bytes) -> Catalogue:
        """Read the answer to ``listings_request``; an entry that is not as it should be is left out and counted.

        Raises:
            MalformedFrame: it is not what the venue promises.
            RequestFailed: it is a refusal, though its status was 200.
        """
        raise NotImplementedError

    @abstractmethod
    def clock_request(self) -> Request:
        """Ask for the venue's time."""
        raise NotImplementedError

    @abstractmethod
    def read_clock(self, body: bytes) -> int:
        """Read the answer to ``clock_request``: µs since 1970 UTC.

        Raises:
            MalformedFrame: it is not what the venue promises.
            RequestFailed: it is a refusal, though its status was 200.
        """
        raise NotImplementedError

    @abstractmethod
    def used_weight(self, headers: Mapping[str, str]) -> int | None:
        """The venue's own count of the weight spent in this minute, where an answer tells it."""
        raise NotImplementedError
