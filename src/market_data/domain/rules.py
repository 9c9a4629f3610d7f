"""Which rule follows which continuity: one line a rule."""

from market_data.domain.continuity import Continuity, Proof, Scope, Seed
from market_data.domain.counted import CountedSync
from market_data.domain.frames import FrameCounter, FrameOrder, UnnumberedFrames
from market_data.domain.splice import SplicedSync
from market_data.domain.streamed import StreamedSync
from market_data.domain.sync import BookSync
from market_data.domain.unproven import UnprovenSync

__all__ = ["frames_of", "rule_of"]


def rule_of(continuity: Continuity) -> type[BookSync]:
    """Choose what keeps a book true."""
    if continuity.scope is Scope.CONNECTION:
        return CountedSync
    if continuity.seed is Seed.FETCHED:
        return SplicedSync
    return UnprovenSync if continuity.proof is Proof.NONE else StreamedSync


def frames_of(continuity: Continuity) -> FrameOrder:
    """Make what holds for the frames of a new connection."""
    return FrameCounter() if continuity.scope is Scope.CONNECTION else UnnumberedFrames()
