"""``python -m tools.picture [FILE]`` makes the picture in README: the demo on a terminal, drawn as SVG."""

import io
import re
import sys
import tempfile
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text
from tests.support.terminal import Terminal, terminal

__all__ = ["main"]

_SIZE = (124, 14)
_SHOWN_SECONDS = 8.0
_WORDS = {"brown": "yellow"}
_FONTS = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"


def main() -> None:
    """Run the demo for a while, and write what it looks like."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/demo.svg")
    with tempfile.TemporaryDirectory() as folder, terminal(["demo"], _SIZE, Path(folder), TMPDIR=folder) as window:
        window.wait_for(lambda: sum(" live " in line for line in window.lines[4:]) == 4)
        window.rest(_SHOWN_SECONDS)
        lines = _lines(window)
        window.type("\x03")
        status = window.end()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(_drawn(lines), encoding="utf-8")
    sys.stdout.write(f"{target}\n")
    sys.exit(status)


def _lines(window: Terminal) -> list[Text]:
    return [Text.assemble(*((cell.data, _style(cell)) for cell in row)) for row in window.cells()]


def _style(cell: pyte.screens.Char) -> Style:
    return Style(color=_colour(cell.fg), bold=cell.bold)


def _colour(name: str) -> str | None:
    """Turn pyte's names into rich's; colours beyond the 16 are six hexadecimal digits."""
    if name == "default":
        return None
    return f"#{name}" if re.fullmatch("[0-9a-f]{6}", name) else _WORDS.get(name, name)


def _drawn(lines: list[Text]) -> str:
    console = Console(record=True, width=_SIZE[0], height=_SIZE[1], force_terminal=True, file=io.StringIO())
    for line in lines:
        console.print(line, no_wrap=True, crop=True, highlight=False)
    svg = console.export_svg(title="python -m app demo", unique_id="demo")
    # Without fonts from elsewhere, and with spaces that every viewer keeps.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = svg.replace("font-family: Fira Code, monospace", f"font-family: {_FONTS}")
    svg = svg.replace("<text ", '<text xml:space="preserve" ')
    return re.sub(r"[ \t]+\n", "\n", svg)


if __name__ == "__main__":
    main()
