"""What the dialects share: a venue's stanza, decoding that fails as ``MalformedFrame``, and times."""

import json
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Protocol, TypeVar

import attrs
import msgspec
from msgspec import Meta

from market_data.application.ports import Venue, VenueSession
from market_data.domain.errors import MalformedFrame
from market_data.domain.instrument import Catalogue, Instrument, Listing, is_symbol
from market_data.domain.levels import Level
from market_data.domain.normalized import LARGEST_NUMBER, LATEST_TIME

__all__ = [
    "Endpoint",
    "EndpointVenue",
    "Milliseconds",
    "Number",
    "VenueFactory",
    "catalogue_of",
    "cut",
    "decode",
    "largest_time",
    "most_bytes",
    "spellings",
    "time_of",
    "written",
]

T = TypeVar("T")

Number = Annotated[int, Meta(ge=-1, le=LARGEST_NUMBER)]
"""A venue's own number of an update or a frame, as a record can carry it; Binance gives -1 for a book without one."""
Milliseconds = Annotated[int, Meta(ge=0, le=LATEST_TIME // 1000)]
"""Since 1970 UTC."""

_write = msgspec.json.Encoder().encode
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN = 160
_MOST_LEVEL_BYTES = 256
"""Two texts of 40 characters and their names and signs take half of it."""
_MOST_OTHER_BYTES = 65_536


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


def written(levels: Sequence[Level] | Sequence[msgspec.Struct]) -> bytes:
    """Write levels as raw levels, or structs that are written as arrays of price and size; whatever a venue's texts
    hold: what would end a text early stands escaped there, and is refused by the book.
    """
    return _write(levels)


def decode(decoder: msgspec.json.Decoder[T], payload: bytes | msgspec.Raw, *, native: str | None = None) -> T:
    """Decode JSON into the decoder's type.

    Raises:
        MalformedFrame: it is no JSON, no UTF-8, or not of that type; ``native`` names whose it is, where known.
    """
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedFrame(f"{error}, received {cut(payload)}", native=native) from error


def most_bytes(levels: int) -> int:
    """Say how large an answer of so many levels a side may be."""
    return 2 * levels * _MOST_LEVEL_BYTES + _MOST_OTHER_BYTES


def catalogue_of(entries: Iterable[T], read: Callable[[T], Listing | None]) -> Catalogue:
    """Read the entries of a listing one by one, so that an odd one costs only itself; None is one to pass over."""
    listings: list[Listing] = []
    problems: list[str] = []
    for entry in entries:
        try:
            listing = read(entry)
        except MalformedFrame as error:
            problems.append(str(error))
            continue
        if listing is None:
            continue
        if is_symbol(listing.instrument.symbol):
            listings.append(listing)
        else:
            problems.append(f"expected BASE-QUOTE, received {listing.instrument.symbol!a:.{_SHOWN}}")
    return Catalogue(tuple(listings), len(problems), next(iter(problems), None))


def spellings(name: str) -> Sequence[bytes]:
    """Give the ways in which JSON may write a name."""
    return name.encode(), json.dumps(name)[1:-1].encode()


def cut(payload: bytes | msgspec.Raw) -> str:
    """Show the beginning of a payload, safe to print on one line."""
    return repr(bytes(payload)[:_SHOWN])[2:-1]


def time_of(text: str, *, native: str | None = None) -> int | None:
    """Turn a venue's RFC 3339 time into µs since 1970 UTC, digits beyond µs cut; 1970 and year 1 mean none.

    Raises:
        MalformedFrame: it is no such time, or one after the year 9999 in UTC.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        since = moment - _EPOCH
    except (ValueError, OverflowError) as error:
        raise MalformedFrame(f"expected a time, received {text[:40]!r}", native=native) from error
    microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    if microseconds > LATEST_TIME:
        raise MalformedFrame(f"expected a time before the year 10000, received {text[:40]!r}", native=native)
    return microseconds if microseconds > 0 else None


def largest_time(texts: Iterable[str], *, native: str | None = None) -> int | None:
    """Give the largest of several times, None when none of them is one.

    Raises:
        MalformedFrame: one of them is no time.
    """
    times = [time_of(text, native=native) for text in set(texts)]
    return max((time for time in times if time is not None), default=None)
