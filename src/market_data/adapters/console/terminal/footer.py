"""The last line: the keys that do something here, as many as there is room for."""

from collections.abc import Sequence
from typing import TypeAlias

from market_data.adapters.console.terminal.lines import Line, length, line

__all__ = ["Hints", "draw_footer"]

Hints: TypeAlias = Sequence[tuple[str, str]]
"""Keys and what they do, the most important first."""


def draw_footer(hints: Hints, right: Line, width: int) -> list[Line]:
    """Draw the line; ``right`` comes behind the keys where there is room for all of it."""
    drawn: Line = []
    for key, what in hints:
        hint = line((" ", ""), (key, "bold"), (f" {what} ", "grey54"))
        if length(drawn) + length(hint) > width:
            break
        drawn += hint
    if right and length(drawn) + length(right) + 2 <= width:
        drawn += line(("  ", "")) + list(right)
    return [drawn]
