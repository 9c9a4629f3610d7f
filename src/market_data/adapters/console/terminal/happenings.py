"""Events as lines: what happened when, to which instrument, and what it means."""

import io
from collections.abc import Sequence

from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from market_data.adapters.console.terminal.lines import Line, line
from market_data.adapters.console.terminal.rows import STATUS_STYLES
from market_data.adapters.console.terminal.scene import Scene
from market_data.domain.meanings import REASONS
from market_data.domain.printable import printable
from market_data.domain.spans import span
from market_data.domain.watch import Event, StatusChange

__all__ = ["EVENT_INDENT", "draw_change", "draw_event"]

EVENT_INDENT = 11
"""Behind the time."""

_COLOURS = Console(file=io.StringIO(), highlight=False)
"""What names of colours mean."""


def draw_event(event: Event, scene: Scene) -> Line:
    """Say it in one line; what the log said has its own time."""
    if not event.key and event.status is None:
        return [Segment(" "), *_log_line(event.what)]
    exchange, _, symbol = event.key.partition(":")
    style = "" if event.status is None else str(STATUS_STYLES[event.status])
    said = line((f" {scene.clock(event.at)}  ", "grey54"), (f"{exchange:<9} {symbol:<9}  ", ""), (event.what, style))
    if meaning := REASONS.get(event.what.partition(": ")[2]):
        said += line((f", {meaning}", "grey54"))
    return said


def draw_change(change: StatusChange, scene: Scene) -> Line:
    """Say since when an instrument had a status, why, and for how long."""
    until = scene.now.wall if change.until is None else change.until
    why = change.trouble or ("silence of the producer" if change.is_silence else change.reason or "")
    return line(
        (f" {scene.clock(change.since)}  ", "grey54"),
        (f"{change.status:<12} ", str(STATUS_STYLES[change.status])),
        (f"{span((until - change.since) / 1e6):>5}  ", ""),
        (why, "grey54"),
    )


def _log_line(text: str) -> Sequence[Segment]:
    """Keep the colours of a line of the log, and nothing else that could act on a terminal."""
    parts = Text.from_ansi(text, end="").render(_COLOURS)
    return [Segment(printable(segment.text), segment.style) for segment in parts]
