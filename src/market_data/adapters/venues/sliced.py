"""A large frame cut into slices, so that it can be decoded in steps: one long array of flat objects in a short rest.

    {"channel":"l2_data",…,"events":[{…,"updates":[{…},{…},{…},{…}]}]}     the frame
    {"channel":"l2_data",…,"events":[{…,"updates":[]}]}                    its skeleton
    [{…},{…}]  [{…},{…}]                                                   its slices

It is cut as text, without knowing where strings are, so nothing is sure until all is decoded. But if the skeleton and
every slice are valid JSON, no slice is empty, and the array whose place was emptied is the one that is meant, then the
frame is valid, and that array holds the elements of the slices in their order: a cut inside a string, or at another
depth, leaves a slice that is not valid. So where anything does not decode, the frame is to be read as a whole.
"""

import re
from collections.abc import Iterator

import attrs

__all__ = ["SlicedFrame", "slice_frame"]

_SLICE_BYTES = 49_152
_MOST_HEAD_BYTES = 65_536
"""Where the array is to begin at the latest."""
_BETWEEN = re.compile(rb"\}[ \t\r\n]*,[ \t\r\n]*\{")


@attrs.frozen
class SlicedFrame:
    """A frame and where it is cut."""

    skeleton: bytes
    """The frame without the elements of the array."""
    _frame: bytes
    _begin: int
    _end: int

    @property
    def slices(self) -> Iterator[bytes]:
        """JSON arrays that hold the elements of the array, one after the other."""
        at = self._begin
        while at < self._end:
            found = _BETWEEN.search(self._frame, at + _SLICE_BYTES, self._end)
            if found is None:
                yield b"[%b]" % self._frame[at : self._end]
                return
            yield b"[%b]" % self._frame[at : found.start() + 1]
            at = found.end() - 1


def slice_frame(frame: bytes, key: str) -> SlicedFrame | None:
    """Cut the frame whose array under ``key`` is the last but one of all arrays to end; None where it cannot be done.

    The skeleton holds the key once, and no backslash with which it could be written in another way.
    """
    found = re.search(rb'"%b"[ \t\r\n]*:[ \t\r\n]*\[' % key.encode(), frame[:_MOST_HEAD_BYTES])
    end = frame.rfind(b"]", 0, max(0, frame.rfind(b"]")))
    if found is None or end < found.end():
        return None
    skeleton = frame[: found.end()] + frame[end:]
    if skeleton.count(key.encode()) != 1 or b"\\" in skeleton:
        return None
    return SlicedFrame(skeleton, frame, found.end(), end)
