"""Lines of styled text: put together, cut to a width, and brought to both ends of one."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TypeAlias

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from market_data.domain.printable import printable

__all__ = ["Line", "cut", "ends", "length", "line", "style_of", "wrapped"]

Line: TypeAlias = list[Segment]

style_of = cache(Style.parse)
_LEAST = 2
"""The width of the widest letter."""


def line(*parts: tuple[str, str]) -> Line:
    """Put texts and their styles together, printable."""
    return [Segment(printable(text), style_of(style)) for text, style in parts]


def length(segments: Iterable[Segment]) -> int:
    """Give the width in cells."""
    text = "".join([segment.text for segment in segments])
    return len(text) if text.isascii() else cell_len(text)


def cut(segments: Sequence[Segment], width: int) -> Line:
    """Leave out what is beyond a width."""
    if length(segments) <= width:
        return list(segments)
    kept: Line = []
    for segment in segments:
        wide = cell_len(segment.text)
        if wide > width:
            if width > 0:
                kept.append(Segment(set_cell_size(segment.text, width), segment.style))
            break
        kept.append(segment)
        width -= wide
    return kept


def ends(left: Line, right: Line, width: int) -> Line:
    """Put one at each end of a line; the left one is cut, and says so, where they meet."""
    room = max(width - length(right) - 1, 0)
    if length(left) > room:
        left = [*cut(left, room - 1), Segment("…")] if room else []
    return cut([*left, Segment(" " * (room + 1 - length(left))), *right], width)


def wrapped(segments: Line, width: int, indent: int) -> list[Line]:
    """Break a line between words, or where it must, into such as fit; all but the first are indented."""
    if length(segments) <= width or width < _LEAST:
        return [cut(segments, width)]
    indent = min(indent, (width - _LEAST) // 2)
    cuts: list[int] = []
    start = at = word = 0
    room = width
    for letter in "".join(segment.text for segment in segments):
        end = at + cell_len(letter)
        if end - start > room and letter != " ":
            room = width - indent
            start = word if word > start and end - word <= room else at
            cuts.append(start)
        at = end
        if letter == " ":
            word = end
    first, *rest = Segment.divide(segments, [*cuts, at])
    return [cut(first, width), *(cut([Segment(" " * indent), *each], width) for each in rest)]
