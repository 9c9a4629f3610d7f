"""What the tree of settings looks like, read off its classes: its paths, what stands at each, which one was meant."""

import difflib
import functools
from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin, get_type_hints

import attrs

from market_data.config.faults import Origin
from market_data.config.kinds import Kind, Secret
from market_data.config.settings import Settings

__all__ = [
    "VARIABLE_PREFIX",
    "Entry",
    "Names",
    "entry_at",
    "is_map_of",
    "meant",
    "value_at",
    "variable_of",
    "walk",
]

Names: TypeAlias = tuple[str, ...]

VARIABLE_PREFIX = "APP__"


@attrs.frozen
class Entry:
    """What may stand at a path.

    Attributes:
        form: A class of settings, a mapping of names to them, `Secret`, or the type of a plain value.
        is_text: Whether text is meant as it stands.
        is_nullable: Whether null may stand there.

    """

    form: Any
    is_text: bool = False
    is_nullable: bool = False

    @property
    def is_section(self) -> bool:
        """Whether settings stand below it."""
        return is_map_of(self.form) or attrs.has(self.form)


def entry_at(path: Names) -> Entry | None:
    """Tell what may stand at a path, None where nothing may."""
    entry: Entry | None = Entry(Settings)
    for name in path:
        entry = None if entry is None else _children(entry, (name,)).get(name)
    return entry


def walk(values: object, path: Names = (), entry: Entry | None = None) -> Iterator[tuple[Names, Entry]]:
    """Walk every path that may be set, sections too, in the order of the classes.

    Args:
        values: The tree, or the settings made of it; it names what may have any name, such as the exchanges.
        path: Where to start.
        entry: What stands there.

    """
    at = entry or Entry(Settings)
    if path:
        yield path, at
    names = tuple(values) if isinstance(values, Mapping) else ()
    for name, child in _children(at, names).items():
        yield from walk(value_at(values, (name,)), (*path, name), child)


def value_at(values: object, path: Names) -> object:
    """Look up what stands at a path of a tree, or of the settings made of it; None where nothing does."""
    for name in path:
        if isinstance(values, Mapping):
            values = values.get(name)
        else:
            values = getattr(values, name) if attrs.has(type(values)) else None
    return values


@functools.cache
def is_map_of(form: object) -> bool:
    """Tell whether a type is a map of names that anyone may choose."""
    return get_origin(form) is Mapping


def variable_of(path: Names) -> str:
    """Name the environment variable of a setting: `APP__KAFKA__BROKERS`."""
    return VARIABLE_PREFIX + "__".join(path).upper()


def meant(path: Names, values: object, origin: Origin) -> str:
    """Write the hint for a path that does not exist, spelt as its origin spells paths; empty where nothing is near."""
    match = _nearest(path, values)
    if match is None:
        return ""
    return f" (did you mean {variable_of(match) if origin.is_environment else '.'.join(match)}?)"


def _nearest(path: Names, values: object) -> Names | None:
    """Find the path that was probably meant by one that does not exist.

    Neighbours of a like name come first, then the same name in another section, then what reads alike as a whole; at
    last the section itself is taken for what was misspelt.
    """
    above = entry_at(path[:-1])
    if above is not None and not above.is_section:
        return path[:-1]
    known = [name for name, _ in walk(values) if name != path[: len(name)] and name[: len(path)] != path]
    neighbours = {name[-1]: name for name in known if name[:-1] == path[:-1]}
    for match in difflib.get_close_matches(path[-1], neighbours, n=1):
        return neighbours[match]
    namesakes = {".".join(name): name for name in known if name[-1] == path[-1]}
    for match in difflib.get_close_matches(".".join(path), namesakes, n=1, cutoff=0):
        return namesakes[match]
    everywhere = {".".join(name): name for name in known}
    for match in difflib.get_close_matches(".".join(path), everywhere, n=1, cutoff=0.8):
        return everywhere[match]
    return _nearest(path[:-1], values) if above is None else None


def _children(entry: Entry, names: Names) -> Mapping[str, Entry]:
    if is_map_of(entry.form):
        child = _entry(get_args(entry.form)[1])
        return dict.fromkeys(names, child)
    return _entries(entry.form)


@functools.cache
def _entries(form: Any) -> Mapping[str, Entry]:  # noqa: ANN401 - a type annotation has no type of its own
    """Read the annotations of a class of settings; a plain value has none. Once each: every step of a walk asks."""
    if not attrs.has(form):
        return {}
    return {name: _entry(hint) for name, hint in get_type_hints(form, include_extras=True).items()}


def _entry(hint: Any) -> Entry:  # noqa: ANN401 - a type annotation has no type of its own
    forms = get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)
    is_nullable = NoneType in forms
    form = next(form for form in forms if form is not NoneType)
    if get_origin(form) is Annotated:
        kinds = [mark for mark in form.__metadata__ if isinstance(mark, Kind)]
        return Entry(get_args(form)[0], any(kind.is_text for kind in kinds), is_nullable)
    is_text = form is Secret or (isinstance(form, type) and issubclass(form, StrEnum))
    return Entry(form, is_text, is_nullable)
