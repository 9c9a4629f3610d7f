"""What is done to the broker, in which order, and what the program is given to live with it."""

from collections.abc import Mapping, Sequence

import attrs

__all__ = ["FULL", "SHORT", "Fault", "Plan"]


@attrs.frozen
class Fault:
    """One thing that happens to the broker."""

    is_kill: bool
    """SIGKILL and a start with the same data; else SIGSTOP and SIGCONT."""
    away_seconds: float = 0.0
    """How long it is left dead or stopped; its start takes a few seconds more."""

    @property
    def name(self) -> str:
        """Say what it is."""
        if not self.is_kill:
            return f"paused for {self.away_seconds:g} s"
        return f"killed, left dead for {self.away_seconds:g} s" if self.away_seconds else "killed"


@attrs.frozen
class Plan:
    """One run."""

    faults: Sequence[Fault]
    between_seconds: float
    """How long the broker is left in peace after each fault, once records come again."""
    settings: Mapping[str, str]
    """What differs from the defaults."""
    bound_mebibytes: int
    """What the producer's resident memory must stay below."""


_KILL = Fault(is_kill=True)

FULL = Plan(
    faults=(
        *(_KILL,) * 5,
        Fault(is_kill=True, away_seconds=90),
        Fault(is_kill=False, away_seconds=60),
        *(_KILL,) * 4,
    ),
    between_seconds=5,
    settings={},
    bound_mebibytes=512,
)

SHORT = Plan(
    faults=(_KILL, Fault(is_kill=True, away_seconds=10), Fault(is_kill=False, away_seconds=8), _KILL),
    between_seconds=2,
    # So little room that ten seconds fill it, and changes have to be merged.
    settings={"outbox.max_records": "6000", "kafka.max_in_flight_records": "3000"},
    bound_mebibytes=256,
)
