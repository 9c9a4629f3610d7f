"""README's picture and table of the figures: ``python -m tests.benchmarks.plot RESULTS.json … -o docs/benchmark.svg``.

Several files are read as one; where two hold the same result, the last one counts. ``--table`` prints the table,
``--readme README.md`` writes it there, between its two marks.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import chain
from math import ceil, floor, log10
from pathlib import Path
from textwrap import wrap
from typing import Any

from tests.benchmarks.results import read, short

__all__ = ["main", "svg", "table"]

MARKS = ("<!-- benchmark: made by tests/benchmarks/plot.py -->", "<!-- end of benchmark -->")
_FIRST = ("peers", "book_path")
"""Of these, the first that is there is the book path's: it has the others' ways beside ours."""
_WIDTH, _LEFT, _RIGHT, _ROW, _HEAD, _FOOT = 830, 330, 96, 22, 52, 34
_LINE = 110
"""Characters of small text that fit."""
_STYLE = """
text{font:13px system-ui,sans-serif;fill:#1f2328}
.title{font-weight:600;font-size:15px}.small{font-size:11px;fill:#59636e}
.grid{stroke:#d1d9e0;stroke-width:1}.spread{stroke:#8c959f;stroke-width:3;stroke-linecap:round}
.dot{fill:#6e7781}.ours .dot{fill:#0969da}.ours .spread{stroke:#54aeff}.ours text{font-weight:600}
@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.small{fill:#9198a1}.grid{stroke:#3d444d}.spread{stroke:#656c76}
.dot{fill:#9198a1}.ours .dot{fill:#4493f8}.ours .spread{stroke:#1f6feb}}
"""

Figures = Mapping[str, Any]


def _is_ours(way: str) -> bool:
    return way.startswith("ours")


def _compared(results: Sequence[Figures]) -> list[Figures]:
    """Give what is compared with something, the book path only once."""
    first = next((name for name in _FIRST if any(each["name"] == name for each in results)), None)
    return [each for each in results if each["base"] and (each["name"] not in _FIRST or each["name"] == first)]


def _sources(results: Sequence[Figures]) -> list[str]:
    """Say where and when each was measured, once for those of one run."""
    runs: dict[str, list[str]] = {}
    for result in _compared(results):
        about = result["machine"]
        where = f"{about['processor']}, {about['cores']} cores, {about['python']}"
        runs.setdefault(f"{where}, commit {about['commit']}, {about['time']}", []).append(result["title"])
    return list(runs) if len(runs) == 1 else [f"{where}: {', '.join(titles)}" for where, titles in runs.items()]


def table(results: Sequence[Figures]) -> str:
    """Write the table, in Markdown."""
    lines = ["| | median | times its base | least - most |", "|---|---:|---:|---:|"]
    for result in _compared(results):
        lines.append(f"| **{result['title']}**, {result['unit']} | | | |")
        for way, of in result["ways"].items():
            ratio = of["ratio"]
            is_base = way == result["base"]
            against = "1 (base)" if is_base else short(ratio["median"])
            spread = "" if is_base else f"{short(ratio['least'])} - {short(ratio['most'])}"
            name = f"**{way}**" if _is_ours(way) else way
            lines.append(f"| {name} | {short(of['median'])} | {against} | {spread} |")
    where = "; ".join(_sources(results))
    return "\n".join([*lines, "", f"Medians, and ratios round by round within one run. {where}.", ""])


def into_readme(path: Path, text: str) -> None:
    """Put the table between the marks.

    Raises:
        SystemExit: the marks are not there.
    """
    held = path.read_text(encoding="utf-8")
    begin, end = MARKS
    if begin not in held or end not in held.partition(begin)[2]:
        raise SystemExit(f"{path}: expected the lines {begin} and {end}")
    before, _, rest = held.partition(begin)
    path.write_text(f"{before}{begin}\n\n{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def svg(results: Sequence[Figures]) -> str:
    """Draw each result as a panel: a dot for each median ratio, a line from the least to the most, on a log scale."""
    parts: list[str] = []
    top = 0
    for result in _compared(results):
        parts += _panel(result, top)
        top += _HEAD + _ROW * len(result["ways"]) + _FOOT
    for line in chain.from_iterable(wrap(where, _LINE) for where in _sources(results)):
        parts.append(f'<text class="small" x="12" y="{top + 12}">{escape(line)}</text>')
        top += 16
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top + 24}" width="{_WIDTH}" role="img">'
    return "\n".join([head, f"<style>{_STYLE}</style>", "<title>Benchmarks</title>", *parts, "</svg>", ""])


def _panel(result: Figures, top: int) -> Iterator[str]:
    ways = result["ways"]
    low = floor(min(0.0, *(log10(of["ratio"]["least"]) for of in ways.values())))
    high = max(ceil(max(log10(of["ratio"]["most"]) for of in ways.values())), low + 1)

    def x(ratio: float) -> float:
        return round(_LEFT + (log10(ratio) - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT), 1)

    bottom = top + _HEAD + _ROW * len(ways)
    said = f"times “{result['base']}” of the same round; dot: median, line: least to most"
    yield f'<text class="title" x="12" y="{top + 20}">{escape(result["title"])}</text>'
    yield f'<text class="small" x="12" y="{top + 37}">{escape(said)}</text>'
    for ratio in _ticks(low, high):
        yield f'<line class="grid" x1="{x(ratio)}" x2="{x(ratio)}" y1="{top + _HEAD - 6}" y2="{bottom}"/>'
        yield f'<text class="small" x="{x(ratio)}" y="{bottom + 14}" text-anchor="middle">{ratio:g}</text>'
    for number, (way, of) in enumerate(ways.items()):
        y, ratio = top + _HEAD + _ROW * number + _ROW // 2, of["ratio"]
        yield '<g class="ours">' if _is_ours(way) else "<g>"
        yield f'<text x="{_LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(way)}</text>'
        yield f'<line class="spread" x1="{x(ratio["least"])}" x2="{x(ratio["most"])}" y1="{y}" y2="{y}"/>'
        yield f'<circle class="dot" cx="{x(ratio["median"])}" cy="{y}" r="5"/>'
        yield f'<text x="{_WIDTH - _RIGHT + 12}" y="{y + 4}">{short(ratio["median"])}</text></g>'


def _ticks(low: int, high: int) -> list[float]:
    steps = (1, 2, 5) if high - low <= 2 else (1,)
    return [step * 10.0**power for power in range(low, high) for step in steps] + [10.0**high]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.plot", description=__doc__)
    parser.add_argument("results", nargs="+", type=Path, metavar="RESULTS.json")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.svg")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="results by name, in this order (default: all)")
    parser.add_argument("--table", action="store_true", help="print the table")
    parser.add_argument("--readme", type=Path, metavar="README.md", help="write the table between its marks there")
    options = parser.parse_args(arguments)
    found: dict[str, Figures] = {}
    for path in options.results:
        about, held = read(path)
        found |= {result["name"]: {**result, "machine": about} for result in held}
    results = [found[name] for name in options.only or found if name in found]
    if options.output is not None:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(svg(results), encoding="utf-8")
    if options.table:
        print(table(results))
    if options.readme is not None:
        into_readme(options.readme, table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
