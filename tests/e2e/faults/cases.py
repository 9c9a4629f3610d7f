"""The table: each fault, whom it is done to, and what the books must say of it.

``leads_to`` are the words that the afflicted books must say, in this order, others between them allowed; none means
that they stay live throughout. ``spares`` are the books that must stay live throughout. At the end all are live.
"""

from collections.abc import Mapping
from functools import partial

import attrs

from market_data_sandbox import Fault, FaultKind, Venue
from market_data_sandbox.faults import FrameChoice

__all__ = ["CASES", "INSTRUMENTS", "Case"]

INSTRUMENTS: Mapping[Venue, tuple[str, ...]] = {
    Venue.BINANCE: ("BTC-USDT", "ETH-USDT"),
    Venue.COINBASE: ("BTC-USD", "ETH-USD", "SOL-USD"),
    Venue.OKX: ("BTC-USDT", "ETH-USDT"),
    Venue.BYBIT: ("BTC-USDT", "ETH-USDT"),
    Venue.KRAKEN: ("BTC-USD", "ETH-USD"),
    Venue.BITSTAMP: ("BTC-USD", "ETH-USD"),
}
"""Coinbase's first and last share a connection."""


@attrs.frozen
class Case:
    """One line of the table."""

    name: str
    faults: tuple[Fault, ...]
    """The one it is about, and what else is needed to bring it to bear."""
    afflicts: tuple[str, ...]
    leads_to: tuple[str, ...]
    spares: tuple[str, ...]
    companions: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    """Books that suffer with the afflicted, in another way."""
    rounds: int = 2
    instruments: tuple[str, ...] | None = None
    """Others than those of the venue."""
    is_quiet: bool = False
    """Nothing happens on the market."""
    is_of_first_connection: bool = False
    """It is done to the connection that carries Coinbase's first book, whatever its frames are about."""
    overrides: Mapping[str, object] = attrs.field(factory=dict)
    """Settings."""
    options: Mapping[str, object] = attrs.field(factory=dict)
    """Of the sandbox, others than it is played with."""
    is_exact: bool = False
    """The afflicted say nothing else than what it leads to, and that they are live again."""

    @property
    def kind(self) -> FaultKind:
        """The fault that it is about."""
        return self.faults[0].fault

    @property
    def venue(self) -> Venue:
        """The venue that it is about."""
        return self.faults[0].venue


_BTC, _ETH = "binance:BTC-USDT", "binance:ETH-USDT"
_FIRST, _OTHER, _LAST = "coinbase:BTC-USD", "coinbase:ETH-USD", "coinbase:SOL-USD"
_SHARED = (_FIRST, _LAST)

_SUFFERS = ("disconnected/connection",)
"""A healthy book's word when its connection is closed for another's sake."""
_OVERSIZED_BYTES = 9 * 2**20
_PATIENT = {"book.stream_silence_seconds": 8, "transport.ping_timeout_seconds": 8}
"""That a stream or a pong is missing is found late."""

_binance = partial(Fault, venue=Venue.BINANCE)
_of_btc = partial(Fault, venue=Venue.BINANCE, instrument="BTC-USDT")
_coinbase = partial(Fault, venue=Venue.COINBASE)
_of_first = partial(Fault, venue=Venue.COINBASE, instrument="BTC-USD")

_LOSE_ONE = _of_btc(fault=FaultKind.DROP)
_CUT_BINANCE = _binance(fault=FaultKind.CLOSE)
_CUT_FIRST = _of_first(fault=FaultKind.CLOSE)
_CUT_COINBASE = _coinbase(fault=FaultKind.CLOSE)


def _case(fault: Fault, *leads_to: str, needs: Fault | None = None, name: str = "") -> Case:
    """Make a case: of Binance's first book or of all, of Coinbase's first connection or of all."""
    faults = (fault,) if needs is None else (fault, needs)
    match fault:
        case Fault(venue=Venue.BINANCE, instrument=None):
            afflicts, rest = (_BTC, _ETH), ()
        case Fault(venue=Venue.BINANCE):
            afflicts, rest = (_BTC,), (_ETH,)
        case Fault(venue=Venue.COINBASE, instrument=None):
            afflicts, rest = (*_SHARED, _OTHER), ()
        case _:
            afflicts, rest = _SHARED, (_OTHER,)
    return Case(name or f"{fault.venue} {fault.fault}", faults, afflicts, leads_to, rest if leads_to else afflicts)


def _alone(case: Case) -> Case:
    """Of Coinbase's first connection: the trouble is one book's, the other loses its connection for it."""
    return attrs.evolve(case, afflicts=(_FIRST,), companions={_LAST: _SUFFERS})


def _moved(case: Case) -> Case:
    """Of Coinbase's first connection: the trouble is one book's, which moves to another; nobody else has any."""
    return attrs.evolve(case, afflicts=(_FIRST,), spares=(_OTHER, _LAST))


def _quiet(case: Case) -> Case:
    """Where nothing happens on the market, books are probed, and one's trouble is no other's."""
    keys = (_BTC, _ETH) if case.venue is Venue.BINANCE else (_FIRST, _OTHER, _LAST)
    return attrs.evolve(case, afflicts=keys[:1], spares=keys[1:], is_quiet=True)


_with = attrs.evolve

CASES = (
    # a market that is halted for a moment keeps its book
    _case(_of_btc(fault=FaultKind.LISTING_STATE, state="BREAK", seconds=1)),
    _case(_of_first(fault=FaultKind.LISTING_STATE, state="offline", seconds=1)),
    # frames of Binance that get lost, come twice, late, out of order
    _case(_of_btc(fault=FaultKind.DROP), "gap/sequence"),
    _case(_of_btc(fault=FaultKind.DROP, count=5), "gap/sequence", name="binance drop of five"),
    _case(_of_btc(fault=FaultKind.DUPLICATE)),
    _with(_case(_of_btc(fault=FaultKind.REORDER), "gap/sequence"), instruments=("BTC-USDT",), spares=()),
    _case(_of_btc(fault=FaultKind.DELAY, seconds=0.5)),
    _case(_of_btc(fault=FaultKind.SEQUENCE_RESET), "gap/sequence"),
    _case(_binance(fault=FaultKind.BURST)),
    # frames of Binance that cannot be read, or lie
    _case(_of_btc(fault=FaultKind.TRUNCATE), "gap/malformed"),
    _case(_binance(fault=FaultKind.GARBAGE), "gap/malformed"),
    _case(_binance(fault=FaultKind.BINARY), "gap/malformed"),
    _with(_case(_binance(fault=FaultKind.OVERSIZED, size=_OVERSIZED_BYTES), "gap/malformed"), overrides=_PATIENT),
    _case(_of_btc(fault=FaultKind.CROSSED), "gap/crossed"),
    _case(_of_btc(fault=FaultKind.WRONG_SIDE), "gap/crossed"),
    _case(_binance(fault=FaultKind.ERROR_FRAME)),
    _with(_case(_of_btc(fault=FaultKind.PRICE_LEAP), "gap/depth"), rounds=1),
    _with(
        _case(_of_btc(fault=FaultKind.PRICE_LEAP, falls=True), "gap/depth", name="binance price_leap downwards"),
        rounds=1,
    ),
    _with(
        _case(_of_btc(fault=FaultKind.PRICE_LEAP, levels=930), name="binance price_leap that leaves enough"), rounds=1
    ),
    # connections of Binance that end or fall silent
    _case(_binance(fault=FaultKind.CLOSE), "disconnected/connection"),
    _case(_binance(fault=FaultKind.NOTICE, seconds=5)),
    _case(_binance(fault=FaultKind.CLOSE, code=1012), "disconnected/connection", name="binance close with a code"),
    _case(_binance(fault=FaultKind.HALF_OPEN), "stale/silence"),
    _case(_binance(fault=FaultKind.SILENT_ALL), "stale/silence"),
    _case(_binance(fault=FaultKind.SILENT_ALL, seconds=4), "stale/silence", name="binance silent_all for a while"),
    _with(
        _case(_of_btc(fault=FaultKind.SILENT_STREAM), "stale/silence"), companions={_ETH: _SUFFERS}, spares=(), rounds=1
    ),
    _case(_of_btc(fault=FaultKind.SILENT_STREAM, seconds=3), "stale/silence", name="binance silent_stream for a while"),
    _case(_binance(fault=FaultKind.MISSING_ACK), "disconnected/connection", needs=_CUT_BINANCE),
    # snapshots of Binance that do not come, or not as they should
    _case(_of_btc(fault=FaultKind.STALE_SNAPSHOT, count=2), "gap/sequence", needs=_LOSE_ONE),
    _case(_of_btc(fault=FaultKind.SNAPSHOT_ERROR, count=2), "gap/sequence", "gap/unavailable", needs=_LOSE_ONE),
    _case(_of_btc(fault=FaultKind.SNAPSHOT_STATUS, retry_after=1), "gap/rate_limited", needs=_LOSE_ONE),
    _with(
        _case(
            _of_btc(fault=FaultKind.SNAPSHOT_STATUS, status=418, retry_after=2),
            "gap/rate_limited",
            needs=_LOSE_ONE,
            name="binance snapshot_status 418",
        ),
        rounds=1,
    ),
    _case(
        _of_btc(fault=FaultKind.SNAPSHOT_STATUS, status=451),
        "gap/rejected",
        needs=_LOSE_ONE,
        name="binance snapshot_status 451",
    ),
    _case(_of_btc(fault=FaultKind.SNAPSHOT_TIMEOUT, seconds=4), "gap/unavailable", needs=_LOSE_ONE),
    _case(_of_btc(fault=FaultKind.SNAPSHOT_NEVER), "gap/unavailable", needs=_LOSE_ONE),
    _case(_of_btc(fault=FaultKind.BIG_SNAPSHOT), "gap/sequence", needs=_LOSE_ONE),
    _quiet(
        _case(_of_btc(fault=FaultKind.SNAPSHOT_ERROR), "stale/silence", name="binance snapshot_error at a probe"),
    ),
    _quiet(
        _case(_of_btc(fault=FaultKind.SNAPSHOT_NEVER), "stale/silence", name="binance snapshot_never at a probe"),
    ),
    # Binance refuses
    _case(_binance(fault=FaultKind.REFUSE, seconds=1.5), "disconnected/rejected", needs=_CUT_BINANCE),
    _case(
        _binance(fault=FaultKind.REFUSE, seconds=1.5, status=429, retry_after=1),
        "disconnected/rate_limited",
        needs=_CUT_BINANCE,
        name="binance refuse with 429",
    ),
    _case(
        _binance(fault=FaultKind.REFUSE, seconds=1.5, status=503),
        "disconnected/unavailable",
        needs=_CUT_BINANCE,
        name="binance refuse with 503",
    ),
    # frames of Coinbase
    _case(_of_first(fault=FaultKind.DROP), "gap/sequence"),
    _with(
        _case(_of_first(fault=FaultKind.DROP, frame=FrameChoice.HEARTBEAT), "gap/sequence"),
        name="coinbase drop of a heartbeat",
        is_of_first_connection=True,
    ),
    _case(_of_first(fault=FaultKind.DUPLICATE), "gap/sequence"),
    _case(_of_first(fault=FaultKind.REORDER), "gap/sequence"),
    _case(_of_first(fault=FaultKind.DELAY, seconds=0.5)),
    _case(_of_first(fault=FaultKind.SEQUENCE_RESET), "gap/sequence"),
    _case(_of_first(fault=FaultKind.BURST)),
    _case(_of_first(fault=FaultKind.TRUNCATE), "gap/malformed"),
    _case(_of_first(fault=FaultKind.GARBAGE), "gap/malformed"),
    _case(_of_first(fault=FaultKind.BINARY), "gap/malformed"),
    _with(_case(_of_first(fault=FaultKind.OVERSIZED, size=_OVERSIZED_BYTES), "gap/malformed"), overrides=_PATIENT),
    _alone(_case(_of_first(fault=FaultKind.CROSSED), "gap/crossed")),
    _moved(_case(_of_first(fault=FaultKind.WRONG_SIDE, seconds=1), "gap/malformed")),
    _case(_of_first(fault=FaultKind.ERROR_FRAME)),
    _case(_of_first(fault=FaultKind.PRICE_LEAP)),
    _case(_of_first(fault=FaultKind.PRICE_LEAP, falls=True), name="coinbase price_leap downwards"),
    # connections of Coinbase
    _case(_of_first(fault=FaultKind.CLOSE), "disconnected/connection"),
    _case(_of_first(fault=FaultKind.NOTICE, seconds=0.1), "disconnected/connection"),
    _case(_of_first(fault=FaultKind.CLOSE, code=1012), "disconnected/connection", name="coinbase close with a code"),
    _with(_case(_of_first(fault=FaultKind.HALF_OPEN), "stale/silence"), overrides=_PATIENT),
    _with(_case(_of_first(fault=FaultKind.SILENT_ALL), "stale/silence"), overrides=_PATIENT),
    _alone(_case(_of_first(fault=FaultKind.SILENT_STREAM), "stale/silence")),
    _case(_of_first(fault=FaultKind.MISSING_ACK), "disconnected/connection", needs=_CUT_FIRST),
    _case(_of_first(fault=FaultKind.BIG_SNAPSHOT), "disconnected/connection", needs=_CUT_FIRST),
    # books of Coinbase over REST, which only probes ask for
    _quiet(_case(_of_first(fault=FaultKind.STALE_SNAPSHOT), "stale/silence")),
    _quiet(_case(_of_first(fault=FaultKind.SNAPSHOT_ERROR), "stale/silence")),
    _quiet(_case(_of_first(fault=FaultKind.SNAPSHOT_STATUS, retry_after=1), "stale/silence")),
    _quiet(_case(_of_first(fault=FaultKind.SNAPSHOT_TIMEOUT, seconds=4), "stale/silence")),
    _quiet(_case(_of_first(fault=FaultKind.SNAPSHOT_NEVER), "stale/silence")),
    # Coinbase refuses
    _case(_coinbase(fault=FaultKind.REFUSE, seconds=1.5), "disconnected/rejected", needs=_CUT_COINBASE),
    _case(
        _coinbase(fault=FaultKind.REFUSE, seconds=1.5, status=429, retry_after=1),
        "disconnected/rate_limited",
        needs=_CUT_COINBASE,
        name="coinbase refuse with 429",
    ),
)
