"""What a fault is about: which connections, which frames, which requests."""

from market_data_sandbox.exchanges.dialect import dialect_of
from market_data_sandbox.exchanges.outlet import Frame, FrameKind
from market_data_sandbox.exchanges.seam import Client
from market_data_sandbox.faults.script import Fault, FaultKind, FrameChoice
from market_data_sandbox.options import Venue

__all__ = ["OF_CONNECTIONS", "SECONDS_ARE_NO_PERIOD", "concerns", "is_about", "is_asked"]

OF_CONNECTIONS = frozenset(
    {
        FaultKind.CLOSE,
        FaultKind.ERROR_FRAME,
        FaultKind.HALF_OPEN,
        FaultKind.NOTICE,
        FaultKind.SEQUENCE_RESET,
        FaultKind.SILENT_ALL,
        FaultKind.SILENT_STREAM,
    }
)
"""What is done to a connection rather than to a frame."""
SECONDS_ARE_NO_PERIOD = OF_CONNECTIONS | {FaultKind.DELAY, FaultKind.SNAPSHOT_TIMEOUT}
"""Faults whose `seconds` say how long each takes, and not for how long they keep coming."""
_OF_SNAPSHOTS = frozenset(
    {
        FaultKind.SNAPSHOT_ERROR,
        FaultKind.SNAPSHOT_NEVER,
        FaultKind.SNAPSHOT_STATUS,
        FaultKind.SNAPSHOT_TIMEOUT,
        FaultKind.STALE_SNAPSHOT,
    }
)
_NOT_OF_FRAMES = _OF_SNAPSHOTS | {FaultKind.MISSING_ACK, FaultKind.REFUSE}


def concerns(fault: Fault, client: Client) -> bool:
    """Tell whether a fault is about a connection."""
    return (
        fault.venue is client.venue
        and fault.connection in {None, client.name}
        and (fault.instrument is None or fault.instrument in client.symbols)
    )


def is_about(fault: Fault, client: Client, frame: Frame) -> bool:
    """Tell whether a fault is about a frame to a connection."""
    return (
        fault.venue is client.venue
        and fault.fault not in _NOT_OF_FRAMES
        and fault.connection in {None, client.name}
        and frame.kind in _kinds(fault)
        and (not frame.symbols or fault.instrument is None or fault.instrument in frame.symbols)
    )


def is_asked(fault: Fault, venue: Venue, symbol: str | None) -> bool:
    """Tell whether a fault is about a request of a book."""
    return (
        fault.venue is venue
        and (
            fault.fault in _OF_SNAPSHOTS
            or (fault.fault is FaultKind.BIG_SNAPSHOT and dialect_of(venue).has_snapshots_by_rest)
        )
        and fault.instrument in {None, symbol}
    )


def _kinds(fault: Fault) -> set[FrameKind]:
    match fault:
        case Fault(fault=kind) if kind in OF_CONNECTIONS:
            return set(FrameKind)
        case Fault(frame=FrameChoice.ANY):
            return set(FrameKind)
        case Fault(frame=FrameChoice() as choice):
            return {FrameKind(choice.value)}
        case Fault(fault=FaultKind.BIG_SNAPSHOT):
            return {FrameKind.SNAPSHOT}
        case Fault(fault=FaultKind.CROSSED) if fault.seconds is not None:
            return {FrameKind.SNAPSHOT, FrameKind.UPDATE}
        case _:
            return {FrameKind.UPDATE}
