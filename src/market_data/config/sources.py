"""Settings from outside of files: the environment, `.env` and `--set`.

Text is the value as it stands where the setting is text, and YAML elsewhere. `APP__…`, `KAFKA_BROKERS` and `LOG_LEVEL`
are settings; nothing else in the environment is one.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import attrs
from dotenv.parser import parse_stream

from market_data.config.faults import Fault, Origin
from market_data.config.kinds import Secret
from market_data.config.layers import KeyPath, Layer, dotted, overlay, parse_value
from market_data.config.schema import VARIABLE_PREFIX, Entry, Names, entry_at, meant, value_at, variable_of, walk

__all__ = ["Variable", "from_options", "from_variables", "read_variables", "without_secrets"]

_SHORT: Mapping[str, Names] = {"KAFKA_BROKERS": ("kafka", "brokers"), "LOG_LEVEL": ("log", "level")}
_NULLS = ("", "~", "null")


@attrs.frozen
class Variable:
    """The text of an environment variable and where it was set."""

    text: str
    origin: Origin


def read_variables(environ: Mapping[str, str], dotenv_file: Path) -> tuple[dict[str, Variable], Layer]:
    """Collect the variables of `.env`, where there is one, and of the environment, which wins.

    Gives them, and a layer that holds only what is wrong with `.env`: it cannot be read, or has lines that are no
    `NAME=text`.
    """
    variables, faults = _read_dotenv(dotenv_file)
    for name, text in environ.items():
        variables[name] = Variable(text, Origin(f"environment {name}", is_environment=True))
    return variables, Layer(faults=tuple(faults))


def from_variables(variables: Mapping[str, Variable], known: object) -> Layer:
    """Read all settings among variables.

    `APP__KAFKA__BROKERS` is more exact than `KAFKA_BROKERS` and wins. An empty short variable counts as not set.

    Args:
        variables: By name.
        known: The tree so far, for the names of exchanges.

    """
    layer = Layer()
    for name, path in _SHORT.items():
        if name in variables and variables[name].text:
            layer = overlay(layer, _one(path, variables[name].text, variables[name].origin, known))
    for name, variable in sorted(variables.items()):
        if name.startswith(VARIABLE_PREFIX):
            path = tuple(name.removeprefix(VARIABLE_PREFIX).lower().split("__"))
            layer = overlay(layer, _one(path, variable.text, variable.origin, known))
        elif name.startswith("APP_") and (right := _rightly_spelt(name, known)) is not None:
            layer = overlay(layer, _refused(variable.origin, "", f"unknown setting (did you mean {right}?)"))
    return layer


def from_options(options: Sequence[str], known: object) -> Layer:
    """Read `path.to.key=value` options; later ones win."""
    layer = Layer()
    for option in options:
        name, sign, text = option.partition("=")
        path = tuple(name.strip().split("."))
        if sign and all(path):
            layer = overlay(layer, _one(path, text, Origin("--set"), known))
        else:
            message = "expected path.to.key=value, such as log.level=DEBUG"
            layer = overlay(layer, _refused(Origin("--set"), "", message))
    return without_secrets(layer)


def without_secrets(layer: Layer) -> Layer:
    """Refuse the secrets of a layer that is not the environment, and take them out of it."""
    values, faults = layer.values, list(layer.faults)
    for path, origin in layer.origins.items():
        names = tuple(map(str, path))
        entry = entry_at(names)
        if entry is not None and entry.form is Secret and value_at(layer.values, names) is not None:
            values = _emptied(values, names)
            message = f"a secret does not belong here: set {variable_of(names)} in the environment or .env"
            faults.append(Fault(origin, dotted(path), message))
    return Layer(values, layer.origins, tuple(faults))


def _read_dotenv(path: Path) -> tuple[dict[str, Variable], list[Fault]]:
    variables: dict[str, Variable] = {}
    faults: list[Fault] = []
    if not path.is_file():
        return variables, faults
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "expected UTF-8 text"
        return variables, [Fault(Origin(path.name), "", f"cannot be read ({reason})")]
    for binding in parse_stream(io.StringIO(text)):
        text = binding.original.string
        blank_lines = text[: len(text) - len(text.lstrip())].count("\n")
        origin = Origin(path.name, binding.original.line + blank_lines, is_environment=True)
        if binding.error:
            faults.append(Fault(origin, "", "expected NAME=text"))
        elif binding.key is not None:
            variables[binding.key] = Variable(binding.value or "", origin)
    return variables, faults


def _one(path: Names, text: str, origin: Origin, known: object) -> Layer:
    entry = entry_at(path)
    if entry is None:
        return _refused(origin, ".".join(path), f"unknown setting{meant(path, known, origin)}")
    try:
        value = _value(text, entry)
    except ValueError as error:
        return _refused(origin, dotted(path), f"unreadable YAML: {error}")
    for name in reversed(path[1:]):
        value = {name: value}
    return Layer({path[0]: value}, dict.fromkeys(_paths_in({path[0]: value}), origin))


def _value(text: str, entry: Entry) -> object:
    if not entry.is_text:
        return parse_value(text)
    return None if entry.is_nullable and text in _NULLS else text


def _paths_in(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    yield path
    items: Iterable[tuple[str | int, object]] = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for name, item in items:
        yield from _paths_in(item, (*path, name))


def _refused(origin: Origin, path: str, message: str) -> Layer:
    return Layer(faults=(Fault(origin, path, message),))


def _rightly_spelt(variable: str, known: object) -> str | None:
    """Find the variable of a setting that one differs from in its underscores alone."""
    rightly = (variable_of(path) for path, entry in walk(known) if not entry.is_section)
    return next((name for name in rightly if _loosely(name) == _loosely(variable)), None)


def _loosely(variable: str) -> str:
    return variable.replace("__", "_")


def _emptied(values: object, path: Names) -> dict[str, object]:
    """Copy a tree with None at a path that it holds."""
    copy = dict(values) if isinstance(values, Mapping) else {}
    copy[path[0]] = _emptied(copy[path[0]], path[1:]) if path[1:] else None
    return copy
