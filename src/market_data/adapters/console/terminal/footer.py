"""The last line: the keys that do something here, as many as there is room for."""

from collections.abc import Sequence
from typing import TypeAlias

from market_data.adapters.console.terminal.lines import Line, cut, length, line

__all__ = ["Hints", "draw_footer"]

_FIRST = 2

Hints: TypeAlias = Sequence[tuple[str, str]]
"""Keys and what they do, the most important first."""


def draw_footer(hints: Hints, right: Line, width: int) -> list[Line]:
    """Draw the line; ``right`` comes behind the keys, of which the first two matter more than it."""
    drawn: Line = []
    for number, (key, what) in enumerate(hints):
        hint = line((" ", ""), (key, "bold"), (f" {what} ", "grey54"))
        kept = length(right) + 2 if right and number >= _FIRST else 0
        if length(drawn) + length(hint) + kept > width:
            break
        drawn += hint
    return [cut([*drawn, *line(("  ", "")), *right], width)]
