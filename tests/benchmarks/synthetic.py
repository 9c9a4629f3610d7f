"""A market made for measuring: books of any depth, and changes of which the same share touches the top of any.

Prices lie on a grid that never crosses. Of each change's levels, a quarter lie among the best 20 places of a side, the
rest as likely in any doubling of the depth beyond them, and four in ten remove: about as in the recorded books, where
half of all changes are within the best 84 (Binance) or 226 places (Coinbase's BTC-USD, 23,000 levels a side), and nine
in ten within 600 or 2,900. The changes are a fixed pool that is gone through again and again, so that books stay as
full as they are.
"""

import json
from random import Random

import attrs

__all__ = ["Market"]

_POOL = 400
_NEAR = 20
_GONE = 0.4
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
        """``depth`` levels a side at the start, more than 20; ``changes`` levels an event, few beside them."""
        random = Random(seed)
        sides = [[_level(random, sign, place) for place in range(depth)] for sign in (-1, 1)]
        pool = []
        for _ in range(_POOL):
            bids, asks = (
                [_level(random, sign, place) for place in sorted(_places(random, depth, count))]
                for sign, count in ((-1, changes // 2), (1, changes - changes // 2))
            )
            for level in (*bids, *asks):
                if random.random() < _GONE:
                    level[1] = "0.00000000"
            pool.append(b'"b":%b,"a":%b' % (_json(bids), _json(asks)))
        return cls(b'"bids":%b,"asks":%b' % (_json(sides[0]), _json(sides[1])), tuple(pool))

    def snapshot(self, last_id: int) -> bytes:
        """Answer ``/depth``."""
        return b'{"lastUpdateId":%d,%b}' % (last_id, self.snapshot_levels)

    def frame(self, native: str, first_id: int, last_id: int, number: int, milliseconds: int) -> bytes:
        """Write the n-th change in the combined stream, with these ids."""
        name, lower = native.encode(), native.lower().encode()
        return b'{"stream":"%b@depth@100ms","data":{"e":"depthUpdate","E":%d,"s":"%b","U":%d,"u":%d,%b}}' % (
            lower,
            milliseconds,
            name,
            first_id,
            last_id,
            self.pool[number % len(self.pool)],
        )


def _places(random: Random, depth: int, count: int) -> set[int]:
    places = set(random.sample(range(_NEAR), count // 4))
    while len(places) < count:
        places.add(min(depth - 1, int(_NEAR * (depth / _NEAR) ** random.random())))
    return places


def _level(random: Random, sign: int, place: int) -> list[str]:
    ticks = _TICKS + sign * (place + 1)
    return [f"{ticks // 100}.{ticks % 100:02}000000", f"{random.uniform(0.001, 20):.8f}"]


def _json(levels: list[list[str]]) -> bytes:
    return json.dumps(levels, separators=(",", ":")).encode()
