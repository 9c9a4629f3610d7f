"""Events as lines: what happened when, to which instrument, and what it means."""

import io
from collections.abc import Sequence

from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from market_data.adapters.console.columns import span
from market_data.adapters.console.terminal.chronicle import Event
from market_data.adapters.console.terminal.lines import Line, line
from market_data.adapters.console.terminal.rows import GREY, STATUS_STYLES
from market_data.adapters.console.terminal.scene import Scene
from market_data.adapters.console.terminal.words import REASONS, STATUSES
from market_data.domain.normalized import BookStatus
from market_data.domain.printable import printable

__all__ = ["draw_event"]

_COLOURS = Console(file=io.StringIO(), highlight=False)
"""What names of colours mean."""


def draw_event(event: Event, scene: Scene, *, with_name: bool = True) -> Line:
    """Say it in one line."""
    if event.status is None:
        return [Segment(" "), *_log_line(event.text)]
    exchange, _, symbol = event.key.partition(":")
    name = f"{exchange:<10} {symbol:<10} " if with_name else ""
    said = line((f" {scene.time(event.at)}  ", "grey54"), (name, ""))
    said.append(Segment(f"{event.status:<12} ", STATUS_STYLES[event.status]))
    said.append(Segment(_story(event), GREY))
    return said


def _story(event: Event) -> str:
    before = event.before
    if event.status is BookStatus.LIVE:
        if before is None or before.status is BookStatus.LIVE:
            return ""
        lasted = span((event.at - before.at) / 1e6)
        return f"again, after {lasted} of {before.status}" + (f" ({before.reason})" if before.reason else "")
    if event.reason is not None:
        return f"{event.reason}: {REASONS[event.reason]}"
    return STATUSES[event.status] if event.status is not None else ""


def _log_line(text: str) -> Sequence[Segment]:
    """Keep the colours of a line of the log, and nothing else that could act on a terminal."""
    parts = Text.from_ansi(text, end="").render(_COLOURS)
    return [Segment(printable(segment.text), segment.style) for segment in parts]
