"""Effective settings for a person: each value with the place that it comes from, secrets masked by their type."""

import re
from collections.abc import Iterator

import attrs
import yaml

from market_data.config.kinds import MASK, Secret
from market_data.config.load import LoadedSettings
from market_data.config.schema import value_at, walk

__all__ = ["Described", "describe", "differences", "render"]

_INDENT = "  "
_MAX_COLUMN = 72
_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9_./:+-]*[A-Za-z0-9_./+-])?", re.ASCII)
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


@attrs.frozen
class Described:
    """One setting: its dotted path, its value as YAML, and where that was written."""

    path: str
    value: str
    origin: str


def describe(loaded: LoadedSettings) -> list[Described]:
    """List every setting in the order of the tree."""
    return [
        Described(".".join(path), _text(value_at(loaded.settings, path)), loaded.origins[".".join(path)])
        for path, entry in walk(loaded.settings)
        if not entry.is_section
    ]


def differences(before: LoadedSettings, after: LoadedSettings) -> list[str]:
    """Name the settings, by their dotted paths, that have other values, or are there in one only; secrets as well."""
    then, now = (
        {
            ".".join(path): value_at(loaded.settings, path)
            for path, entry in walk(loaded.settings)
            if not entry.is_section
        }
        for loaded in (before, after)
    )
    return [path for path in {**then, **now} if path not in then or path not in now or then[path] != now[path]]


def render(loaded: LoadedSettings) -> list[str]:
    """Write the tree as YAML, origins as comments in one column.

    The lines are a settings file that gives the same settings again, but for secrets.
    """
    lines = list(_lines(loaded))
    column = min(max(len(line) for line, origin in lines if origin), _MAX_COLUMN)
    return [f"{line:<{column}}  # {origin}" if origin else line for line, origin in lines]


def _lines(loaded: LoadedSettings) -> Iterator[tuple[str, str]]:
    for path, entry in walk(loaded.settings):
        key = f"{_INDENT * (len(path) - 1)}{path[-1]}:"
        if entry.is_section:
            yield key, ""
        else:
            yield f"{key} {_text(value_at(loaded.settings, path))}", loaded.origins[".".join(path)]


def _text(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case Secret():
            return f'"{MASK}"'
        case int() | float():
            return repr(value).removesuffix(".0")
        case tuple():
            return f"[{', '.join(map(_text, value))}]"
    return _quoted(str(value))


def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return yaml.safe_dump(text, default_style='"', width=10**9, allow_unicode=True).rstrip("\n")
