"""Fault scripts: YAML lists of what goes wrong, when, and to whom.

For example:

    - {every: 10, jitter: 3, venue: binance, instrument: BTC-USDT, fault: drop}
    - {at: 30, venue: coinbase, fault: close, code: 1012}
    - {at: 40, every: 60, venue: coinbase, fault: crossed}
    - {at: 45, venue: binance, fault: snapshot_status, status: 429, retry_after: 2, count: 3}

Times are seconds since the venue's first connection. Without an instrument or a connection, any will do.
"""

from enum import StrEnum
from importlib import resources
from pathlib import Path

import msgspec
import yaml

from market_data_sandbox.errors import FaultError
from market_data_sandbox.options import Venue

__all__ = ["Fault", "FaultKind", "FrameChoice", "RefusalChoice", "fits", "load_script", "ready_made_scripts"]


class FaultKind(StrEnum):
    """What goes wrong."""

    DROP = "drop"
    """A frame is lost."""
    DUPLICATE = "duplicate"
    """A frame comes twice."""
    REORDER = "reorder"
    """A frame comes after the one that follows it."""
    DELAY = "delay"
    """A frame, and all after it, come `seconds` later (1)."""
    TRUNCATE = "truncate"
    """Half a frame comes."""
    GARBAGE = "garbage"
    """Random text comes in a frame's place."""
    BINARY = "binary"
    """Random bytes in a binary frame come in a frame's place."""
    OVERSIZED = "oversized"
    """A frame is padded to `size` bytes (40 MiB)."""
    CROSSED = "crossed"
    """A frame also sets a bid above the best ask."""
    WRONG_SIDE = "wrong_side"
    """Coinbase: a level is of a side that does not exist. Others: bids and asks change places."""
    LOST_LEVEL = "lost_level"
    """Kraken: the removal of a level is lost that is beyond the ten of the checksum, which takes a subscription of more
    levels than ten: what is gone stays, and nothing tells."""
    WRONG_CHECKSUM = "wrong_checksum"
    """Kraken: a frame has the checksum of another book."""
    ERROR_FRAME = "error_frame"
    """An error comes unasked, with the text `message`."""
    HALF_OPEN = "half_open"
    """The socket stays open, but nothing comes anymore, not even pongs."""
    CLOSE = "close"
    """The connection ends, with the close frame of `code`, or cut off without one."""
    NOTICE = "notice"
    """The venue says that it will close the connection (Binance: `serverShutdown`, OKX: notice 64008, Bitstamp:
    `bts:request_reconnect`, Kraken: status `maintenance`), and does so after `seconds` (60), with `code` (1001). A
    venue that announces no such thing closes it all the same."""
    SILENT_STREAM = "silent_stream"
    """The book's frames of an instrument stop for `seconds`, or for this connection's life; all else goes on. Coinbase
    numbers its frames as if nothing was missing, and catches up in one update at the end. Where a subscription begins
    with a snapshot (OKX, Bybit, Kraken), a new one ends it."""
    SILENT_ALL = "silent_all"
    """All frames stop, for `seconds` or for this connection's life; pings are answered."""
    MISSING_ACK = "missing_ack"
    """A subscription takes effect, but goes without a reply."""
    SEQUENCE_RESET = "sequence_reset"
    """Coinbase: the connection's frames count from 0 again. Others: the ids of an instrument start again, low; what
    that looks like is the venue's own: Binance says nothing, OKX chains the first low one to the last high one, Bybit
    sends a snapshot of number 1, and Kraken and Bitstamp have no ids that could."""
    STALE_SNAPSHOT = "stale_snapshot"
    """A REST snapshot is an old one, up to ten seconds."""
    SNAPSHOT_ERROR = "snapshot_error"
    """A REST snapshot is answered with status 500."""
    SNAPSHOT_STATUS = "snapshot_status"
    """A REST snapshot is answered with `status` (429), and `retry_after` seconds to wait."""
    SNAPSHOT_TIMEOUT = "snapshot_timeout"
    """A REST snapshot is `seconds` late (30)."""
    SNAPSHOT_NEVER = "snapshot_never"
    """A REST snapshot never comes."""
    BIG_SNAPSHOT = "big_snapshot"
    """Coinbase: a snapshot has many more levels, far away: `size` bytes in all (5 MB). Others: blanks instead."""
    BURST = "burst"
    """Changes come `factor` times as fast (10), for `seconds` (1)."""
    PRICE_LEAP = "price_leap"
    """A trade takes the best `levels` of the asks, or with `falls` of the bids: more than a snapshot has (1100)."""
    LISTING_STATE = "listing_state"
    """An instrument is listed in another `state` (BREAK, HALT, offline, ...; missing: not at all), for `seconds` or
    until the next one. In a state without a book nothing happens to it. Times count from the sandbox's beginning."""
    REFUSE = "refuse"
    """Handshakes and REST requests, or `only` one of them, are refused with `status` (451) and `retry_after`, for
    `seconds` or for good. With `only: rest`, times count from the sandbox's beginning."""


_OF_VENUES = {FaultKind.LOST_LEVEL: {Venue.KRAKEN}, FaultKind.WRONG_CHECKSUM: {Venue.KRAKEN}}
"""Faults that can be done to some venues only."""


def fits(kind: FaultKind, venue: Venue) -> bool:
    """Tell whether a fault can be done to a venue."""
    return venue in _OF_VENUES.get(kind, Venue)


class FrameChoice(StrEnum):
    """Which frames a fault is about."""

    UPDATE = "update"
    SNAPSHOT = "snapshot"
    HEARTBEAT = "heartbeat"
    REPLY = "reply"
    PONG = "pong"
    TICKER = "ticker"
    ANY = "any"


class RefusalChoice(StrEnum):
    """Which requests are refused."""

    HANDSHAKE = "handshake"
    REST = "rest"


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of a script."""

    fault: FaultKind
    venue: Venue
    at: float | None = None
    """Seconds since the venue's first connection."""
    every: float | None = None
    """Seconds between repetitions, the first `at` its time, or after one such time."""
    jitter: float = 0.0
    """Each time is later by a random part of so many seconds."""
    times: int | None = None
    """How often a repeated fault comes; None is without end."""
    instrument: str | None = None
    connection: str | None = None
    """The sandbox's name of a connection, as in `coinbase-2`."""
    count: int = 1
    """How many frames or requests it hits, unless `seconds` says how long."""
    seconds: float | None = None
    frame: FrameChoice | None = None
    """Which frames; None is what the kind of fault suggests, mostly updates of books."""
    code: int | None = None
    status: int | None = None
    retry_after: int | None = None
    only: RefusalChoice | None = None
    message: str = "internal error"
    state: str | None = None
    """None is traded, or online, as ever."""
    size: int | None = None
    factor: float = 10.0
    levels: int = 1100
    falls: bool = False


def ready_made_scripts() -> list[str]:
    """Name the scripts that come with the sandbox."""
    folder = resources.files("market_data_sandbox.faults") / "scripts"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_script(name_or_path: str) -> list[Fault]:
    """Read a ready-made script by its name, or a file.

    Raises:
        FaultError: There is no such script, or something in it makes no sense.
    """
    if name_or_path in ready_made_scripts():
        text = (resources.files("market_data_sandbox.faults") / "scripts" / f"{name_or_path}.yaml").read_text(
            encoding="utf-8"
        )
    else:
        try:
            text = Path(name_or_path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            known = ", ".join(ready_made_scripts())
            raise FaultError(name_or_path, f"is neither a readable file ({error}) nor one of {known}") from error
    try:
        script = msgspec.convert(yaml.safe_load(text), list[Fault])
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f"line {error.problem_mark.line + 1}: "
        raise FaultError(name_or_path, f"{line}unreadable YAML: {error.problem}") from error
    except (yaml.YAMLError, msgspec.ValidationError, ValueError, RecursionError) as error:  # long numbers, odd dates
        raise FaultError(name_or_path, " ".join(str(error).split())) from error
    for number, fault in enumerate(script, start=1):
        times = [time for time in (fault.at, fault.every) if time is not None]
        if not times or min(times) < 0 or fault.every == 0:
            raise FaultError(name_or_path, f"entry {number}: expected `at`, from 0, or `every`, above 0, or both")
        if not fits(fault.fault, fault.venue):
            raise FaultError(name_or_path, f"entry {number}: {fault.fault} cannot be done to {fault.venue}")
    return script
