"""When each instrument was live and when not, and why: the newest changes of status of all of them."""

from collections import OrderedDict, deque
from collections.abc import Sequence

import attrs

from market_data.domain.normalized import MOST_KEYS, BookStatus, Reason
from market_data.domain.quote import Quote

__all__ = ["Loss", "Losses"]

_KEPT = 2000


@attrs.frozen
class Loss:
    """An instrument's status became another one, for the worse or for the better."""

    exchange: str
    symbol: str
    status: BookStatus
    reason: Reason | None
    trouble: str | None
    """What kept all records from coming, where that is why it is not shown as live."""
    since: int
    """When it did so, µs since 1970 UTC."""
    was: BookStatus | None
    """What it was before; None where nothing was known."""


class Losses:
    """The newest ones, by the number of the change that brought them."""

    def __init__(self) -> None:
        self.dropped_until = 0
        """Of changes up to this number, not all are there any more."""
        self._kept: deque[tuple[int, Loss]] = deque()
        self._last: OrderedDict[str, Loss] = OrderedDict()

    def take(self, quote: Quote, changed: int) -> None:
        """Take note where the status or its reason is another one now."""
        book = quote.book
        last = self._last.get(book.key)
        if last is not None and (book.status, book.reason, quote.trouble) == (last.status, last.reason, last.trouble):
            return
        # whose producer was silent for a while is live since before that, and not seen to be before the end of it
        since = (
            book.status_since if last is None or book.status_since > last.since else max(quote.seen_wall, last.since)
        )
        was = None if last is None else last.status
        loss = self._last[book.key] = Loss(
            book.exchange, book.symbol, book.status, book.reason, quote.trouble, since, was
        )
        self._last.move_to_end(book.key)
        if len(self._last) > MOST_KEYS:
            self._last.popitem(last=False)
        self._kept.append((changed, loss))
        if len(self._kept) > _KEPT:
            self.dropped_until, _ = self._kept.popleft()

    def between(self, have: int, until: int) -> Sequence[Loss]:
        """Give those of later changes than ``have``, up to ``until``, oldest first."""
        found: list[Loss] = []
        for changed, loss in reversed(self._kept):
            if changed <= have:
                break
            if changed <= until:
                found.append(loss)
        found.reverse()
        return found
