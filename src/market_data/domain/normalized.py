"""The published record and its meaning, in one place: schema 2 of ``NormalizedBook``.

A reader may rely on this: ``bids`` and ``asks`` are empty unless ``status`` is ``live``, so nobody can compute a mid
from a book known to be bad; ``publish_seq`` counts 0, 1, 2, … per key and run without holes, so a reader can prove that
nothing is missing, doubled or out of order; ``conflated`` says how much was merged, and ``epoch`` that the book left
``live`` in between. The order of the records of one key is ``(run, epoch, publish_seq)``. ``proof`` says what the venue
gives to hold a live book against, and ``proven_levels`` how deep that reaches.
"""

from decimal import Decimal
from enum import StrEnum

import attrs

from market_data.domain import analytics
from market_data.domain.levels import Ladder, Level, Levels
from market_data.domain.prices import mid_of, spread_of
from market_data.domain.values import value

__all__ = [
    "LARGEST_NUMBER",
    "LATEST_TIME",
    "MOST_KEYS",
    "SCHEMA_NAME",
    "SCHEMA_VERSION",
    "BookState",
    "BookStatus",
    "Level",
    "Levels",
    "NormalizedBook",
    "Proof",
    "Reason",
]

SCHEMA_NAME = "normalized_book"
SCHEMA_VERSION = 2

LARGEST_NUMBER = 2**63 - 1
"""Counts and sequences have 64 bits, so that every language reads them."""
LATEST_TIME = 253_402_300_799_999_999
"""µs since 1970 UTC: the last before the year 10000, which calendars do not show."""
MOST_KEYS = 20_000
"""A reader keeps in mind so many instruments: what a topic holds bounds no reader's memory."""


class BookStatus(StrEnum):
    """Whether the levels can be relied on, and if not, what is being done about it."""

    SYNCING = "syncing"
    """From the start, and again once a lost connection is open anew, until live."""
    LIVE = "live"
    """Continuity and content are checked; the only status with levels."""
    GAP = "gap"
    """Continuity was lost or content refuted; stays so while the book is rebuilt."""
    STALE = "stale"
    """Silent beyond the bound, or a probe failed."""
    DISCONNECTED = "disconnected"
    """The socket was lost, could not be opened, or the producer stops."""


class Reason(StrEnum):
    """Why a book is not live."""

    SEQUENCE = "sequence"
    CROSSED = "crossed"
    MALFORMED = "malformed"
    DEPTH = "depth"
    AUDIT = "audit"
    SILENCE = "silence"
    CLOCK = "clock"
    CONNECTION = "connection"
    UNAVAILABLE = "unavailable"
    RATE_LIMITED = "rate_limited"
    REJECTED = "rejected"
    SHUTDOWN = "shutdown"


class Proof(StrEnum):
    """What a venue gives to tell whether a book is as the venue has it."""

    SEQUENCE = "sequence"
    """Changes are numbered: every one is accounted for."""
    CHECKSUM = "checksum"
    """The best levels are compared with the venue's checksum after every change; beyond them nothing is."""
    NONE = "none"
    """Nothing: a change that was lost cannot be told from one that never was."""


@value
class BookState:
    """What is known of one book at one moment: all of a record but its place in the stream of records.

    Times are microseconds since 1970 UTC. ``event_time`` is the venue's time of the last change applied;
    ``received_time`` the local wall clock when the last depth frame or snapshot of this instrument was read, refused
    ones included; ``sequence`` the venue's own number last applied to this book; ``epoch`` counts the entries into
    ``live``. Each of the first three is None before there was one. ``proven_levels`` is how many levels a side the
    venue's own proof covers: None, all that are here; 0, as ``proof`` is ``none``, not one.
    """

    exchange: str
    symbol: str
    status: BookStatus
    reason: Reason | None
    status_since: int
    bids: Levels
    asks: Levels
    event_time: int | None
    received_time: int | None
    sequence: int | None
    epoch: int
    proof: Proof = Proof.SEQUENCE
    proven_levels: int | None = None

    @property
    def key(self) -> str:
        """The record's Kafka key, which keeps one instrument in one partition: ``binance:BTC-USDT``."""
        return f"{self.exchange}:{self.symbol}"

    @property
    def is_live(self) -> bool:
        """Tell whether the levels can be relied on."""
        return self.status is BookStatus.LIVE

    @property
    def can_prove(self) -> bool:
        """Tell whether the venue gives anything to tell a lost change by."""
        return self.proof is not Proof.NONE

    @property
    def best_bid(self) -> Decimal | None:
        """The highest price that somebody buys at; None where there is none, as in every book that is not live."""
        return Decimal(self.bids[0][0]) if self.bids and self.is_live else None

    @property
    def best_ask(self) -> Decimal | None:
        """The lowest price that somebody sells at; None where there is none, as in every book that is not live."""
        return Decimal(self.asks[0][0]) if self.asks and self.is_live else None

    @property
    def mid(self) -> Decimal | None:
        """(bid + ask) / 2, exactly, in the quote currency; None unless the book is live and has both sides."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else mid_of(bid, ask)

    @property
    def spread(self) -> Decimal | None:
        """Ask - bid, exactly, in the quote currency; None unless the book is live and has both sides."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else spread_of(bid, ask)

    @property
    def spread_bps(self) -> Decimal | None:
        """The spread in basis points of the mid: see ``analytics.spread_bps``."""
        return analytics.spread_bps(self.bids, self.asks) if self.is_live else None

    @property
    def microprice(self) -> Decimal | None:
        """The mid weighted by the best sizes: see ``analytics.microprice``."""
        return analytics.microprice(self.bids, self.asks) if self.is_live else None

    def imbalance(self, levels: int = 1) -> Decimal | None:
        """Tell how much more is bid than asked on the best levels, -1 to 1: see ``analytics.imbalance``."""
        return analytics.imbalance(self.bids, self.asks, levels) if self.is_live else None

    def depth_within(self, side: analytics.Side, bps: Decimal | int) -> Decimal | None:
        """Give the size within so many basis points of the mid that who buys, or sells, finds: see
        ``analytics.depth_within``.
        """
        return analytics.depth_within(self.bids, self.asks, side, bps) if self.is_live else None

    def cumulative_sizes(self, side: analytics.Side) -> list[Decimal]:
        """Give of each level that who buys, or sells, finds the size of it and of all better ones, best first; empty
        where there is none: see ``analytics.cumulative_sizes``.
        """
        return analytics.cumulative_sizes(self.asks if side == "buy" else self.bids) if self.is_live else []

    def fill(self, side: analytics.Side, levels: int) -> analytics.Fill | None:
        """Give what taking the best levels whole yields and costs: see ``analytics.fill``."""
        return analytics.fill(self.bids, self.asks, side, levels) if self.is_live else None

    def vwap(self, side: analytics.Side, notional: Decimal | int) -> Decimal | None:
        """Give the average price of buying, or selling, for so much of the quote currency: see ``analytics.vwap``."""
        return analytics.vwap(self.bids, self.asks, side, notional) if self.is_live else None

    def slippage_bps(self, side: analytics.Side, notional: Decimal | int) -> Decimal | None:
        """Give by how much that is worse than the mid: see ``analytics.slippage_bps``."""
        return analytics.slippage_bps(self.bids, self.asks, side, notional) if self.is_live else None


@value
class NormalizedBook(BookState):
    """One record of the topic: a state with its place in the stream of its key."""

    run: str
    """The producer's run, sortable as text by its start; readers follow the greatest that still speaks."""
    publish_seq: int
    """0, 1, 2, … per key and run, without holes."""
    conflated: int
    """How many changes were merged into this record beyond its own."""
    schema_version: int = SCHEMA_VERSION
    proof: Proof = Proof.SEQUENCE
    proven_levels: int | None = None

    @classmethod
    def of(cls, state: BookState, run: str, publish_seq: int, conflated: int) -> "NormalizedBook":
        """Give a state its place in the stream."""
        return cls(
            state.exchange,
            state.symbol,
            state.status,
            state.reason,
            state.status_since,
            state.bids,
            state.asks,
            state.event_time,
            state.received_time,
            state.sequence,
            state.epoch,
            run,
            publish_seq,
            conflated,
            SCHEMA_VERSION,
            state.proof,
            state.proven_levels,
        )

    def proven(self) -> "NormalizedBook":
        """Give the book with no more levels than the venue's own proof covers; the same where it covers all."""
        most = self.proven_levels
        if most is None or (len(self.bids) <= most and len(self.asks) <= most):
            return self
        return attrs.evolve(self, bids=Ladder.of(self.bids[:most]), asks=Ladder.of(self.asks[:most]))
