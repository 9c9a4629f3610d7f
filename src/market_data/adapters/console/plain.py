"""Columns of text for commands that print once. Pure."""

from collections.abc import Collection, Iterable, Sequence

from rich.cells import cell_len

from market_data.domain.printable import printable

__all__ = ["counted", "in_columns", "padded", "widest"]


def padded(text: str, width: int, *, is_right: bool = False) -> str:
    """Bring a text to a width in cells, as a terminal shows it: a Chinese character takes two."""
    blanks = " " * (width - cell_len(text))
    return blanks + text if is_right else text + blanks


def widest(texts: Iterable[str]) -> int:
    """Give the largest width in cells; 0 of none."""
    return max([len(text) if text.isascii() else cell_len(text) for text in texts], default=0)


def in_columns(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Write rows as printable lines, each column as wide as its widest cell, two spaces apart; ``right`` are set to the
    right.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [widest(column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            padded(cell, width, is_right=at in right) for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def counted(number: int, what: str) -> str:
    """Count things: ``1 record``, ``1,234 records``."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")
