"""How long a record was on its way, hop by hop; µs, and below zero where two clocks differ by more than that."""

from collections.abc import Mapping
from enum import StrEnum

from market_data.domain.normalized import NormalizedBook

__all__ = ["SHOWN", "Hop", "passage"]

SHOWN = "shown"
"""The last hop, which is one of a display and not of a record: from a reader's having it to a picture that has it."""


class Hop(StrEnum):
    """From one place to the next, in the order of the way."""

    RECEIVED = "venue to socket"
    """From the venue's time of the event to our reading it from the socket: two clocks, so that their difference is in
    it."""
    PUBLISHED = "socket to broker's queue"
    """Until it was handed to the client of the broker: decoded, applied, proven, and out of the outbox."""
    APPENDED = "queue to topic"
    """Until the broker wrote it, by the broker's clock, in whole ms."""
    SEEN = "queue to reader"
    """From the handing over to this reader's having it."""
    WHOLE = "venue to reader"
    """All of it, the difference of the venue's clock in it."""

    @property
    def label(self) -> str:
        """One word for it, for programs."""
        return self.name.lower()


def passage(book: NormalizedBook, published: int | None, appended: int, seen: int) -> Mapping[Hop, int]:
    """Measure the hops of a record whose times these are, µs UTC; a hop of which a time is not known is left out.

    ``published`` is the producer's stamp, ``appended`` Kafka's timestamp, ``seen`` when a reader had the record.
    """
    hops: dict[Hop, int] = {}
    event, received = book.event_time, book.received_time
    if event is not None and received is not None:
        hops[Hop.RECEIVED] = received - event
    if received is not None and published is not None:
        hops[Hop.PUBLISHED] = published - received
    if published is not None:
        hops[Hop.APPENDED] = appended - published
        hops[Hop.SEEN] = seen - published
    if event is not None:
        hops[Hop.WHOLE] = seen - event
    return hops
