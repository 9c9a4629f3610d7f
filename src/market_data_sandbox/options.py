"""Everything that can be chosen about a sandbox."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import attrs

__all__ = ["Options", "Venue"]


class Venue(StrEnum):
    """An exchange that the sandbox plays; each has a file of `market_data_sandbox.exchanges`."""

    BINANCE = "binance"
    COINBASE = "coinbase"
    OKX = "okx"
    BYBIT = "bybit"
    KRAKEN = "kraken"
    BITSTAMP = "bitstamp"


@attrs.frozen(kw_only=True)
class Options:
    """How a sandbox behaves; the defaults are a lively market with the venues' own limits."""

    venues: tuple[Venue, ...] = (Venue.BINANCE, Venue.COINBASE)
    """Which exchanges run, and stand in the settings file."""
    captures: tuple[Path, ...] = ()
    """Files to play, in order. A venue with none plays nothing; with no file at all, all are markets."""
    speed: float | None = 1.0
    """How many times faster than recorded; None is as fast as the subscribers take it."""
    wait_for: int = 1
    """A recording starts when this many instruments of its venue are subscribed."""
    snapshot_wait_seconds: float = 5.0
    """How long a recording waits at a recorded snapshot for somebody to ask for it; 0 is not at all."""
    seed: int = 1
    instruments: Mapping[Venue, tuple[str, ...]] | None = None
    """Instruments of each venue, canonical; None is the default of a market, or all that a recording has."""
    rate: float | None = None
    """Changes per second and instrument of a market; None is each venue's own: 10 for Binance, 20 for Coinbase, ..."""
    depth: Mapping[Venue, int] = attrs.field(factory=dict)
    """Levels a side that a market keeps, at least; absent is the venue's own."""

    clock_offset_seconds: float = 0.0
    """How far the clocks of markets are ahead of this machine's; below zero: behind."""

    ports: Mapping[Venue, int] = attrs.field(factory=dict)
    """Port of each venue; 0 or absent is any free one."""
    faults: tuple[str, ...] = ()
    """Fault scripts: names of ready-made ones, or files."""
    broker: bool = True
    settings_file: Path | None = None
    """Where to write the settings that lead here; None is a fresh temporary folder."""
    truth_file: Path | None = None
    truth_capacity: int = 20_000
    """How many states of books are kept in memory; the oldest go first."""

    outlet_frames: int = 256
    """Frames that may wait for one connection before a recording slows down. A market goes on, and ..."""
    overflow_frames: int = 8192
    """... disconnects a connection for which this many wait."""
    ping_interval_seconds: float = 20.0
    ping_timeout_seconds: float = 60.0
    binance_messages_per_second: int = 5
    """Incoming messages that a Binance connection may send in a second, PING and PONG included."""
    binance_streams: int = 1024
    binance_weight_per_minute: int = 6000
    coinbase_first_subscribe_seconds: float = 5.0
    coinbase_heartbeat_seconds: float = 1.0
    coinbase_level2_products: int = 30
    """Products of `level2` that one connection may have."""
    okx_snapshot_in_band: bool = True
    """Whether `books` begins with a snapshot; without, its first frame is an update, to be joined to a REST book."""
    okx_silence_seconds: float = 30.0
    """A connection to which nothing was said for so long is closed; a pong is something."""
    okx_no_change_seconds: float = 60.0
    """A book of which nothing was said for so long repeats its number."""
    okx_requests_per_hour: int = 480
    """Requests to subscribe and unsubscribe that one connection may make."""
    okx_book_requests_per_two_seconds: int = 40
    bybit_ping_seconds: float = 600.0
    """A connection whose client said nothing for so long is cut."""
    bybit_repeat_seconds: float = 3.0
    """A single level (`orderbook.1`) that has not changed for so long is told again."""
    bybit_requests_per_five_seconds: int = 600
    """REST requests; above it, all are refused for ten minutes."""
    kraken_heartbeat_seconds: float = 1.0
    kraken_idle_seconds: float = 60.0
    """How long a Kraken connection stays on which nothing is subscribed, and nothing said."""
    kraken_connections_per_10_minutes: int = 150
    kraken_requests_at_once: int = 15
    """REST requests that Kraken answers at once; one more each second."""
    bitstamp_channels: int = 1024
    """Channels that one Bitstamp connection may have."""
