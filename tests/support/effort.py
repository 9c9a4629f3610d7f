"""How hard properties are tried: HYPOTHESIS_PROFILE=thorough tries twenty times as hard as the default."""

import os

from hypothesis import settings

__all__ = ["PROFILE", "effort"]

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "quick")
_FACTOR = 20 if PROFILE == "thorough" else 1


def effort(examples: int, steps: int = 50) -> settings:
    """Try so many examples of so many steps, or a multiple of the examples."""
    return settings(deadline=None, max_examples=examples * _FACTOR, stateful_step_count=steps)
