"""The first lines of each view: what is read from where, whether it is proven, how much of it is live, what is set."""

from collections.abc import Iterator, Sequence

from rich.segment import Segment
from rich.style import Style

from market_data.adapters.console.plain import counted
from market_data.adapters.console.terminal.lines import Line, cut, ends, line
from market_data.adapters.console.terminal.scene import Scene

__all__ = ["HEADER_LINES", "draw_header", "rule"]

HEADER_LINES = 3
_RULE = Style.parse("grey39")


def draw_header(scene: Scene, notes: Sequence[tuple[str, str]], width: int) -> list[Line]:
    """Draw two lines and a rule; ``notes`` (text, style) stand in the rule, after what holds for every view."""
    reading, proof, now = scene.reading, scene.reading.proof, scene.present
    first = line((" ", ""), (scene.title, "bold cyan"), (f"  {reading.source}", ""))
    rate = line((f"{scene.pace:,.0f}", "bold"), (" records/s ", ""))
    said = line((" ", ""))
    if proof.is_proven:
        said += line(("order proven", "green"), (f": {counted(reading.records, 'record')}, 0 holes", ""))
    else:
        said += line(
            ("ORDER NOT PROVEN", "bold red"),
            (f": {counted(reading.records, 'record')}, {counted(proof.holes, 'hole')}, ", ""),
            (f"{proof.doubles:,} doubled, {proof.disorder:,} out of order", ""),
        )
    if proof.foreign:
        said += line((f", {proof.foreign:,} of another producer", "yellow"))
    live, count = scene.market.count_live(), len(scene.market.keys())
    right = line((f"{live:,}", "green" if live == count else "bold yellow"), (f" of {count:,} live  ", ""))
    right += line((f"{scene.time(now.wall)} ", ""))
    return [ends(first, rate, width), ends(said, right, width), rule(scene, [*_warnings(scene), *notes], width)]


def _warnings(scene: Scene) -> Iterator[tuple[str, str]]:
    """Say what makes of the picture less than it looks like."""
    if (trouble := scene.reading.trouble) is not None:
        since = scene.time(scene.present.wall - int(trouble.seconds * 1e6))
        yield f"{trouble.what} since {since}", "bold white on red"
    if scene.pause is not None:
        yield f"PAUSED since {scene.time(scene.pause.at.wall)}, space goes on", "bold black on yellow"


def rule(scene: Scene, notes: Sequence[tuple[str, str]], width: int) -> Line:
    """Draw a line across, with notes (text, style) in it."""
    line_of, drawn = scene.symbols.rule, []
    for text, style in notes:
        drawn += [Segment(line_of * 2, _RULE), *line((f" {text} ", style))]
    drawn.append(Segment(line_of * width, _RULE))
    return cut(drawn, width)
