"""How long something took, in words."""

__all__ = ["span"]

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0


def span(seconds: float) -> str:
    """Say a time in at most five letters: ``0.1 s``, ``12 s``, ``3 m``, ``2 h``, ``5 d``."""
    if seconds < _MINUTE:
        return f"{max(seconds, 0.0):.1f} s" if seconds < 9.95 else f"{int(seconds)} s"
    for unit, length in (("d", _DAY), ("h", _HOUR)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds // _MINUTE)} m"
