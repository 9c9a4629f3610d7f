"""One reading of the clocks. The domain never reads a clock: every input brings its moment along."""

import attrs

__all__ = ["Moment"]


@attrs.frozen
class Moment:
    """When something happened, by both clocks."""

    wall: int
    """µs since 1970 UTC, as records carry it; may step."""
    mono: float
    """Seconds of a clock that never steps; deadlines are kept in it."""
