"""What one exchange's connections have brought so far: plain numbers that only grow, so that counting costs nothing."""

import attrs

from market_data.domain.effects import Purpose

__all__ = ["VenueTally"]


@attrs.define
class VenueTally:
    """Of all connections that an exchange ever had in this run, whatever became of them; read by whoever asks."""

    frames: int = 0
    """Whole text frames that were read."""
    frame_bytes: int = 0
    """Their bytes."""
    events: int = 0
    """What they meant: changes, snapshots, acknowledgements."""
    messages: int = 0
    """Sent to the exchange."""
    connections: int = 0
    """Open now."""
    behind_seconds: float | None = None
    """How far the exchange's time of the change read last was behind our clock; None where it has not told any."""
    comparisons: dict[tuple[Purpose, bool], int] = attrs.field(factory=dict)
    """How often a book was compared with the exchange's own, by why, and whether they were the same."""

    def compared(self, purpose: Purpose, *, is_same: bool) -> None:
        """Count a comparison."""
        self.comparisons[purpose, is_same] = self.comparisons.get((purpose, is_same), 0) + 1
