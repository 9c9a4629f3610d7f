"""Which instruments are listed, in which order, and which of them the cursor is on. Pure.

An order that moves with the market is made anew every few seconds only, so that rows stay where the eye has found them;
what is listed first since it is not live comes there at once.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

import attrs

from market_data.adapters.console.columns import Column, Row
from market_data.adapters.console.terminal.scene import Scene

__all__ = ["RESORT_SECONDS", "Watchlist", "asset_of"]

RESORT_SECONDS = 3.0


def asset_of(key: str) -> str:
    """Give the base asset of an instrument, by its key."""
    return key.partition(":")[2].partition("-")[0]


@attrs.define
class Watchlist:
    """What is listed. A cursor that was put on an instrument stays on it, wherever that moves to; before, it is on the
    first one.
    """

    row_of: Callable[[str], Row | None]
    """Give what is shown of an instrument."""
    sort: Column | None = None
    """None: by asset, symbol and exchange."""
    is_reversed: bool = False
    is_broken_first: bool = False
    only_favourites: bool = False
    needle: str = ""
    """Words that must all be in an instrument's key."""
    cursor: str | None = None
    keys: Sequence[str] = ()
    """Those that are listed, in their order."""
    _is_chosen: bool = False
    _source: Mapping[str, object] | None = None
    _made_at: float = 0.0
    _is_old: bool = True
    _by_column: Sequence[str] = ()
    """Those listed as they are sorted, whatever is live."""
    _broken: frozenset[str] = frozenset()
    """Which of them were not live, when so much was told."""
    _told: int = -1

    @property
    def is_grouped(self) -> bool:
        """Tell whether the instruments of an asset stand together."""
        return self.sort is None and not self.is_broken_first

    def change(self, **what: object) -> None:
        """Change what is listed, or in which order."""
        for name, value in what.items():
            setattr(self, name, value)
        self._is_old = True

    def update(self, scene: Scene) -> bool:
        """Make the order anew where it is time to; tell whether that was so."""
        source, now = scene.keys(), scene.now.mono
        is_due = self.sort is not None and not 0 <= now - self._made_at < RESORT_SECONDS
        is_new = source is not self._source or self._is_old or is_due
        if is_new:
            self._source, self._made_at, self._is_old = source, now, False
            self._by_column = self._sorted([key for key in source if self._is_listed(key, scene)])
        if not (self.is_broken_first and self._note_broken(scene, is_new=is_new)) and not is_new:
            return False
        self.keys = self._by_column
        if self.is_broken_first:
            self.keys = sorted(self.keys, key=lambda key: key not in self._broken)
        if not self._is_chosen or self.cursor not in self.keys:
            self.cursor = self.keys[0] if self.keys else None
        return True

    def choose(self, key: str) -> None:
        """Put the cursor on an instrument."""
        self.cursor, self._is_chosen = key, True

    def _is_listed(self, key: str, scene: Scene) -> bool:
        if self.only_favourites and key not in scene.favourites:
            return False
        return not self.needle or all(word in key.lower() for word in self.needle.lower().split())

    def _note_broken(self, scene: Scene, *, is_new: bool) -> bool:
        """Take note of what is not live; tell whether that is not what it was. No status changes untold."""
        if self._told == scene.watch.told and not is_new:
            return False
        before, self._told = self._broken, scene.watch.told
        quotes = ((key, scene.quote(key)) for key in self._by_column)
        self._broken = frozenset(key for key, quote in quotes if quote is None or not quote.is_live)
        return self._broken != before

    def _sorted(self, keys: list[str]) -> list[str]:
        if (column := self.sort) is not None:
            ranks = {key: None if (row := self.row_of(key)) is None else column.rank(row) for key in keys}
            known = [key for key in keys if ranks[key] is not None]
            known.sort(key=lambda key: ranks[key], reverse=self.is_reversed)  # type: ignore[arg-type,return-value]
            keys = known + [key for key in keys if ranks[key] is None]
        return keys

    def move(self, by: int) -> None:
        """Move the cursor by so many instruments, as far as there are any."""
        if self.keys:
            at = self.keys.index(self.cursor) if self.cursor in self.keys else 0
            self.choose(self.keys[min(max(at + by, 0), len(self.keys) - 1)])

    def lines(self, room: int) -> list[str | None]:
        """Give the keys line by line; None is an empty line, between two assets where there is room for all."""
        if not self.is_grouped:
            return list(self.keys)
        groups = [list(group) for _, group in groupby(self.keys[: room + 1], key=asset_of)]
        if len(self.keys) + len(groups) - 1 > room:
            return list(self.keys)
        spaced: list[str | None] = []
        for group in groups:
            spaced += [None, *group] if spaced else group
        return spaced
