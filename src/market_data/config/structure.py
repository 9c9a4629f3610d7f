"""From a tree of plain values to `Settings`, by cattrs: every fault at once, each at its place.

What cattrs raises is a tree of exception groups with notes on the way to each; here it becomes a flat list of `Fault`.
"""

import functools
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Annotated, Any, Protocol, get_args, get_origin, runtime_checkable

import attrs
from cattrs import (
    AttributeValidationNote,
    BaseValidationError,
    Converter,
    ForbiddenExtraKeysError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn

from market_data.config.faults import Fault, SettingsError
from market_data.config.kinds import Kind, Secret, Unfit, did_you_mean
from market_data.config.layers import KeyPath, Layer, dotted
from market_data.config.schema import Names, entry_at, is_map_of, meant
from market_data.config.settings import Settings

__all__ = ["structured"]


def structured(layer: Layer) -> Settings:
    """Build the settings.

    Raises:
        SettingsError: With the layer's own faults and all that are found now.

    """
    faults = list(layer.faults)
    settings: Settings | None = None
    try:
        settings = _converter().structure(layer.values, Settings)
    except BaseValidationError as error:
        faults += _faults(error, layer)
    if settings is None or faults:
        raise SettingsError(faults)
    return settings


@runtime_checkable
class _Related(Protocol):
    def relations(self) -> Iterator[tuple[str, str]]: ...


class _Relation(Exception):
    """Two settings that do not go together; `path` is the one to blame, below the record that told it."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = tuple(path.split("."))


@functools.cache
def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True, detailed_validation=True)
    converter.register_structure_hook_factory(attrs.has, lambda form: _record_hook(form, converter))
    converter.register_structure_hook_factory(_has_kind, _kind_hook)
    converter.register_structure_hook_func(is_map_of, lambda value, form: _map(value, form, converter))
    converter.register_structure_hook_func(_is_tuple, lambda value, form: _list(value, form, converter))
    converter.register_structure_hook(StrEnum, _word)
    converter.register_structure_hook(bool, lambda value, _: _expected(bool, "true or false", value))
    converter.register_structure_hook(Secret, _secret)
    return converter


def _record_hook(form: type[Any], converter: Converter) -> Callable[[object, object], object]:
    build = make_dict_structure_fn(form, converter)
    has_relations = issubclass(form, _Related)

    def structure(value: object, _: object) -> object:
        record = build(_expected(dict, "a map of settings", value), form)
        problems = [_Relation(*told) for told in record.relations()] if has_relations else []
        if problems:
            message = "relations"
            raise BaseValidationError(message, problems, form)
        return record

    return structure


def _has_kind(form: Any) -> bool:  # noqa: ANN401 - annotations have no type
    return get_origin(form) is Annotated and any(isinstance(mark, Kind) for mark in form.__metadata__)


def _kind_hook(form: Any) -> Callable[[object, object], object]:  # noqa: ANN401 - annotations have no type
    kind = next(mark for mark in form.__metadata__ if isinstance(mark, Kind))

    def structure(value: object, _: object) -> object:
        made = kind.read(value)
        if made is None:
            raise Unfit(kind.expected, value)
        return made

    return structure


def _word(value: object, form: type[StrEnum]) -> StrEnum:
    one_of = f"one of {', '.join(form)}"
    if not isinstance(value, str):
        raise Unfit(one_of, value)
    try:
        return form(value)
    except ValueError as error:
        raise Unfit(one_of, value, did_you_mean(value, form)) from error


def _is_tuple(form: object) -> bool:
    return get_origin(form) is tuple


def _map(value: object, form: object, converter: Converter) -> object:
    key, item = get_args(form)
    return converter.structure(_expected(dict, "a map", value), dict[key, item])  # type: ignore[valid-type]


def _list(value: object, form: object, converter: Converter) -> object:
    item = get_args(form)[0]
    return tuple(converter.structure(_expected(list, "a list", value), list[item]))  # type: ignore[valid-type]


def _secret(value: object, _: object) -> Secret:
    return Secret(_expected(str, "text", value if isinstance(value, str) else Secret("")))


def _expected(form: type, words: str, value: object) -> Any:  # noqa: ANN401 - its type is what is checked here
    if not isinstance(value, form):
        raise Unfit(words, value)
    return value


def _faults(error: BaseValidationError, layer: Layer) -> Iterator[Fault]:
    missing: dict[KeyPath, list[str]] = {}
    for path, reason in _reasons(error, ()):
        match reason:
            case KeyError():
                missing.setdefault(path[:-1], []).append(str(path[-1]))
            case ForbiddenExtraKeysError():
                for name in sorted(reason.extra_fields):
                    yield _unknown((*path, name), layer)
            case _:
                yield Fault(layer.origin_of(path), dotted(path), str(reason))
    for path, names in missing.items():
        yield _lacking(path, names, layer)


def _reasons(error: BaseException, path: KeyPath) -> Iterator[tuple[KeyPath, BaseException]]:
    for note in getattr(error, "__notes__", ()):
        match note:
            case AttributeValidationNote():
                path = (*path, note.name)
            case IterableValidationNote():
                path = (*path, note.index)
    match error:
        case BaseValidationError():
            for inner in error.exceptions:
                yield from _reasons(inner, path)
        case _Relation():
            yield (*path, *error.path), error
        case _:
            yield path, error


def _unknown(path: KeyPath, layer: Layer) -> Fault:
    origin = layer.origin_of(path)
    return Fault(origin, dotted(path), f"unknown setting{meant(_names(path), layer.values, origin)}")


def _lacking(path: KeyPath, missing: list[str], layer: Layer) -> Fault:
    """Tell all that one section lacks; a misspelt exchange ends here, as a new one that lacks everything."""
    above = entry_at(_names(path[:-1])) if path else None
    hint = meant(_names(path), layer.values, layer.origin_of(path)) if above and is_map_of(above.form) else ""
    return Fault(layer.origin_of(path), dotted(path), f"missing {', '.join(missing)}{hint}")


def _names(path: KeyPath) -> Names:
    return tuple(str(part) for part in path)
