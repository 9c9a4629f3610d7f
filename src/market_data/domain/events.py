"""What a venue's frames mean, whatever the venue: the words between its dialect and the rules of ``sync``.

``native`` is the venue's own id of an instrument. Levels are raw (``levels``): JSON pairs of price and size as the
venue wrote them; sizes are absolute and a size of zero removes the level.
"""

from collections.abc import Collection

import attrs

from market_data.domain.values import value

__all__ = ["Accepted", "Change", "Departing", "Event", "Numbered", "Refused", "Snapshot", "Unreadable"]


@value
class Change:
    """Levels of one instrument changed.

    ``first_id`` to ``last_id`` is the range of the venue's update ids that it covers; venues that number frames rather
    than changes give the frame's number in both. A chain that names the last id instead gives ``first_id`` as one more
    than that, so that an empty range, ``last_id`` below ``first_id``, is a sign of life; who numbers nothing gives 0.
    ``event_time`` is the venue's time, µs UTC, None where it gave none; ``checksum`` what it says the book's digest is
    once this is applied, None where it says nothing.
    """

    native: str
    first_id: int
    last_id: int
    bids: bytes
    asks: bytes
    event_time: int | None
    checksum: int | None = None


@attrs.frozen
class Snapshot:
    """The whole book of one instrument, or its best ``limit`` levels a side; unsorted is legal.

    A side shorter than ``limit`` is whole; ``limit`` is None for a book in full depth.
    """

    native: str
    sequence: int | None
    bids: bytes
    asks: bytes
    event_time: int | None
    limit: int | None = None
    checksum: int | None = None


@attrs.frozen
class Numbered:
    """The frame's place in its connection, before anything that it holds: 0, 1, 2, … without holes or repeats."""

    number: int


@attrs.frozen
class Accepted:
    """The venue acknowledged that it sends ``natives``. ``is_all``: it sends no others; else it has just not named
    them, as where several subscriptions are acknowledged one by one.
    """

    natives: frozenset[str]
    is_all: bool


@attrs.frozen
class Unreadable:
    """A part of a frame that is not what the venue's protocol promises; the rest of the frame stands.

    ``natives`` are those whose books it can have touched: none where it speaks of no book, as an acknowledgement; None
    where nobody can tell.
    """

    problem: str
    natives: Collection[str] | None


@attrs.frozen
class Refused:
    """The venue answered with an error: for one instrument, or for the connection where ``native`` is None."""

    message: str
    native: str | None = None


@attrs.frozen
class Departing:
    """The venue is about to close this connection: a replacement is wanted now."""


Event = Change | Snapshot | Numbered | Accepted | Refused | Departing | Unreadable
