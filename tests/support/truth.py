"""A market that is known exactly at every id: what books kept through a bad network are compared with."""

from decimal import Decimal
from random import Random

import attrs

from market_data.domain.normalized import Level, Levels

__all__ = ["TrueBook"]

_MIDDLE = 10_000


@attrs.frozen
class _State:
    bids: dict[int, int]
    asks: dict[int, int]


class TrueBook:
    """One instrument: every change of one level has an id of its own, and the book at each id is remembered."""

    def __init__(self, seed: int, *, first_id: int, levels: int = 14, decimals: int = 8) -> None:
        self._random = Random(seed)
        self._decimals = decimals
        self.first_id = first_id
        self._log: list[tuple[str, int, int]] = []
        bids = {_MIDDLE - step: self._random.randint(1, 9) for step in range(levels)}
        asks = {_MIDDLE + 1 + step: self._random.randint(1, 9) for step in range(levels)}
        self._states = [_State(bids, asks)]

    @property
    def last_id(self) -> int:
        """The id of the last change."""
        return self.first_id + len(self._log)

    def move(self, changes: int, *, is_wild: bool = False) -> None:
        """Change levels, one an id; a wild market eats its best levels away. The book never crosses."""
        for _ in range(changes):
            side = self._random.choice(("bids", "asks"))
            sign = -1 if side == "bids" else 1
            book, other = self._now(side), self._now("asks" if side == "bids" else "bids")
            best = min(book, key=lambda tick: sign * tick) if book else _MIDDLE + sign * 2
            tick, size = best + sign * self._random.randint(-2, 18), self._random.choice((0, 0, 1, 2, 3, 7))
            if is_wild and book and self._random.random() < 0.7:
                tick, size = best, 0
            elif size and other:
                nearest = (max if side == "asks" else min)(other)
                if sign * (tick - nearest) <= 0:
                    tick = nearest + sign * self._random.randint(1, 5)
            self.set(side, tick, size)

    def set(self, side: str, tick: int, size: int) -> None:
        """Change one level."""
        now = self._states[-1]
        state = _State(dict(now.bids), dict(now.asks))
        book = state.bids if side == "bids" else state.asks
        if size:
            book[tick] = size
        else:
            book.pop(tick, None)
        self._log.append((side, tick, size))
        self._states.append(state)

    def cross(self) -> None:
        """Bid the best ask."""
        asks = self._now("asks")
        if asks:
            self.set("bids", min(asks), 5)

    def uncross(self) -> None:
        """Take back what crosses."""
        bids, asks = self._now("bids"), self._now("asks")
        for tick in [tick for tick in bids if asks and tick >= min(asks)]:
            self.set("bids", tick, 0)

    def changes(self, first_id: int, last_id: int) -> tuple[list[Level], list[Level]]:
        """Give what changed from one id to another, both included: the last size of each price, in any order."""
        final: dict[tuple[str, int], int] = {}
        for side, tick, size in self._log[first_id - self.first_id - 1 : last_id - self.first_id]:
            final[side, tick] = size
        bids = [self._level(tick, size) for (side, tick), size in final.items() if side == "bids"]
        asks = [self._level(tick, size) for (side, tick), size in final.items() if side == "asks"]
        return bids, asks

    def snapshot(self, at_id: int, limit: int | None = None) -> tuple[Levels, Levels]:
        """Give the whole book of one id, or its best levels, best first."""
        state = self._states[at_id - self.first_id]
        bids = sorted(state.bids, reverse=True)[:limit]
        asks = sorted(state.asks)[:limit]
        return (
            tuple(self._level(tick, state.bids[tick]) for tick in bids),
            tuple(self._level(tick, state.asks[tick]) for tick in asks),
        )

    def is_crossed(self, at_id: int) -> bool:
        """Tell whether the book of one id is crossed or locked."""
        state = self._states[at_id - self.first_id]
        return bool(state.bids and state.asks) and max(state.bids) >= min(state.asks)

    def _now(self, side: str) -> dict[int, int]:
        state = self._states[-1]
        return state.bids if side == "bids" else state.asks

    def _level(self, tick: int, size: int) -> Level:
        return f"{Decimal(tick) / 100:.{self._decimals}f}", f"{Decimal(size):.{self._decimals}f}"
