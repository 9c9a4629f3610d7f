"""What a venue's stream can prove of its books, declared by the venue as data; ``rules`` says who follows it."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

import attrs

from market_data.domain.levels import Ladder
from market_data.domain.normalized import Proof

__all__ = ["ACCOUNTED", "Continuity", "Digest", "Proof", "Quietness", "Scope", "Seed", "Window"]

Digest = Callable[[Ladder, Ladder], int]
"""What a venue's checksum must be, of the best bids and asks."""


class Scope(StrEnum):
    """Whose books a loss refutes, and so what is renewed."""

    CONNECTION = "connection"
    """All of the connection: what is lost could have been anybody's."""
    INSTRUMENT = "instrument"


class Seed(StrEnum):
    """Where the book comes from that changes are applied to."""

    IN_BAND = "in band"
    FETCHED = "fetched"
    EITHER = "either"
    """In band; fetched where the stream begins with a change."""


class Window(StrEnum):
    """Which levels the stream tells of, and who forgets what leaves them."""

    WHOLE = "whole book"
    VENUE = "kept by the venue"
    """The venue removes what leaves, and sends what enters."""
    CLIENT = "kept by the client"
    """The venue says nothing of what leaves: each side is cut after every message."""


class Quietness(StrEnum):
    """How a book that says nothing is told from a dead stream."""

    FETCHED = "fetched"
    """It is compared with the venue's REST book."""
    RENEWED = "renewed"
    """The stream is asked for anew: another snapshot must come."""


@attrs.frozen
class Continuity:
    """What is proven, of whom, and from what.

    ``proof`` sequence: changes name the one before, or are counted. Checksum: each message says what ``digest`` of the
    book must be once it is applied. None: nothing can tell.
    """

    proof: Proof
    scope: Scope
    seed: Seed
    window: Window = Window.WHOLE
    levels: int | None = None
    """How many a side the window holds; None: all."""
    proven_levels: int | None = None
    """How many a side the proof covers; None: all."""
    digest: Digest | None = None
    quietness: Quietness = Quietness.FETCHED
    is_comparable: bool = False
    """REST books bear the stream's own ids, so that a live book, too, is compared with them now and then."""
    is_loss_counted: bool = False
    """The numbers tell how much is missing."""
    blind_spots: Sequence[str] = ()
    """What stays undetectable, each in a few words."""


ACCOUNTED: Final = Continuity(Proof.SEQUENCE, Scope.INSTRUMENT, Seed.IN_BAND)
"""Every change of the whole book is accounted for."""
