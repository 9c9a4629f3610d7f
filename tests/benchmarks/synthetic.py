"""A market made for measuring: books of any depth, and changes of which the same share touches the top of any.

Prices lie on a grid that never crosses. Of each change's levels, a quarter lie among the best 20 places of a side and
the rest anywhere in its depth; one in four removes. The changes are a fixed pool that is gone through again and again,
so that books stay as full as they are.
"""

import json
from random import Random

import attrs

__all__ = ["Market"]

_POOL = 400
_NEAR = 20
_TICKS = 6_000_000
"""The middle, in hundredths."""


@attrs.frozen
class Market:
    """The changes of one book, and how it begins."""

    snapshot_levels: bytes
    """``"bids":[…],"asks":[…]``."""
    pool: tuple[bytes, ...]
    """``"b":[…],"a":[…]`` of each change."""

    @classmethod
    def make(cls, depth: int, changes: int, seed: int = 1) -> "Market":
        """``depth`` levels a side at the start; ``changes`` levels an event."""
        random = Random(seed)
        sides = [[_level(random, sign, place) for place in range(depth)] for sign in (-1, 1)]
        pool = []
        for _ in range(_POOL):
            places = [random.randrange(min(depth, _NEAR) if n % 4 == 0 else depth) for n in range(changes)]
            picked = [{place: random.random() for place in places[half::2]} for half in (0, 1)]
            bids, asks = (
                [_level(random, sign, place, is_gone=lot < 0.25) for place, lot in sorted(side.items())]
                for sign, side in zip((-1, 1), picked, strict=True)
            )
            pool.append(b'"b":%b,"a":%b' % (_json(bids), _json(asks)))
        return cls(b'"bids":%b,"asks":%b' % (_json(sides[0]), _json(sides[1])), tuple(pool))

    def snapshot(self, last_id: int) -> bytes:
        """Answer ``/depth``."""
        return b'{"lastUpdateId":%d,%b}' % (last_id, self.snapshot_levels)

    def frame(self, native: str, first_id: int, last_id: int, number: int, milliseconds: int) -> bytes:
        """Write the n-th change in the combined stream that carries so many ids."""
        name, lower = native.encode(), native.lower().encode()
        return b'{"stream":"%b@depth@100ms","data":{"e":"depthUpdate","E":%d,"s":"%b","U":%d,"u":%d,%b}}' % (
            lower,
            milliseconds,
            name,
            first_id,
            last_id,
            self.pool[number % len(self.pool)],
        )


def _level(random: Random, sign: int, place: int, *, is_gone: bool = False) -> list[str]:
    ticks = _TICKS + sign * (place + 1)
    size = "0.00000000" if is_gone else f"{random.uniform(0.001, 20):.8f}"
    return [f"{ticks // 100}.{ticks % 100:02}000000", size]


def _json(levels: list[list[str]]) -> bytes:
    return json.dumps(levels, separators=(",", ":")).encode()
