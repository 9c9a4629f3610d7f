"""What a book's safety wants done: the effects that ``sync`` and its rules give instead of doing anything."""

from collections.abc import Iterator, Sequence
from enum import StrEnum

import attrs

from market_data.domain.instrument import Instrument
from market_data.domain.normalized import BookState, Reason

__all__ = ["Effect", "Fetch", "Isolate", "Purpose", "Reconnect", "Renew", "Replace", "Tell", "without_outdated"]


class Purpose(StrEnum):
    """Why a book is fetched."""

    SNAPSHOT = "snapshot"
    """To start from: there is no book to speak of."""
    RESEED = "reseed"
    """To know more levels: swapped in when it agrees with what is known."""
    PROBE = "probe"
    """To learn whether a silent stream still speaks."""
    AUDIT = "audit"
    """To compare, as a matter of course."""


@attrs.frozen
class Fetch:
    """Ask for the best ``levels`` a side; the answer comes back with ``serial``, or it is an old one's."""

    instrument: Instrument
    purpose: Purpose
    levels: int
    serial: int
    within_seconds: float | None = None
    """An answer that takes longer, waiting for its turn included, is a failure; None: as long as any request may
    take."""


@attrs.frozen
class Renew:
    """Have the venue send this instrument's stream anew on the same connection, unless it is live by then."""

    instrument: Instrument
    even_if_live: bool = False


@attrs.frozen
class Reconnect:
    """Close the connection, by our own will, and open another."""

    reason: Reason


@attrs.frozen
class Replace:
    """Open another connection beside this one, which the venue is about to close, and go on with that."""


@attrs.frozen
class Isolate:
    """Rebuild this book, whose own events are the trouble, without costing the others of its connection theirs."""

    instrument: Instrument
    reason: Reason


@attrs.frozen
class Tell:
    """Something an operator should know; the message is constant, what varies is in the fields."""

    message: str
    fields: dict[str, object]


Effect = BookState | Fetch | Isolate | Renew | Reconnect | Replace | Tell


def without_outdated(effects: Sequence[Effect]) -> Iterator[Effect]:
    """Leave out what is to be fetched for an instrument for which something else is to be fetched after it."""
    newest = {effect.instrument.key: effect.serial for effect in effects if isinstance(effect, Fetch)}
    for effect in effects:
        if not isinstance(effect, Fetch) or newest[effect.instrument.key] == effect.serial:
            yield effect
