"""The short way for what nearly all frames of a venue are: one whole, unmasked message of text.

These are cut out of what was read without a copy through ``str``. Everything else goes to wsproto, byte for byte and in
its place: control frames, fragments, large frames (which it hands on in parts), and whatever breaks the protocol, text
that is not UTF-8 too, so that wsproto alone says what is refused, and why.
"""

import sys
from collections.abc import Iterator

__all__ = ["FrameCutter"]

_WHOLE_TEXT = 0x81
_MASKED = 0x80
_FINAL = 0x80
_CONTROL = 0x08
_RESERVED = 0x70
_OPCODES = frozenset({0x0, 0x1, 0x2, 0x8, 0x9, 0xA})
_SHORTEST_16 = 126
_SHORTEST_64 = 1 << 16
_LARGEST_WHOLE = 1 << 16
"""A larger frame goes to wsproto."""


class FrameCutter:
    """Cuts one connection's bytes; give it all that is read, in order."""

    def __init__(self, max_frame_bytes: int) -> None:
        """Frames above ``max_frame_bytes`` go to wsproto, whose parts are counted."""
        self._largest = min(max_frame_bytes, _LARGEST_WHOLE)
        self._kept = b""
        """The beginning of a frame."""
        self._left = 0
        """How many bytes of the frame that has begun still go to wsproto."""
        self._is_in_fragments = False
        """wsproto has a part of a message: what follows is for it to judge."""

    @property
    def kept_bytes(self) -> int:
        """How much is kept of a frame that is not whole yet, header included."""
        return len(self._kept)

    def cut(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        """Give what is in it, in order: messages (True), and bytes that are for wsproto (False)."""
        if self._kept:
            data, self._kept = self._kept + data, b""
        at, end = 0, len(data)
        while at < end:
            if self._left:
                begin, at = at, min(end, at + self._left)
                self._left -= at - begin
                yield data[begin:at], False
                continue
            header = _header(data, at, end)
            if header is None:
                if end - at >= 2 and _is_refused(data[at], data[at + 1]):
                    self._left = sys.maxsize
                    continue
                break
            head, size = header
            first, begin = data[at], at + head
            is_short = first == _WHOLE_TEXT and size <= self._largest and not self._is_in_fragments
            if is_short and _is_plain(data[at + 1], size):
                if begin + size > end:
                    break
                text = data[begin : begin + size]
                if text.isascii() or _is_utf8(text):
                    at = begin + size
                    yield text, True
                    continue
            if not first & _CONTROL:
                self._is_in_fragments = not first & _FINAL
            self._left = head + size
        self._kept = data[at:]


def _header(data: bytes, at: int, end: int) -> tuple[int, int] | None:
    """Give the bytes of a header and of what follows it; None while it is not whole."""
    if end - at < 2:
        return None
    second = data[at + 1]
    size, head = second & 0x7F, 2
    if size >= _SHORTEST_16:
        head = 4 if size == _SHORTEST_16 else 10
        if end - at < head:
            return None
        size = int.from_bytes(data[at + 2 : at + head])
    return head + 4 * (second >= _MASKED), size


def _is_refused(first: int, second: int) -> bool:
    """Tell by its first two bytes what no connection outlives: they are enough for wsproto, whatever follows."""
    is_long_or_part = second & 0x7F >= _SHORTEST_16 or not first & _FINAL
    return bool(first & _RESERVED) or first & 0x0F not in _OPCODES or (bool(first & _CONTROL) and is_long_or_part)


def _is_plain(second: int, size: int) -> bool:
    """Tell by its second byte whether a header is unmasked, and as short as it can be."""
    if second < _SHORTEST_16:
        return True
    return (second == _SHORTEST_16 and size >= _SHORTEST_16) or (second == _SHORTEST_16 + 1 and size >= _SHORTEST_64)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
