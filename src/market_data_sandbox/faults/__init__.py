"""What to do wrong and when: fault scripts, and what carries them out."""

from market_data_sandbox.faults.engine import Faults, Injection
from market_data_sandbox.faults.script import (
    Fault,
    FaultKind,
    FrameChoice,
    RefusalChoice,
    fits,
    load_script,
    ready_made_scripts,
)

__all__ = [
    "Fault",
    "FaultKind",
    "Faults",
    "FrameChoice",
    "Injection",
    "RefusalChoice",
    "fits",
    "load_script",
    "ready_made_scripts",
]
