"""The newest state of everything, and what of it is new to a client: what one shared encoding serves to all.

Everything that can change has a number, the count of changes when it did so last, and stands in the order of these
numbers. A client is one number as well: what it has. So what is new to one is what stands behind its number, however
long it was away; the newest wins without a queue for anybody, and a client that reads nothing costs nothing. Whoever
has the same number is given the same bytes.

The past that nobody can be told of any more (instruments that are gone, losses that were dropped) has an end: whoever
has an older number begins anew.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Sequence

import anyio
import attrs

from market_data.adapters.web.losses import Losses
from market_data.adapters.web.rows import row_of, to_json
from market_data.domain.quote import Quote

__all__ = ["MOST_ROWS", "Frame", "Hub"]

MOST_ROWS = 1000
"""One frame has no more instruments; what is left comes in the next."""
_GONE_KEPT = 1000
_SHARED_FRAMES = 16


@attrs.frozen
class Frame:
    """What brings a client from one number to a later one."""

    until: int
    event: bytes
    """One event of the stream."""


@attrs.define
class _Entry:
    quote: Quote
    changed: int
    row: bytes | None = None
    book: bytes | None = None


class Hub:
    """What is known, by the number of its last change."""

    def __init__(self, run: str, losses: Losses, write: Callable[[Quote], bytes]) -> None:
        """``run`` names this run of the server: numbers of another mean nothing here. ``write`` gives all that is
        known of an instrument, as JSON.
        """
        self.run = run
        self.write = write
        self.changed = 0
        self.clients = 0
        """How many streams are open."""
        self.is_closed = False
        self.pulses = 0
        self.losses = losses
        self.status: dict[str, object] = {}
        self._status_changed = 0
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        """The one that changed last at the end."""
        self._gone: deque[tuple[int, str]] = deque()
        self._gone_until = 0
        """Who is behind this can not be told what is gone."""
        self._shared: dict[tuple[int, bool], Frame] = {}
        self._news = anyio.Event()
        self._pulse = anyio.Event()

    # what changes

    def take(self, quotes: Sequence[Quote]) -> None:
        """Take what just changed."""
        for quote in quotes:
            self.changed += 1
            key = quote.book.key
            entry = self._entries.get(key)
            if entry is None:
                self._entries[key] = _Entry(quote, self.changed)
            else:
                entry.quote, entry.changed, entry.row, entry.book = quote, self.changed, None, None
                self._entries.move_to_end(key)
            self.losses.take(quote, self.changed)
        self._news.set()

    def keep(self, keys: Collection[str]) -> None:
        """Forget what is not among these."""
        for key in [key for key in self._entries if key not in keys]:
            del self._entries[key]
            self.changed += 1
            self._gone.append((self.changed, key))
            if len(self._gone) > _GONE_KEPT:
                self._gone_until, _ = self._gone.popleft()
            self._news.set()

    def tell(self, status: dict[str, object]) -> None:
        """Take how the reading goes now."""
        self.changed += 1
        self._status_changed = self.changed
        self.status = status
        self._news.set()

    # what is asked

    @property
    def keys(self) -> Collection[str]:
        """All keys there are."""
        return self._entries.keys()

    def quote(self, key: str) -> Quote | None:
        """Give what is known of one instrument."""
        entry = self._entries.get(key)
        return None if entry is None else entry.quote

    def rows(self) -> bytes:
        """Give the rows of all, as one JSON array."""
        return b"[%b]" % b",".join([self._row(entry) for entry in self._entries.values()])

    def book(self, key: str) -> bytes | None:
        """Give all that is known of one instrument, as JSON."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.book is None:
            entry.book = self.write(entry.quote)
        return entry.book

    def book_after(self, key: str, have: int) -> bytes | None:
        """Give the same where it is new to who has so much."""
        entry = self._entries.get(key)
        return self.book(key) if entry is not None and entry.changed > have else None

    def can_go_on(self, have: int) -> bool:
        """Tell whether who has so much can be told all that is new."""
        return max(self._gone_until, self.losses.dropped_until) <= have <= self.changed

    def frame(self, have: int, *, is_first: bool = False) -> Frame | None:
        """Give what is new to who has so much, None where nothing is; ``is_first``: they begin with this."""
        if have >= self.changed and not is_first:
            return None
        found = self._shared.get((have, is_first))
        if found is None:
            found = self._made(have, is_first=is_first)
            if len(self._shared) < _SHARED_FRAMES:
                self._shared[have, is_first] = found
        return found

    # when

    async def run_pulse(self, seconds: float) -> None:
        """Let what is new go out at once, and what comes after that no sooner than ``seconds`` later."""
        while True:
            await self._news.wait()
            self._news = anyio.Event()
            self._beat()
            await anyio.sleep(seconds)

    async def wait(self, pulses: int) -> None:
        """Wait until there were more pulses than these."""
        if self.pulses <= pulses and not self.is_closed:
            await self._pulse.wait()

    def close(self) -> None:
        """End all streams."""
        self.is_closed = True
        self._beat()

    def _beat(self) -> None:
        self._shared.clear()
        self.pulses += 1
        pulse, self._pulse = self._pulse, anyio.Event()
        pulse.set()

    def _made(self, have: int, *, is_first: bool) -> Frame:
        fresh: list[_Entry] = []
        for entry in reversed(self._entries.values()):
            if entry.changed <= have:
                break
            fresh.append(entry)
        fresh.reverse()
        until = self.changed
        if len(fresh) > MOST_ROWS:
            fresh = fresh[:MOST_ROWS]
            until = fresh[-1].changed
        parts = [b'"rows":[%b]' % b",".join([self._row(entry) for entry in fresh])]
        if is_first:
            parts.append(b'"run":%b' % to_json(self.run))
        elif gone := [key for at, key in self._gone if have < at <= until]:
            parts.append(b'"gone":%b' % to_json(gone))
        if losses := self.losses.between(have, until):
            parts.append(b'"losses":%b' % to_json(losses))
        if have < self._status_changed <= until:
            parts.append(b'"status":%b' % to_json(self.status))
        name = b"snapshot" if is_first else b"change"
        event = b"id: %b-%d\nevent: %b\ndata: {%b}\n\n" % (self.run.encode(), until, name, b",".join(parts))
        return Frame(until, event)

    @staticmethod
    def _row(entry: _Entry) -> bytes:
        if entry.row is None:
            entry.row = to_json(row_of(entry.quote))
        return entry.row
