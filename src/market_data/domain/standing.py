"""What a book is made of, what bounds the trust in it, and what was said of it, for another to go on with."""

import attrs

from market_data.domain.book import BookFactory, OrderBook
from market_data.domain.continuity import ACCOUNTED, Continuity
from market_data.domain.effects import Effect
from market_data.domain.instrument import Instrument
from market_data.domain.levels import EMPTY, Levels
from market_data.domain.normalized import BookStatus, Reason
from market_data.domain.tally import VenueTally
from market_data.domain.waits import Backoff

__all__ = ["BookSetup", "Said", "Standing", "SyncSettings"]


@attrs.frozen
class SyncSettings:
    """The bounds of trust; seconds are of the monotonic clock."""

    depth: int
    """Levels a side that a record holds at most."""
    heartbeat_seconds: float
    """A state is published again when nothing else was for so long."""
    first_data_timeout_seconds: float
    """A stream that says nothing for so long after subscribing is asked for anew."""
    stream_silence_seconds: float
    """A live book without any frame for so long is probed."""
    join_quiet_seconds: float
    """What the venue's REST interface already knows must reach us over the stream within this time."""
    max_buffered_events: int
    """Changes kept while a snapshot is awaited; the oldest go first."""
    reseed_below_levels: int
    """A second snapshot is fetched when fewer levels a side are known."""
    snapshot_limit: int
    """Levels a side asked for in a snapshot."""
    snapshot_retry_initial_seconds: float
    snapshot_retry_max_seconds: float
    crossed_limit: int
    """Crossed so often in a row, a book is kept and watched rather than rebuilt again."""
    audit_seconds: float
    """A live book is compared with the venue's REST interface so often; 0: never."""
    probe_timeout_seconds: float = 5.0
    """A probe that is not answered for so long has failed."""
    quiet_probe_seconds: float = 0.0
    """A book that a probe has found to be quiet is probed again after so long, or ``stream_silence_seconds`` if that is
    longer: many quiet books share the venue's REST budget."""
    rebuild_max_seconds: float = 30.0
    """A book that the venue refuses, or that is rebuilt at the expense of others, waits no longer for the next try."""
    clock_step_seconds: float = 1.0
    """The wall clock leaping so far against the monotonic one makes books be doubted: the machine may have slept."""
    pause_seconds: float = 5.0
    """So does nothing being handled for so long: what is read then may have lain in the kernel meanwhile."""
    max_clock_skew_seconds: float = 10.0
    """The venue's clock being so far from ours is told."""

    def retries(self) -> Backoff:
        """Give the waits between attempts to get a book."""
        return Backoff(self.snapshot_retry_initial_seconds, self.snapshot_retry_max_seconds)


@attrs.frozen
class Standing:
    """What was said of a book, for another to go on with; ``key`` is its instrument's."""

    key: str
    status: BookStatus
    reason: Reason | None
    status_since: int
    """µs since 1970 UTC; 0 where nothing was said yet."""
    published_at: float
    """When its last record was given, seconds of the monotonic clock."""
    epoch: int = 0
    sequence: int | None = None
    event_time: int | None = None
    received_time: int | None = None
    rebuild_wait_seconds: float = 0.0
    """How long its next rebuild waits; 0 where none has waited yet."""


@attrs.frozen
class Said:
    """What was said of a book, and the levels of its last record: all that one needs who goes on with a live one."""

    standing: Standing
    bids: Levels = EMPTY
    asks: Levels = EMPTY


@attrs.frozen
class BookSetup:
    """All that makes what keeps one book true, whatever its rule."""

    instrument: Instrument
    settings: SyncSettings
    effects: list[Effect]
    """Shared with the caller, who drains it after every input."""
    continuity: Continuity = ACCOUNTED
    may_cross: bool = False
    """An auction is on."""
    books: BookFactory = OrderBook
    tally: VenueTally = attrs.field(factory=VenueTally)
    """Of the whole venue: comparisons are counted there."""
