"""Kinds of values: what a setting may hold, in the words of a fault and as a test; and `Secret`.

A kind stands in the annotation of a setting (`heartbeat_seconds: Seconds`), so that type, range and message are written
once. Nothing is coerced: `"5"` is not a number and `true` is not 1; a whole number is fine where a fraction may stand.
"""

import difflib
import math
import os
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import attrs

from market_data.domain.instrument import is_symbol

__all__ = [
    "MASK",
    "Address",
    "Brokers",
    "Bytes",
    "Count",
    "Depth",
    "Digits",
    "ExistingFile",
    "Factor",
    "HostName",
    "Hours",
    "HttpUrl",
    "Kind",
    "Linger",
    "Milliseconds",
    "Origin",
    "Rate",
    "Seconds",
    "Secret",
    "Share",
    "SnapshotLimit",
    "Start",
    "Symbol",
    "Text",
    "TopicName",
    "Unfit",
    "WarmStart",
    "WebSocketUrl",
    "Word",
    "did_you_mean",
    "shown",
]

MASK = "********"
_SECRET_IN_ADDRESS = re.compile(r"(^|[/,\s])[^/,@\s]*:[^/@\s]*@")
"""user:password@ before a host, which nobody should write there."""
_SHOWN_CHARACTERS = 60
_MAX_PORT = 65535


class Unfit(ValueError):
    """A value that its setting cannot hold: `expected a number of seconds above 0, received 'abc'`."""

    def __init__(self, expected: str, received: object, hint: str = "") -> None:
        """Take what was expected, in words, the value as it was read, and what may have been meant."""
        super().__init__(f"expected {expected}, received {shown(received)}{hint}")


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Write the hint for a misspelt word, empty where none is near."""
    by_case = {known.casefold(): known for known in words}
    matches = difflib.get_close_matches(word.casefold(), by_case, n=1)
    return f" (did you mean {by_case[matches[0]]}?)" if matches else ""


@attrs.frozen
class Kind:
    """One kind of value.

    Attributes:
        expected: What it is called in a fault.
        read: Turns what YAML holds into the value; None means that it does not fit.
        is_text: Whether text from the environment is the value as it stands, rather than YAML.

    """

    expected: str
    read: Callable[[object], object | None]
    is_text: bool = False


class Secret:
    """A text that shows itself only when asked by name; any other way of writing it down gives `********`.

    Deliberately no attrs class: `attrs.asdict` and cattrs would open it.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text itself, for the one call that needs it."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


def shown(value: object) -> str:
    """Write a received value as its author knows it, shortened; of maps only that they are maps."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            value = _SECRET_IN_ADDRESS.sub(r"\1***@", value)
            return repr(value if len(value) <= _SHOWN_CHARACTERS else value[:_SHOWN_CHARACTERS] + "…")
        case dict():
            return "a map"
        case list():
            return "a list"
    return str(value)


def _whole(low: int, high: int | None = None) -> Callable[[object], int | None]:
    def read(value: object) -> int | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return None
        return value if value >= low and (high is None or value <= high) else None

    return read


def _number(is_allowed: Callable[[float], bool]) -> Callable[[object], float | None]:
    def read(value: object) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        number = float(value)
        return number if math.isfinite(number) and is_allowed(number) else None

    return read


def _matching(pattern: str) -> Callable[[object], str | None]:
    compiled = re.compile(pattern)

    def read(value: object) -> str | None:
        return value if isinstance(value, str) and compiled.fullmatch(value) else None

    return read


def _url(*schemes: str) -> Callable[[object], str | None]:
    def read(value: object) -> str | None:
        if not isinstance(value, str) or not re.fullmatch(r"[!-~]+", value):
            return None
        try:
            parts = urlsplit(value)
            is_fit = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:
            return None
        is_base = "@" not in parts.netloc and not parts.query and not parts.fragment
        return value if is_fit and is_base else None

    return read


def _brokers(value: object) -> tuple[str, ...] | None:
    texts = value.split(",") if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts:
        return None
    brokers = tuple(text.strip() if isinstance(text, str) else "" for text in texts)
    return brokers if all(map(_is_broker, brokers)) else None


def _is_broker(text: str) -> bool:
    match = re.fullmatch(r"(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+):([0-9]{1,5})", text, re.ASCII)
    return match is not None and 1 <= int(match[1]) <= _MAX_PORT


def _address(value: object) -> str | None:
    return value if isinstance(value, str) and (_is_broker(value) or re.fullmatch(r"[^:]+:0", value)) else None


def _start(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    if value in {"latest", "earliest"} or re.fullmatch(r"-[0-9]{1,9}[smhd]", value, re.ASCII):
        return value
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return None
    return value


def _symbol(value: object) -> str | None:
    return value if isinstance(value, str) and is_symbol(value) else None


def _existing_file(value: object) -> Path | None:
    # Path.is_file raises where a name is too long
    return Path(value) if isinstance(value, str) and os.path.isfile(value) else None  # noqa: PTH113


Seconds = Annotated[float, Kind("a number of seconds above 0", _number(lambda number: number > 0))]
Milliseconds = Annotated[float, Kind("a number of milliseconds, 0 or more", _number(lambda number: number >= 0))]
Linger = Annotated[
    float | Literal["auto"],
    Kind(
        "auto, or a number of milliseconds, 0 or more",
        lambda value: value if value == "auto" else _number(lambda number: number >= 0)(value),
    ),
]
Hours = Annotated[float, Kind("a number of hours above 0", _number(lambda number: number > 0))]
Rate = Annotated[float, Kind("a number above 0", _number(lambda number: number > 0))]
Factor = Annotated[float, Kind("a number of 1 or more", _number(lambda number: number >= 1))]
Share = Annotated[float, Kind("a number from 0 to 1", _number(lambda number: 0 <= number <= 1))]
Bytes = Annotated[int, Kind("a whole number of bytes above 0", _whole(1))]
Count = Annotated[int, Kind("a whole number above 0", _whole(1))]
WarmStart = Annotated[int, Kind("a whole number, 0 or more", _whole(0))]
Depth = Annotated[int, Kind("a whole number from 1 to 20", _whole(1, 20))]
Digits = Annotated[int, Kind("a whole number from 0 to 20", _whole(0, 20))]
SnapshotLimit = Annotated[int, Kind("a whole number from 1 to 5000", _whole(1, 5000))]

Text = Annotated[str, Kind("text", _matching(r"(?s).+"), is_text=True)]
Word = Annotated[
    str, Kind("a lower-case word, such as binance_us", _matching(r"[a-z][a-z0-9]*(_[a-z0-9]+)*"), is_text=True)
]
TopicName = Annotated[
    str,
    Kind(
        "a topic name of letters, digits, '.', '_' and '-'", _matching(r"(?!\.\.?$)[A-Za-z0-9._-]{1,249}"), is_text=True
    ),
]
Symbol = Annotated[str, Kind("an instrument BASE-QUOTE, such as BTC-USDT", _symbol, is_text=True)]
WebSocketUrl = Annotated[
    str, Kind("a ws:// or wss:// address without user, query or fragment", _url("ws", "wss"), is_text=True)
]
HttpUrl = Annotated[
    str, Kind("an http:// or https:// address without user, query or fragment", _url("http", "https"), is_text=True)
]
Brokers = Annotated[
    tuple[str, ...], Kind("host:port, several separated by commas, ports from 1 to 65535", _brokers, is_text=True)
]
Address = Annotated[str, Kind("host:port of this machine, port 0 for any that is free", _address, is_text=True)]
HostName = Annotated[
    str, Kind("the name or address of a host, without a port", _matching(r"[A-Za-z0-9._:-]{1,253}"), is_text=True)
]
Origin = Annotated[
    str,
    Kind(
        "an origin such as https://desk.example.com",
        _matching(r"https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?"),
        is_text=True,
    ),
]
Start = Annotated[str, Kind("latest, earliest, an ISO time or a span such as -15m", _start, is_text=True)]
ExistingFile = Annotated[Path, Kind("the path of an existing file", _existing_file, is_text=True)]
