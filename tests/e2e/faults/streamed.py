"""The table of the venues whose streams stand one by one: OKX, Bybit, Kraken, Bitstamp.

One frame lost is one gap of one book, and no other book of the connection notices. What a venue cannot tell is in
``test_blind_spots``.
"""

from functools import partial

import attrs
from tests.e2e.faults.cases import INSTRUMENTS, Case

from market_data_sandbox import Fault, FaultKind, Venue
from market_data_sandbox.faults import RefusalChoice

__all__ = ["STREAMED", "UNPLAYABLE"]

_VENUES = (Venue.OKX, Venue.BYBIT, Venue.KRAKEN, Venue.BITSTAMP)
_OVERSIZED_BYTES = 9 * 2**20
_NO_REST = frozenset({FaultKind.STALE_SNAPSHOT, *(kind for kind in FaultKind if kind.startswith("snapshot_"))})

UNPLAYABLE = frozenset({(FaultKind.LOST_LEVEL, Venue.KRAKEN), *((kind, Venue.KRAKEN) for kind in _NO_REST)})
"""What ``test_blind_spots`` is about; and Kraken's book over REST, which nobody asks for: its sizes are rounded."""

_REFUSES = {"seconds": 1.5}
_LIMITED = {"seconds": 1.5, "status": 429, "retry_after": 1}


def _case(
    fault: Fault,
    *leads_to: str,
    needs: Fault | None = None,
    name: str = "",
    is_quiet: bool = False,
    is_exact: bool = False,
    **others: object,
) -> Case:
    """Make a case: of a venue's first book or of both."""
    keys = tuple(f"{fault.venue}:{symbol}" for symbol in INSTRUMENTS[fault.venue])
    afflicts, rest = (keys, ()) if fault.instrument is None else (keys[:1], keys[1:])
    return Case(
        f"{fault.venue} {name or fault.fault}",
        (fault,) if needs is None else (fault, needs),
        afflicts,
        leads_to,
        rest if leads_to else keys,
        rounds=1,
        is_quiet=is_quiet,
        is_exact=is_exact,
        **others,  # type: ignore[arg-type]
    )


def _alone(case: Case) -> Case:
    """Let nothing else come over the connection, so that what changes places is of one book."""
    return attrs.evolve(
        case, instruments=INSTRUMENTS[case.venue][:1], spares=(), options={"kraken_heartbeat_seconds": 60}
    )


def _silent(fault: Fault, needs: Fault | None = None, name: str = "") -> Case:
    """A stream that is cut off: asked for anew, it begins with its book.

    Kraken's is asked for in time, so that its book goes on; Bitstamp's begins with none, and is tried on another
    connection at last.
    """
    if fault.venue is Venue.KRAKEN:
        return _case(fault, needs=needs, name=name)
    case = _case(fault, "stale/silence", needs=needs, name=name)
    if fault.venue is not Venue.BITSTAMP:
        return case
    return attrs.evolve(case, spares=(), companions=dict.fromkeys(case.spares, ("disconnected/connection",)))


def _of_frames(venue: Venue) -> list[Case]:
    """Frames that get lost, come twice, late, out of order, or cannot be read, or lie."""
    one = partial(Fault, venue=venue, instrument=INSTRUMENTS[venue][0])
    all_ = partial(Fault, venue=venue)
    is_blind, is_summed = venue is Venue.BITSTAMP, venue is Venue.KRAKEN
    lost = () if is_blind else ("gap/audit",) if is_summed else ("gap/sequence",)
    crossed = ("gap/audit",) if is_summed else ("gap/crossed",)
    # the end of a frame says whose it is
    truncated = all_(fault=FaultKind.TRUNCATE) if is_blind else one(fault=FaultKind.TRUNCATE)
    return [
        # of Kraken's, the frame after a single one that was lost may hold all that it held
        _case(one(fault=FaultKind.DROP, count=3 if is_summed else 1), *lost, is_exact=bool(lost)),
        _case(one(fault=FaultKind.DUPLICATE)),
        _alone(_case(one(fault=FaultKind.REORDER), *lost)),
        _case(one(fault=FaultKind.DELAY, seconds=0.5)),
        _case(one(fault=FaultKind.SEQUENCE_RESET)),
        _case(all_(fault=FaultKind.BURST)),
        _case(truncated, "gap/malformed"),
        _case(all_(fault=FaultKind.GARBAGE), "gap/malformed"),
        _case(all_(fault=FaultKind.BINARY), "gap/malformed"),
        _case(all_(fault=FaultKind.OVERSIZED, size=_OVERSIZED_BYTES), "gap/malformed"),
        _case(one(fault=FaultKind.CROSSED), *crossed),
        _case(one(fault=FaultKind.WRONG_SIDE), *crossed),
        _case(all_(fault=FaultKind.ERROR_FRAME)),
        _case(one(fault=FaultKind.PRICE_LEAP)),
        _case(one(fault=FaultKind.PRICE_LEAP, falls=True), name="price_leap downwards"),
        _case(one(fault=FaultKind.LISTING_STATE, state="Disabled", seconds=1)),
    ]


def _of_connections(venue: Venue) -> list[Case]:
    """Connections that end or fall silent, and handshakes that are refused."""
    one = partial(Fault, venue=venue, instrument=INSTRUMENTS[venue][0])
    all_ = partial(Fault, venue=venue)
    cut = all_(fault=FaultKind.CLOSE)
    silent = one(fault=FaultKind.SILENT_STREAM)
    return [
        _case(cut, "disconnected/connection"),
        _case(all_(fault=FaultKind.CLOSE, code=1012), "disconnected/connection", name="close with a code"),
        _case(all_(fault=FaultKind.NOTICE, seconds=5))
        if venue in (Venue.OKX, Venue.BITSTAMP)
        else _case(all_(fault=FaultKind.NOTICE, seconds=0.2), "disconnected/connection"),
        _case(all_(fault=FaultKind.HALF_OPEN), "stale/silence"),
        _case(all_(fault=FaultKind.SILENT_ALL), "stale/silence"),
        _silent(silent),
        _case(all_(fault=FaultKind.MISSING_ACK), "disconnected/connection", needs=cut),
        *(
            []
            if venue is Venue.BITSTAMP
            else [_case(all_(fault=FaultKind.BIG_SNAPSHOT), "disconnected/connection", needs=cut)]
        ),
        _case(all_(fault=FaultKind.REFUSE, **_REFUSES), "disconnected/rejected", needs=cut),
        _case(all_(fault=FaultKind.REFUSE, **_LIMITED), "disconnected/rate_limited", needs=cut, name="refuse with 429"),
    ]


def _of_rest(venue: Venue) -> list[Case]:
    """Books over REST, that only silent ones are compared with; a stream that is asked for anew does instead."""
    one = partial(Fault, venue=venue, instrument=INSTRUMENTS[venue][0])
    faults = (
        one(fault=FaultKind.STALE_SNAPSHOT),
        one(fault=FaultKind.SNAPSHOT_ERROR),
        one(fault=FaultKind.SNAPSHOT_STATUS, retry_after=1),
        one(fault=FaultKind.SNAPSHOT_TIMEOUT, seconds=4),
        one(fault=FaultKind.SNAPSHOT_NEVER),
        one(fault=FaultKind.REFUSE, status=403, only=RefusalChoice.REST, seconds=4),
    )
    if venue is Venue.BITSTAMP:  # a quiet market says nothing of itself, not even at first
        silent = one(fault=FaultKind.SILENT_STREAM)
        faults = (*faults, one(fault=FaultKind.BIG_SNAPSHOT))
        return [_silent(fault, silent, f"{fault.fault} at a probe") for fault in faults]
    return [_case(fault, is_quiet=True, name=f"{fault.fault} at a probe") for fault in faults]


_okx = partial(Fault, venue=Venue.OKX, instrument="BTC-USDT")
_kraken = partial(Fault, venue=Venue.KRAKEN, instrument="BTC-USD")
_LOSE = _okx(fault=FaultKind.DROP)
_FETCHED = {"options": {"okx_snapshot_in_band": False}}

STREAMED = (
    *(case for venue in _VENUES for case in _of_frames(venue)),
    *(case for venue in _VENUES for case in _of_connections(venue)),
    *(case for venue in _VENUES if venue is not Venue.KRAKEN for case in _of_rest(venue)),
    _case(_kraken(fault=FaultKind.WRONG_CHECKSUM), "gap/audit", is_exact=True),
    # OKX, once its stream begins with an update
    _case(_LOSE, "gap/sequence", is_exact=True, name="drop, the book fetched", **_FETCHED),
    _case(_okx(fault=FaultKind.STALE_SNAPSHOT, count=2), "gap/sequence", needs=_LOSE, **_FETCHED),
    _case(_okx(fault=FaultKind.SNAPSHOT_NEVER), "gap/unavailable", needs=_LOSE, **_FETCHED),
)
