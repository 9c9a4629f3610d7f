"""One source of settings as a layer: a tree of plain values, and where each was written. Layers lie on each other.

YAML is read by the core rules of YAML 1.2, which have fewer surprises than those of PyYAML: only `true` and `false` are
booleans (`off` is text), `010` is text and not eight, `1e3` is a number, a date is text. Anchors, aliases and tags are
refused.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import attrs
import yaml

from market_data.config.faults import Fault, Origin, SettingsError

__all__ = ["KeyPath", "Layer", "dotted", "overlay", "parse_value", "read_file"]

KeyPath: TypeAlias = tuple[str | int, ...]

_MAX_DEPTH = 20
_MAX_DIGITS = 100
_PLAIN_TAGS = {
    yaml.ScalarNode: "tag:yaml.org,2002:str",
    yaml.SequenceNode: "tag:yaml.org,2002:seq",
    yaml.MappingNode: "tag:yaml.org,2002:map",
}
_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*(_[0-9]+)*)", re.ASCII)
_FRACTION = re.compile(r"[-+]?((0|[1-9][0-9]*(_[0-9]+)*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?", re.ASCII)


@attrs.frozen
class Layer:
    """Values of one source, or of several merged.

    Attributes:
        values: A tree of maps, lists and scalars.
        origins: For the path of each value in the tree, where it was written.
        faults: What was found wrong while it was read; the rest of the layer is good.

    """

    values: Mapping[str, object] = attrs.field(factory=dict)
    origins: Mapping[KeyPath, Origin] = attrs.field(factory=dict)
    faults: tuple[Fault, ...] = ()

    def origin_of(self, path: KeyPath) -> Origin:
        """Give the place of a value, or of the nearest map around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]]
        return Origin("settings")


def dotted(path: KeyPath) -> str:
    """Write a path as a person does: `venues.binance.instruments[0]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def overlay(under: Layer, over: Layer) -> Layer:
    """Lay one layer on another: maps merge, all else, lists included, is replaced."""
    return Layer(
        values=_merged(under.values, over.values),
        origins={**under.origins, **over.origins},
        faults=under.faults + over.faults,
    )


def read_file(path: Path, name: str) -> Layer:
    """Read a YAML file, called `name` in faults.

    Raises:
        SettingsError: It cannot be read, is no YAML, or is not a map of settings. What is wrong inside of a readable
            map stands in the layer's `faults`.

    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise _unreadable(Origin(name), f"cannot be read ({error.strerror})") from error
    try:
        node = _compose(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise _unreadable(Origin(name, line), "unreadable YAML: expected UTF-8 text") from error
    except _YamlError as error:
        raise _unreadable(Origin(name, error.line), f"unreadable YAML: {error}") from error
    if node is None or (isinstance(node, yaml.ScalarNode) and _scalar(node) is None):
        return Layer()
    if not isinstance(node, yaml.MappingNode):
        raise _unreadable(Origin(name, node.start_mark.line + 1), "expected a map of settings")
    reading = _Reading(name)
    values = reading.map_of(node, ())
    return Layer(values, reading.origins, tuple(reading.faults))


def parse_value(text: str) -> object:
    """Read one value written as YAML outside of a file.

    Raises:
        ValueError: It is not YAML; the message says why, without the text.

    """
    node = _compose(text)
    if node is None:
        return None
    reading = _Reading("")
    value = reading.value_of(node, ())
    if reading.faults:
        raise ValueError(reading.faults[0].message)
    return value


class _YamlError(ValueError):
    """Text that is no YAML, or YAML beyond what settings need."""

    def __init__(self, problem: str, line: int | None) -> None:
        super().__init__(problem)
        self.line = line


class _Loader(yaml.BaseLoader):
    """A loader that takes no aliases and no endless depth, so that a small file cannot become a huge tree."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            problem = "anchors and aliases are not supported"
            raise _YamlError(problem, line)
        if self._depth == _MAX_DEPTH:
            problem = f"nested more than {_MAX_DEPTH} deep"
            raise _YamlError(problem, line)
        self._depth += 1
        node = super().compose_node(parent, index)  # type: ignore[arg-type]
        self._depth -= 1
        return node


def _compose(text: str) -> yaml.Node | None:
    try:
        return _Loader(text).get_single_node()
    except yaml.reader.ReaderError as error:
        problem = "a character that YAML does not allow"
        raise _YamlError(problem, text.count("\n", 0, error.position) + 1) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise _YamlError(str(error.problem or error.context), line) from error
    except _YamlError:
        raise
    except (ValueError, OverflowError) as error:  # PyYAML lets them through for escapes such as "\UFFFFFFFF"
        problem = "an escape that stands for no character"
        raise _YamlError(problem, None) from error


@attrs.define
class _Reading:
    """Turns nodes into values and notes where each stood."""

    name: str
    origins: dict[KeyPath, Origin] = attrs.field(factory=dict)
    faults: list[Fault] = attrs.field(factory=list)

    def value_of(self, node: yaml.Node, path: KeyPath) -> object:
        if node.tag != _PLAIN_TAGS[type(node)]:
            self._fault(node, path, "tags are not supported")
            return None
        match node:
            case yaml.MappingNode():
                return self.map_of(node, path)
            case yaml.SequenceNode():
                return [self._noted(item, (*path, index), item) for index, item in enumerate(node.value)]
            case _:
                return _scalar(node)

    def map_of(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, object]:
        values: dict[str, object] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._fault(key, path, "expected the name of a setting before ':'")
            elif key.value in values:
                first = self.origins[*path, key.value].line
                self._fault(key, (*path, key.value), f"written twice, first in line {first}")
            else:
                values[key.value] = self._noted(value, (*path, key.value), key)
        return values

    def _noted(self, node: yaml.Node, path: KeyPath, place: yaml.Node) -> object:
        self.origins[path] = Origin(self.name, place.start_mark.line + 1)
        return self.value_of(node, path)

    def _fault(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        self.faults.append(Fault(Origin(self.name, node.start_mark.line + 1), dotted(path), message))


def _scalar(node: yaml.Node) -> object:
    text: str = node.value
    if getattr(node, "style", None) is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= _MAX_DIGITS and _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _FRACTION.fullmatch(text) else text


def _merged(under: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    merged = dict(under)
    for name, value in over.items():
        below = merged.get(name)
        merged[name] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _unreadable(origin: Origin, message: str) -> SettingsError:
    return SettingsError([Fault(origin, "", message)])
