"""The roles that adapters play: what the application asks of the world, and what it is promised.

A port is a Protocol with abstract methods, subclassed by its adapters, so that a forgotten method fails when the
adapter is made; a fake needs no base class. What must be opened has one method ``open`` returning an async context
manager, and what that yields is always usable.
"""

from abc import abstractmethod
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import UTC, datetime
from typing import ClassVar, Protocol

import attrs

from market_data.domain.continuity import Continuity
from market_data.domain.events import Event, Snapshot
from market_data.domain.instrument import Catalogue, Instrument
from market_data.domain.market import Market, Quote
from market_data.domain.moment import Moment
from market_data.domain.normalized import NormalizedBook
from market_data.domain.proof import OrderProof
from market_data.domain.values import value

__all__ = [
    "LISTED_AT_ONCE",
    "Clock",
    "Connection",
    "Delivered",
    "Display",
    "Moment",
    "Network",
    "Publication",
    "Publisher",
    "Reading",
    "Received",
    "Request",
    "Response",
    "Start",
    "Subscriber",
    "Subscription",
    "Telemetry",
    "Transport",
    "Trouble",
    "Venue",
    "VenueSession",
]


LISTED_AT_ONCE = 100
"""So many names fit into one request for listings, in its address."""


class Clock(Protocol):
    """The only source of time."""

    @abstractmethod
    def now(self) -> Moment:
        """Read both clocks."""
        raise NotImplementedError


@attrs.frozen
class Request:
    """A GET that a venue's REST interface answers. ``weight`` is what it costs of the venue's budget; an answer of more
    than ``max_bytes`` is none: a listing may be large, all else is to say how large.
    """

    url: str
    weight: int = 1
    headers: Mapping[str, str] = attrs.field(factory=dict)
    max_bytes: int = 64 * 1024 * 1024


@attrs.frozen
class Response:
    """What came back, status 200; header names in lower case."""

    body: bytes
    headers: Mapping[str, str]


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


@attrs.frozen
class Received:
    """Whole text frames, oldest first, and when they were read; none where a part of a large one was.

    ``partial_bytes`` is how much of a frame that is not whole yet has come so far, 0 when there is none: while it
    grows, the venue speaks.
    """

    frames: Sequence[bytes]
    moment: Moment
    partial_bytes: int = 0


class Connection(Protocol):
    """An open socket."""

    @abstractmethod
    async def receive(self) -> Received:
        """Wait for frames and take all that are there. Safe to cancel: nothing is lost.

        Raises:
            ConnectionLost: the socket is not usable any more (closed, broken, silent, binary or oversized frame).
        """
        raise NotImplementedError

    @abstractmethod
    async def send(self, message: str) -> None:
        """Send one text message.

        Raises:
            ConnectionLost: as above.
        """
        raise NotImplementedError


class Network(Protocol):
    """An open way to the venues."""

    @abstractmethod
    def connect(self, url: str) -> AbstractAsyncContextManager[Connection]:
        """Open a socket; leaving closes it.

        Raises:
            ConnectionFailed: on entering, with the reason that a status will carry.
        """
        raise NotImplementedError

    @abstractmethod
    async def get(self, request: Request) -> Response:
        """Fetch one answer; asked once more where a connection that was kept alive ends without one.

        Raises:
            RequestFailed: no answer with status 200 within the configured time, or not one that was asked for.
        """
        raise NotImplementedError


class Transport(Protocol):
    """What reaches the venues."""

    @abstractmethod
    def open(self) -> AbstractAsyncContextManager[Network]:
        """Make ready; leaving closes all that is left."""
        raise NotImplementedError


class Publication(Protocol):
    """An open way to the topic."""

    @abstractmethod
    async def publish(self, books: Sequence[NormalizedBook]) -> None:
        """Take records over for delivery; each key's records arrive in the order given, each once.

        Returns as soon as they fit in the bounded room in flight, so that deliveries overlap. What was taken over is
        delivered through whatever the broker does, as long as it comes back within the configured ride-out.

        Raises:
            DeliveryFailed: the broker refuses for good; what is in flight is not delivered.
        """
        raise NotImplementedError

    @abstractmethod
    def admission(self) -> Callable[[str], bool]:
        """Give what says, of one instrument after the other, whether one more record of it has room in flight.

        No partition takes the room of the others. What was admitted is counted, for one call of ``publish``, which
        then does not wait.
        """
        raise NotImplementedError

    @abstractmethod
    def linger(self) -> float:
        """Say how many seconds the next records may wait for others before they are published, to share a request."""
        raise NotImplementedError

    @abstractmethod
    async def until_freed(self) -> None:
        """Wait until there may be room again for what was not admitted. Safe to cancel.

        Raises:
            DeliveryFailed: as above.
        """
        raise NotImplementedError

    @abstractmethod
    async def flush(self) -> None:
        """Wait until all that was taken over is delivered. Safe to cancel.

        Raises:
            DeliveryFailed: as above.
        """
        raise NotImplementedError

    @property
    @abstractmethod
    def undelivered(self) -> int:
        """How many records were taken over and not yet acknowledged by the broker."""
        raise NotImplementedError


class Publisher(Protocol):
    """What delivers records."""

    @abstractmethod
    def open(self) -> AbstractAsyncContextManager[Publication]:
        """Connect and see to the topic. Leaving drops what is undelivered at once: ``flush`` first, with a bound.

        Raises:
            BrokerUnavailable: no broker within the configured time.
            TopicMismatch: the topic is not as configured.
        """
        raise NotImplementedError


@attrs.frozen
class Start:
    """Where reading begins: ``latest``, ``earliest``, or the first record of a time (µs UTC)."""

    at: str | int

    def __str__(self) -> str:
        if isinstance(self.at, str):
            return self.at
        return datetime.fromtimestamp(self.at / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@value
class Delivered:
    """One record as it was read: what the proof of order needs to know beside the book."""

    book: NormalizedBook
    partition: int
    offset: int
    timestamp: int
    """The record's Kafka timestamp, µs UTC: when it was published, by the broker's clock if the topic keeps that."""
    reading: int = 0
    """Counts how often reading of the partition began: between two of them, another of the group may have read."""
    is_read_back: bool = False
    """It comes from before where reading begins, to show its instrument at once."""
    is_past: bool = False
    """It was there already when reading began."""
    stamp: int | None = None
    """When it was published by its producer's clock, µs UTC; None where it does not say."""

    @property
    def published_at(self) -> int:
        """When it was published, µs UTC, by the clock that its other times are of, as far as is known."""
        return self.timestamp if self.stamp is None else self.stamp


@attrs.frozen
class Trouble:
    """What keeps records from coming, when it is not their producers."""

    what: str
    """In few words: ``broker unreachable``."""
    seconds: float
    """For how long."""


class Subscription(Protocol):
    """An open way from the topic."""

    @property
    @abstractmethod
    def partitions(self) -> Collection[int]:
        """Those that are ours now: all of them, or our share of a group's."""
        raise NotImplementedError

    @property
    @abstractmethod
    def positions(self) -> Mapping[int, int]:
        """The offset that comes next, by partition: all before it were handed out, or could not be read."""
        raise NotImplementedError

    @property
    @abstractmethod
    def is_reading_back(self) -> bool:
        """Whether the newest records of before where reading begins are still to be handed out."""
        raise NotImplementedError

    @property
    @abstractmethod
    def unreadable(self) -> Mapping[str, int]:
        """How many records could not be read, by what their keys say; ``?`` stands for keys that say nothing."""
        raise NotImplementedError

    @property
    @abstractmethod
    def behind(self) -> Collection[int]:
        """Partitions of which we have not yet handed out all that was there when their reading began."""
        raise NotImplementedError

    @property
    @abstractmethod
    def trouble(self) -> Trouble | None:
        """What keeps records from coming now; None where nothing is known to."""
        raise NotImplementedError

    @abstractmethod
    async def receive(self) -> Sequence[Delivered]:
        """Take the records that are there, each partition's in order; nothing after half a second without any.

        Records that cannot be read are counted, told and skipped. Safe to cancel; but whoever wants to do something
        else meanwhile does it between two calls, since some trouble is only looked for when nothing comes.

        Raises:
            BrokerError: reading cannot go on.
        """
        raise NotImplementedError

    @abstractmethod
    def leave(self, unused: Iterable[Delivered]) -> None:
        """Say that nothing more will be received, and what was handed out and not used: a group reads it again.

        Without this, all was used by who leaves in peace, and by who leaves with an error what came before the last.
        """
        raise NotImplementedError


class Subscriber(Protocol):
    """What reads records."""

    @abstractmethod
    def open(self, start: Start, group: str | None) -> AbstractAsyncContextManager[Subscription]:
        """Connect. Without a group all partitions are read and nothing is committed.

        Raises:
            BrokerUnavailable: no broker within the configured time.
        """
        raise NotImplementedError


@attrs.define
class Reading:
    """How the reading of the topic goes: what every view can say of itself."""

    source: str
    """Broker and topic."""
    proof: OrderProof
    started_at: Moment
    records: int = 0
    now: Moment | None = None
    trouble: Trouble | None = None


class Display(Protocol):
    """Where a person, or a program behind a pipe, sees the market."""

    @abstractmethod
    def show(self, quotes: Sequence[Quote], market: Market, reading: Reading) -> None:
        """Show what just changed; ``market`` holds all the rest."""
        raise NotImplementedError

    @abstractmethod
    def refresh(self, market: Market, reading: Reading) -> None:
        """Show the passing of time; called a few times a second."""
        raise NotImplementedError

    @abstractmethod
    def open(self) -> AbstractContextManager[None]:
        """Take the terminal; leaving gives it back as it was found."""
        raise NotImplementedError


class Telemetry(Protocol):
    """What an operator is told. Verbs of the application; the adapter decides between log lines and metrics."""

    @abstractmethod
    def note(self, message: str, **fields: object) -> None:
        """Something an operator would tell a colleague. The message is constant; what varies is in the fields."""
        raise NotImplementedError

    @abstractmethod
    def warn(self, message: str, **fields: object) -> None:
        """Something that is not as it should be and is being dealt with. Repetitions are summed."""
        raise NotImplementedError

    @abstractmethod
    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""
        raise NotImplementedError
