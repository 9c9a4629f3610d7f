"""Changes that change nothing that anybody could see, with the reason; docs/proof.md tells of them."""

from collections.abc import Mapping

from tests.mutation.operators import Mutant

__all__ = ["EQUIVALENT", "place_of", "reason_of"]

Place = tuple[str, str, str, str]
"""File, class and function, line as it stands, and change."""

EQUIVALENT: Mapping[Place, str] = {
    (
        "application/clocks.py",
        "ClockWatch.watch_skew",
        "skew, self.behind = self.behind / _MICROSECONDS, 0",
        "0 becomes 1",
    ): "that a venue's clock is a microsecond behind is not told either",
    ("domain/side.py", "BookSide.apply", "if edge != inf and len(keys) < depth:", "and becomes or"): (
        "levels are made near more often than they must be: slower, and no other book"
    ),
    ("domain/proof.py", "KeyProof", "is_interrupted: bool = False", "False becomes True"): (
        "of a key: its first record ends what interruption there is, before anything asks for it"
    ),
    ("domain/check.py", "CheckedSync._take_check", "check.changes.clear()", "the statement is left out"): (
        "once the second book is there, nobody looks at what was collected for it: this gives the memory back"
    ),
    ("domain/sync.py", "BookSync.unopened", "self._forget(now)", "the statement is left out"): (
        "before an attempt to connect there was none, or the last connection was closed or given up, which forgets"
    ),
}


def place_of(mutant: Mutant) -> Place:
    """Say where a change is, in words that outlive other changes of its file."""
    return mutant.file, mutant.within, mutant.was, mutant.what


def reason_of(mutant: Mutant) -> str | None:
    """Say why a change changes nothing; None where it should be noticed."""
    return EQUIVALENT.get(place_of(mutant))
