"""Changes that change nothing, with the reason; docs/proof.md tells of them."""

from collections.abc import Mapping

from tests.mutation.operators import Mutant

__all__ = ["EQUIVALENT", "reason_of"]

EQUIVALENT: Mapping[tuple[str, str, str], str] = {}
"""By file, line as it stands, and change."""


def reason_of(mutant: Mutant) -> str | None:
    """Say why a change changes nothing; None where it should be noticed."""
    return EQUIVALENT.get((mutant.file, mutant.was, mutant.what))
