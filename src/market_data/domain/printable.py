"""What text from outside may do where a person reads it: nothing but be read.

Names, error bodies, headers and paths come from venues, brokers, topics and files. Written out as they came, they could
move a terminal's cursor, set its title, turn the direction of a line, or begin a line that nobody said.
"""

import json
from collections.abc import Sequence

__all__ = ["few", "printable", "shortened"]

_MOST_LETTERS = 200


def printable(text: str) -> str:
    r"""Write all that is not a visible letter or a space as JSON escapes it: ``\u001b``, ``\u202e``, ``\n``.

    That is C0 and C1 controls, DEL, line and paragraph separators, bidirectional and other format marks, surrogates,
    and what Unicode leaves unassigned. Text that is JSON stays JSON, and says the same.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text)


def shortened(text: str) -> str:
    """Leave out the middle of what is longer than a person reads of a line; where it came from may be at either end."""
    half = _MOST_LETTERS // 2
    return text if len(text) <= _MOST_LETTERS else f"{text[:half]}…{text[-half:]}"


def few(names: Sequence[str], most: int) -> str:
    """Name so many, and say how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
