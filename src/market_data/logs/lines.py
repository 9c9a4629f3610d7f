"""One line of the log, and its two forms. Pure: no stream, no clock."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime

import attrs

from market_data.domain.printable import printable

__all__ = ["Line", "render_json", "render_pretty"]

_COLOURS: Mapping[str, str] = {
    "TRACE": "2",
    "DEBUG": "2",
    "SUCCESS": "32",
    "INFO": "32",
    "WARNING": "33",
    "ERROR": "31",
    "CRITICAL": "1;31",
}
_OWN_NAMES = frozenset({"time", "level", "logger", "message", "exception"})


@attrs.frozen
class Line:
    """One line before it is text.

    Attributes:
        time: When it was said, with a time zone.
        level: The level's name.
        severity: The level's number; 30 is a warning.
        logger: Which library said it; empty where it was this program.
        message: What was said, the same each time it is said.
        fields: What varies.
        exception: The traceback, where there is one.
        repeat_key: Stands for the message where lines are compared.
        subject_field: Which field names what it is about, such as `instrument`: lines that differ by it alone are the
            same, and summed together.

    """

    time: datetime
    level: str
    severity: int
    logger: str
    message: str
    fields: Mapping[str, object] = attrs.field(factory=dict)
    exception: str | None = None
    repeat_key: str | None = None
    subject_field: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two lines the same: fields do not count."""
        return self.level, self.logger, self.message if self.repeat_key is None else self.repeat_key

    @property
    def subject(self) -> str | None:
        """What it is about, where there are several of its kind."""
        return None if self.subject_field is None else str(self.fields[self.subject_field])


def render_json(line: Line) -> str:
    """Write one flat JSON object: `time` in UTC, `level`, `logger` (a library's), `message`, the fields, `exception`.

    A field with one of these names gets an underscore behind it. Numbers stay numbers; what JSON does not know is text.
    """
    flat: dict[str, object] = {
        "time": line.time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "level": line.level,
    }
    if line.logger:
        flat["logger"] = line.logger
    flat["message"] = line.message
    for name, value in line.fields.items():
        flat[f"{name}_" if name in _OWN_NAMES else name] = _plain(value)
    if line.exception is not None:
        flat["exception"] = line.exception
    return printable(json.dumps(flat, ensure_ascii=False))


def render_pretty(line: Line, *, has_colour: bool) -> str:
    """Write one line for a person: local time, level, message, fields; a traceback below.

    What could move the cursor or start a line of its own, coming from afar, is escaped.
    """
    level = f"{line.level:<8}"
    if has_colour:
        level = f"\x1b[{_COLOURS.get(line.level, '0')}m{level}\x1b[0m"
    fields = "".join(f" {name}={printable(str(value))}" for name, value in line.fields.items())
    if has_colour and fields:
        fields = f"\x1b[2m{fields}\x1b[0m"
    text = f"{line.time:%H:%M:%S}.{line.time.microsecond // 1000:03d} {level} {printable(line.message)}{fields}"
    if line.exception is None:
        return text
    return "\n".join([text, *map(printable, line.exception.rstrip("\n").split("\n"))])


def _plain(value: object) -> object:
    match value:
        case float():
            return value if math.isfinite(value) else str(value)
        case None | bool() | int():
            return value
        case list() | tuple():
            return [_plain(item) for item in value]
    return str(value)
