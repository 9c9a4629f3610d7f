"""One input of a seed: JSON rearranged where it is JSON, bytes damaged wherever they are."""

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

__all__ = ["Mutator"]

_LONG_DIGITS = "9" * 5000
_RAW: Sequence[str] = (
    *("null", "true", "false", "0", "-0", "-1", "1", "0.5", "1e5", "1e400", "-1e400", "1e-400", "NaN", "Infinity"),
    *(str(2**power + more) for power in (31, 32, 53, 63, 64, 128) for more in (-1, 0, 1)),
    *("253402300799999", "253402300800000", "253402300800000000", "-62135596800000", _LONG_DIGITS, "-" + _LONG_DIGITS),
    *("[]", "{}", "[[]]", '""', '"0"', '"-1"', '"1e5"', '"nan"', '"1_0"', '".5"', '"5."', '"0.0"', '"\\u0661"', '"²"'),
    *('"\\u0000"', '"\\ud800"', '"\\u202e"', '"\\u2028"', '"\\u001b]0;x\\u0007"', '"\\u009b2J"', '"\\u007f"', '"é"'),
    *('"0001-01-01T00:00:00Z"', '"9999-12-31T23:59:59.999999-14:00"', '"0001-01-01T00:00:00+14:00"', '"24:00"'),
    *('"2026-08-24T22:34:60Z"', '"2026-W35-1"', '"20260824T223413Z"', '"1970-01-01T00:00:00.000000001Z"', '""'),
    *(
        '"' + "9" * 40 + '"',
        '"0.' + "0" * 38 + '1"',
        '"' + "A" * 200 + '"',
        '"币安人生USDT"',
        '"bid"',
        '"ask"',
        '"offer"',
    ),
    *('"' + _LONG_DIGITS + '"', "[" * 200 + "]" * 200, "[" * 3000, '{"a":' * 200 + "1" + "}" * 200, '[["1","1"]]'),
)
"""Values as JSON text: what a number, a name, a time or a list is not expected to be."""
_TOKENS: Sequence[bytes] = (
    *(
        b"\x00",
        b"\xff",
        b"\xfe\xff",
        b"\xef\xbb\xbf",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\x1b]0;x\x07",
    ),
    *(
        b"\r\n",
        b"\n",
        b"\r\n\r\n",
        b"\t",
        b" ",
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"=",
        b";",
        b"%",
        b"-",
    ),
    *(
        b"\xe2\x80\xae",
        b"\xe2\x80\xa8",
        b"\xc2\x9b",
        b"\xc2\x85",
        b"\xc2\xb2",
        b"\xd9\xa1",
        b"9" * 30,
        b"9" * 5000,
        b"0",
    ),
    *(b"-1", b"+1", b"1e999", b"0x10", b"1_0", b"nan", b"inf", b"null", b"true", b"99999999999", b"1970", b"9999"),
)
_MARK = "@@{}@@"
_LARGEST_TREE = 20_000
"""Bytes; larger seeds are damaged as bytes only."""


class Mutator:
    """Makes inputs of seeds; the same random numbers give the same inputs."""

    def __init__(self, seeds: Sequence[bytes], tokens: Sequence[bytes] = ()) -> None:
        """``tokens`` are words of the format beyond those of any format."""
        self.seeds = tuple(seeds)
        self._tokens = (*_TOKENS, *tokens)
        self._is_json = [len(seed) <= _LARGEST_TREE and _is_tree(seed) for seed in self.seeds]

    def make(self, random: Random) -> bytes:
        """Make one input."""
        at = random.randrange(len(self.seeds))
        content = self.seeds[at]
        if self._is_json[at] and random.random() < 0.6:
            content = _rearranged(content, random)
            if random.random() < 0.8:
                return content
        for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
            content = random.choice(_DAMAGES)(self, content, random)
        return content

    def token(self, random: Random) -> bytes:
        """Choose a word that means something to somebody."""
        return random.choice(self._tokens)

    def other(self, random: Random) -> bytes:
        """Choose another seed."""
        return random.choice(self.seeds)


def _is_tree(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content), (dict, list))
    except ValueError:
        return False


# JSON


def _rearranged(content: bytes, random: Random) -> bytes:
    tree = [json.loads(content)]
    raw: list[str] = []
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        places = list(_places(tree))
        if not places:
            break
        holder, key = random.choice(places)
        random.choice(_CHANGES)(holder, key, raw, random)
    text = json.dumps(tree[0] if tree else None, separators=(",", ":"), ensure_ascii=random.random() < 0.5)
    for number, value in enumerate(raw):
        text = text.replace(f'"{_MARK.format(number)}"', value)
    return text.encode("utf-8", "surrogatepass")


def _places(holder: Any) -> Any:
    """Give every place of a tree, as what holds it and where."""
    stack = [holder]
    while stack:
        each = stack.pop()
        for key in each if isinstance(each, dict) else range(len(each)):
            yield each, key
            if isinstance(each[key], (dict, list)):
                stack.append(each[key])


def _replace(holder: Any, key: Any, raw: list[str], random: Random) -> None:
    holder[key] = _MARK.format(len(raw))
    raw.append(random.choice(_RAW))


def _delete(holder: Any, key: Any, raw: list[str], random: Random) -> None:  # noqa: ARG001
    if key in holder if isinstance(holder, dict) else len(holder) > key:
        del holder[key]


def _rename(holder: Any, key: Any, raw: list[str], random: Random) -> None:
    if isinstance(holder, dict):
        holder[random.choice(("", "x", key + "x", key.swapcase(), "\u202e", "data", "id", "type"))] = holder.pop(key)
    else:
        _replace(holder, key, raw, random)


def _repeat(holder: Any, key: Any, raw: list[str], random: Random) -> None:  # noqa: ARG001
    if isinstance(holder, list):
        holder[key:key] = [holder[key]] * random.choice((1, 2, 30))
    else:
        holder[key + "2"] = holder[key]


def _wrap(holder: Any, key: Any, raw: list[str], random: Random) -> None:  # noqa: ARG001
    holder[key] = random.choice(([holder[key]], {"a": holder[key]}, str(holder[key])[:500], [holder[key]] * 2))


def _swap(holder: Any, key: Any, raw: list[str], random: Random) -> None:  # noqa: ARG001
    other = random.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    holder[key], holder[other] = holder[other], holder[key]


def _nudge(holder: Any, key: Any, raw: list[str], random: Random) -> None:
    value = holder[key]
    if isinstance(value, bool) or value is None:
        holder[key] = not value
    elif isinstance(value, int):
        holder[key] = random.choice((value + 1, value - 1, -value, value * 1000, value // 1000))
    elif isinstance(value, str) and value and not value.startswith("@@"):
        at = random.randrange(len(value))
        holder[key] = value[:at] + random.choice(("", "\x00", "0", "é", "\u202e", "-", ".", "\ud800")) + value[at + 1 :]
    else:
        _replace(holder, key, raw, random)


_CHANGES: Sequence[Callable[[Any, Any, list[str], Random], None]] = (
    *(_replace, _replace, _replace, _delete, _rename, _repeat, _wrap, _swap, _nudge, _nudge),
)


# bytes


def _span(content: bytes, random: Random) -> tuple[int, int]:
    start = random.randrange(len(content) + 1)
    return start, min(len(content), start + random.choice((1, 1, 2, 4, 16, 100)))


def _flip(mutator: Mutator, content: bytes, random: Random) -> bytes:  # noqa: ARG001
    if not content:
        return b"\x00"
    at = random.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << random.randrange(8)]) + content[at + 1 :]


def _set(mutator: Mutator, content: bytes, random: Random) -> bytes:  # noqa: ARG001
    start, end = _span(content, random)
    return content[:start] + random.randbytes(end - start) + content[end:]


def _cut(mutator: Mutator, content: bytes, random: Random) -> bytes:  # noqa: ARG001
    start, end = _span(content, random)
    return content[:start] + content[end:]


def _end(mutator: Mutator, content: bytes, random: Random) -> bytes:  # noqa: ARG001
    return content[: random.randrange(len(content) + 1)]


def _double(mutator: Mutator, content: bytes, random: Random) -> bytes:  # noqa: ARG001
    start, end = _span(content, random)
    return content[:end] + content[start:end] * random.choice((1, 2, 20)) + content[end:]


def _insert(mutator: Mutator, content: bytes, random: Random) -> bytes:
    at = random.randrange(len(content) + 1)
    return content[:at] + mutator.token(random) + content[at:]


def _overwrite(mutator: Mutator, content: bytes, random: Random) -> bytes:
    start, end = _span(content, random)
    return content[:start] + mutator.token(random) + content[end:]


def _splice(mutator: Mutator, content: bytes, random: Random) -> bytes:
    other = mutator.other(random)
    return content[: random.randrange(len(content) + 1)] + other[random.randrange(len(other) + 1) :]


def _digits(mutator: Mutator, content: bytes, random: Random) -> bytes:
    """Put another number where one stands."""
    places = [at for at, each in enumerate(content[:4000]) if 48 <= each <= 57]
    if not places:
        return _insert(mutator, content, random)
    start = end = random.choice(places)
    while end < len(content) and 48 <= content[end] <= 57:
        end += 1
    number = random.choice((b"", b"0", b"1", b"9" * 10, b"9" * 20, b"9" * 400, b"9" * 5000, b"00", b"2147483648"))
    return content[:start] + number + content[end:]


_DAMAGES: Sequence[Callable[[Mutator, bytes, Random], bytes]] = (
    *(_flip, _set, _cut, _end, _double, _insert, _insert, _overwrite, _overwrite, _splice, _digits),
)
