"""A large frame read ahead of its turn, in steps between which other books go on.

Reading ahead is a cache and nothing else: a core that is given a frame says the same whether or not the frame was read
ahead, so that a run's inputs fed back give the same effects. What cannot be read in steps is read as a whole.
"""

from collections.abc import Iterator, Sequence

from market_data.application.carried import CarriedBooks
from market_data.application.ports import VenueSession
from market_data.domain.events import Event, Snapshot

__all__ = ["ReadAhead"]


class ReadAhead:
    """What one connection's frame was found to mean, until that very frame is given."""

    __slots__ = ("events", "frame")

    def __init__(self) -> None:
        self.frame: bytes | None = None
        """The frame object that was read; None when there is none."""
        self.events: Sequence[Event] = ()

    def read(self, frame: bytes, session: VenueSession, books: CarriedBooks) -> Iterator[None]:
        """Read a frame, and make the books that it holds; each step takes about a millisecond."""
        self.drop()
        events = yield from session.reading(frame)
        if events is None:
            return
        for event in events:
            if isinstance(event, Snapshot):
                for sync in books.by_native.get(event.native, ()):
                    yield from sync.reading(event)
        self.frame, self.events = frame, events

    def drop(self) -> None:
        """Forget it: the frame was given, or never will be."""
        self.frame, self.events = None, ()
