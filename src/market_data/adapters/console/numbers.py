"""How prices and sizes are written for people: one way for all venues, exactly, whatever zeros a venue's text has.

Binance writes ``61837.63000000``, Kraken ``61837.6``, others anything between.
"""

__all__ = ["digits_of", "padded_to", "shortest"]


def shortest(text: str) -> str:
    """Write a decimal number without the zeros that say nothing: ``61837.63``, ``0.5``, ``100``."""
    return padded_to(text, 0)


def padded_to(text: str, digits: int) -> str:
    """Write it with so many digits behind the point, or with all that it has where it has more."""
    whole, _, rest = text.partition(".")
    rest = rest.rstrip("0").ljust(digits, "0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{rest}" if rest else whole


def digits_of(text: str) -> int:
    """Count the digits behind the point that say something."""
    return len(text.partition(".")[2].rstrip("0"))
