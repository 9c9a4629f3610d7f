"""What the screen remembers of prices that it drew: how many digits they need, which way they went last, and when.

Of the instruments drawn last only, so that it does not grow with the market.
"""

from collections import OrderedDict
from enum import Enum

import attrs

from market_data.adapters.console.columns import Digits
from market_data.domain.quote import Quote

__all__ = ["FLASH_SECONDS", "Direction", "Mark", "Marks"]

FLASH_SECONDS = 0.6
"""So long a change of a price can be seen."""
_KEPT = 1_000
_NEVER = -1e9


class Direction(Enum):
    """Which way a price went."""

    UP = "up"
    DOWN = "down"


@attrs.define
class _Price:
    """One side's best price as it was drawn."""

    text: str | None = None
    changed_from: int = 0
    """The first letter that was another one before."""
    direction: Direction | None = None
    changed_at: float = _NEVER

    def see(self, text: str | None, now: float) -> None:
        if text == self.text:
            return
        before, self.text = self.text, text
        if text is None or before is None:
            self.direction = None
            return
        same = 0
        while same < min(len(text), len(before)) and text[same] == before[same]:
            same += 1
        self.changed_from = same
        is_up = (len(text.partition(".")[0]), text) > (len(before.partition(".")[0]), before)
        self.direction, self.changed_at = Direction.UP if is_up else Direction.DOWN, now


@attrs.define
class Mark:
    """Of one instrument."""

    digits: Digits = attrs.field(factory=Digits)
    quote: Quote | None = None
    bid: _Price = attrs.field(factory=_Price)
    ask: _Price = attrs.field(factory=_Price)

    def see(self, quote: Quote, now: float) -> None:
        """Take what is drawn now."""
        if quote is self.quote:
            return
        book = quote.book
        is_known, self.quote = self.quote is not None, quote
        if not quote.is_live:
            return
        most = 1 if is_known and self.digits.price else None
        self.digits = self.digits.with_levels(book.bids[:most], book.asks[:most])
        self.bid.see(self.digits.price_text(quote.top.best_bid), now)
        self.ask.see(self.digits.price_text(quote.top.best_ask), now)

    def bright_from(self) -> int:
        """Give the first letter of the prices that is worth a look: where bid and ask differ, or what moved last."""
        bid, ask = self.bid.text or "", self.ask.text or ""
        same = 0
        while same < min(len(bid), len(ask)) and bid[same] == ask[same]:
            same += 1
        return min(same, len(bid) - 1, len(ask) - 1) if len(bid) == len(ask) else 0

    def flash(self, price: _Price, now: float) -> Direction | None:
        """Tell which way a price went just now."""
        return price.direction if now - price.changed_at < FLASH_SECONDS else None


class Marks:
    """By key."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Mark] = OrderedDict()

    def of(self, key: str, quote: Quote, now: float) -> Mark:
        """Take what is drawn of an instrument, and give what is remembered."""
        mark = self._kept.get(key)
        if mark is None:
            mark = self._kept[key] = Mark()
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        mark.see(quote, now)
        return mark
