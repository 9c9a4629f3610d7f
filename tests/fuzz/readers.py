"""The registry: each reader of what comes from outside, what it is fed, and the errors that its documentation names."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import attrs

__all__ = ["Read", "Reader", "all_readers", "event_loop", "named", "of_function"]

Read = Callable[[bytes], object]
Run = Callable[[Coroutine[object, object, None]], None]


@attrs.frozen
class Reader:
    """One way in.

    ``open`` makes the function that is fed, for as long as it is fed; a room of its own (a folder, an event loop) is
    made and left with it.
    """

    name: str
    open: Callable[[], AbstractContextManager[Read]]
    seeds: Callable[[], Sequence[bytes]]
    documented: tuple[type[Exception], ...] = ()
    """What may leave it."""
    tokens: Sequence[bytes] = ()
    """Words of its format."""
    short: int = 3000
    """Inputs in the default tests."""


def of_function(
    name: str,
    read: Read,
    seeds: Callable[[], Sequence[bytes]],
    *documented: type[Exception],
    tokens: Sequence[bytes] = (),
) -> Reader:
    """Make a reader of a function that needs no room."""
    return Reader(name, lambda: nullcontext(read), seeds, documented, tokens)


@contextmanager
def event_loop() -> Iterator[Run]:
    """Give what runs a coroutine to its end, one after the other in the same loop.

    ``asyncio.run`` makes a loop for each, and ``asyncio.Runner.run`` sets the handlers of signals for each, which takes
    longer than many an input.
    """
    with asyncio.Runner() as runner:
        yield runner.get_loop().run_until_complete


def all_readers() -> Sequence[Reader]:
    """Give every reader there is."""
    from tests.fuzz import local, network, topic, venues  # noqa: PLC0415 - they import this module

    return (*venues.READERS, *network.READERS, *topic.READERS, *local.READERS)


def named(text: str) -> Sequence[Reader]:
    """Give the readers whose name holds a text.

    Raises:
        LookupError: there is none.
    """
    found = [reader for reader in all_readers() if text in reader.name]
    if not found:
        raise LookupError(f"no reader is named so; there are {', '.join(reader.name for reader in all_readers())}")
    return found
