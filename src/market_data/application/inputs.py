"""What a feed's core is given, and what it has done: the words of ``FeedCore.handle`` and of the input log."""

from collections.abc import Sequence

import attrs

from market_data.domain.effects import Fetch, Reconnect, Replace, Tell
from market_data.domain.instrument import Instrument
from market_data.domain.normalized import BookState, Reason
from market_data.domain.sync import Said, Standing

__all__ = [
    "Closed",
    "Dropped",
    "FetchFailed",
    "Fetched",
    "Frames",
    "HandOver",
    "Hold",
    "Input",
    "Opened",
    "Output",
    "Released",
    "Replaced",
    "Send",
    "Started",
    "Stopped",
    "TakeOver",
    "Ticked",
    "Unopened",
]


@attrs.frozen
class Started:
    """The program starts: every instrument is said to be ``syncing``."""


@attrs.frozen
class Opened:
    """A connection is open; the dialect starts anew."""


@attrs.frozen
class Frames:
    """Whole text frames of the open connection, oldest first."""

    frames: Sequence[bytes]


@attrs.frozen
class Closed:
    """The open connection is gone. ``is_ours``: it was closed because a ``Reconnect`` asked for it."""

    reason: Reason
    is_ours: bool = False


@attrs.frozen
class Unopened:
    """A connection could not be opened."""

    reason: Reason


@attrs.frozen
class Fetched:
    """The body that answers a ``Fetch``."""

    fetch: Fetch
    body: bytes


@attrs.frozen
class FetchFailed:
    """A ``Fetch`` was refused, failed or not answered in time."""

    fetch: Fetch
    reason: Reason
    retry_after_seconds: float | None = None


@attrs.frozen
class Ticked:
    """Time has passed; given several times a second."""


@attrs.frozen
class Stopped:
    """The program stops: every instrument gets its last record."""


@attrs.frozen
class Dropped:
    """These instruments are not wanted any more: each gets its last record, and is spoken of no more."""

    keys: Sequence[str]


@attrs.frozen
class TakeOver:
    """A core whose connection was opened beside another speaks for its instruments from now on; ``said`` is what the
    other has said of them, and ``reason`` why it does not go on: what is not live here is lost for it.
    """

    said: Sequence[Said]
    reason: Reason


@attrs.frozen
class Replaced:
    """Another core speaks for the instruments from now on: the last input."""


Input = (
    Started
    | Opened
    | Frames
    | Closed
    | Unopened
    | Fetched
    | FetchFailed
    | Ticked
    | Stopped
    | Dropped
    | TakeOver
    | Replaced
)


@attrs.frozen
class Send:
    """Messages for the open connection, in order."""

    messages: Sequence[str]


@attrs.frozen
class HandOver:
    """The core that gives this speaks for the instrument no more: one with a connection for it alone goes on with its
    records.
    """

    instrument: Instrument
    standing: Standing


@attrs.frozen
class Released:
    """The instrument was dropped and has had its last record; who speaks for it when it is wanted again goes on from
    there.
    """

    standing: Standing


@attrs.frozen
class Hold:
    """The venue says that too much is asked of its REST interface: ask nothing for so long; None: it gave no time."""

    seconds: float | None


Output = BookState | Fetch | HandOver | Hold | Reconnect | Released | Replace | Send | Tell
