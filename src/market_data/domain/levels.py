"""Levels as JSON text: as venues send them and as records hold them, without an object for each.

Raw levels are the bytes of a JSON array of pairs of plain decimal texts, ``[["61737.63","0.5"],["61730.17","0"]]``. A
ladder is the best levels of one side, as such an array or as tuples, and becomes the other only when somebody looks.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from json import dumps
from typing import Final, TypeAlias, overload

__all__ = [
    "EMPTY",
    "MOST_WHOLE_DIGITS",
    "NONE",
    "InvalidLevel",
    "Ladder",
    "Level",
    "Levels",
    "is_same_ladder",
    "join_levels",
    "pieces_of",
    "scan",
    "size_of",
]

Level: TypeAlias = tuple[str, str]
"""Price and size, as the venue wrote them: decimal text, never a float."""

MOST_WHOLE_DIGITS: Final = 19
"""Before the point of a number."""
NONE: Final = b"[]"
"""Raw levels without any."""

_LONGEST = 40
"""Characters of a number."""
_MOST_DIGITS = 38
"""Behind its point."""
_SHOWN = 40
_BYTES_OF_A_LEVEL = 40
_PIECE_BYTES = 32_768
_BETWEEN = b'"],["'
_SPACE = re.compile(rb"[ \t\r\n]*")
_PAIR = re.compile(rb'\[[ \t\r\n]*"([^"\\]*)"[ \t\r\n]*,[ \t\r\n]*"([^"\\]*)"[ \t\r\n]*\]')
_WORDS = {
    "shape": "expected a list of [price, size], received {!r}",
    "plain": "expected plain decimal prices and sizes, received {!r}",
    "long": f"expected numbers of at most {_LONGEST} characters, received a longer one, {{!r}}",
    "large": f"expected at most {MOST_WHOLE_DIGITS} digits before the point, {_MOST_DIGITS} behind it, received {{!r}}",
}


class InvalidLevel(ValueError):
    """Levels that are no list of pairs of plain decimal numbers."""

    def __init__(self, kind: str, received: bytes | str) -> None:
        """``kind`` is shape, plain, long or large; ``received`` what was found there, cut short."""
        text = received if isinstance(received, str) else received[:_SHOWN].decode("utf-8", "replace")
        super().__init__(_WORDS[kind].format(text))


class Ladder(Sequence[Level]):
    """The best levels of one side, best first. Equal to another, or to a tuple of levels, of the same texts."""

    __slots__ = ("_levels", "written")

    def __init__(self, json: bytes | None, levels: tuple[Level, ...] | None = None) -> None:
        """Either is enough; JSON is raw levels, without white space or escapes."""
        self.written = json
        """The JSON array, where there is one already."""
        self._levels = levels

    @classmethod
    def of(cls, levels: Iterable[Level]) -> "Ladder":
        """Make one of levels; a ladder is taken as it is."""
        return levels if isinstance(levels, Ladder) else cls(None, tuple(levels))

    @property
    def json(self) -> bytes:
        """The JSON array."""
        if self.written is None:
            self.written = dumps(self._levels, ensure_ascii=False, separators=(",", ":")).encode()
        return self.written

    @property
    def levels(self) -> tuple[Level, ...]:
        """Each level's price and size."""
        if self._levels is None:
            texts = (self.written or NONE).decode().split('"')
            self._levels = tuple(zip(texts[1::4], texts[3::4], strict=True))
        return self._levels

    @overload
    def __getitem__(self, index: int) -> Level: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Level, ...]: ...
    def __getitem__(self, index: int | slice) -> Level | tuple[Level, ...]:
        if index == 0 and self._levels is None and self.written and self.written != NONE:
            _, price, _, size, _ = self.written.split(b'"', 4)  # the best one, without a look at the others
            return price.decode(), size.decode()
        return self.levels[index]

    def __len__(self) -> int:
        return len(self.levels)

    def __bool__(self) -> bool:
        return self.written != NONE if self.written is not None else bool(self._levels)

    def __iter__(self) -> Iterator[Level]:
        return iter(self.levels)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Ladder):
            if self.written is not None and other.written is not None:
                return self.written == other.written
            return self.levels == other.levels
        return self.levels == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.levels)

    def __repr__(self) -> str:
        return repr(self.levels)


Levels: TypeAlias = Sequence[Level]
"""Best first: a ladder, or anything else of levels."""

EMPTY: Final = Ladder(NONE, ())
"""What is not live has no levels."""


def size_of(levels: Levels) -> int:
    """Tell how many bytes of JSON they are, about."""
    written = levels.written if isinstance(levels, Ladder) else None
    return len(written) if written is not None else _BYTES_OF_A_LEVEL * len(levels)


def join_levels(raws: Iterable[bytes]) -> bytes:
    """Make one of several raw levels without white space around them."""
    return b"[%b]" % b",".join([raw[1:-1] for raw in raws if raw != NONE])


def pieces_of(raw: bytes) -> Iterator[bytes]:
    """Cut raw levels of any number into such as are read in less than a millisecond.

    If each of these can be read, all could be, and these are the same levels in the same order.
    """
    begin, at = 0, raw.find(_BETWEEN, _PIECE_BYTES)
    while at >= 0:
        yield b"%b%b]" % (b"[" if begin else b"", raw[begin : at + 2])
        begin = at + 3
        at = raw.find(_BETWEEN, begin + _PIECE_BYTES)
    yield b"[" + raw[begin:] if begin else raw


def scan(raw: bytes) -> Sequence[Level]:
    """Read raw levels, one after the other, white space allowed.

    Raises:
        InvalidLevel: they are no list of pairs, or a text is no plain decimal number: the first that is wrong.
    """
    texts: list[str] = []
    at = _space(raw, 0)
    if raw[at : at + 1] != b"[":
        raise InvalidLevel("shape", raw[at:])
    at = _space(raw, at + 1)
    if raw[at : at + 1] == b"]":
        at += 1
    else:
        while (pair := _PAIR.match(raw, at)) is not None:
            texts += map(_checked, pair.groups())
            at = _space(raw, pair.end())
            if raw[at : at + 1] != b",":
                break
            at = _space(raw, at + 1)
        if pair is None or raw[at : at + 1] != b"]":
            raise InvalidLevel("shape", raw[at:])
        at += 1
    rest = _space(raw, at)
    if rest < len(raw):
        raise InvalidLevel("shape", raw[rest:])
    return list(zip(texts[::2], texts[1::2], strict=True))


def _space(raw: bytes, at: int) -> int:
    found = _SPACE.match(raw, at)
    return found.end() if found is not None else at


def _checked(text: bytes) -> str:
    if len(text) > _LONGEST:
        raise InvalidLevel("long", text)
    whole, point, part = text.partition(b".")
    if not whole.isdigit() or (point and not part.isdigit()):
        raise InvalidLevel("plain", text)
    if len(whole.lstrip(b"0")) > MOST_WHOLE_DIGITS or len(part.rstrip(b"0")) > _MOST_DIGITS:
        raise InvalidLevel("large", text)
    return text.decode()


def is_same_ladder(left: Ladder, right: Ladder) -> bool:
    """Compare two ladders as numbers: ``1.50`` is ``1.5``."""
    mine, yours = left.levels, right.levels
    if mine == yours:
        return True
    if len(mine) != len(yours):
        return False
    for one, other in zip(mine, yours, strict=True):  # noqa: SIM110 - looked at for every event
        if one != other and not _is_same_level(one, other):
            return False
    return True


def _is_same_level(mine: Level, yours: Level) -> bool:
    if float(mine[0]) != float(yours[0]) or float(mine[1]) != float(yours[1]):  # quick, and sure where it says no
        return False
    return Decimal(mine[0]) == Decimal(yours[0]) and Decimal(mine[1]) == Decimal(yours[1])
