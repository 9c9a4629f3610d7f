"""Columns of text for commands that print once. Pure."""

from collections.abc import Collection, Sequence

from market_data.domain.printable import printable

__all__ = ["counted", "in_columns"]


def in_columns(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Write rows as printable lines, each column as wide as its widest cell, two spaces apart; ``right`` are set to the
    right.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def counted(number: int, what: str) -> str:
    """Count things: ``1 record``, ``1,234 records``."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")
