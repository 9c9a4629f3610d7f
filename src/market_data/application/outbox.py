"""What waits to be published: bounded, in order per instrument, and honest about what it merged.

The contract, in one place:

- ``put`` never waits (but under ``BLOCK``, where ``has_room`` must be awaited before): a slow broker stalls no reader.
- There is room for ``max_records`` and ``max_bytes`` (an estimate of the encoded size), and beyond that for two
  records of every instrument, so that each can always say its last state.
- While there is room every record is kept, in the order of its instrument.
- When there is none (``KEEP_UNTIL_FULL``), or always (``LATEST_ONLY``), at most two records of an instrument wait:
  the newest that is not live, and the newest live one after it. Those merged away are counted in the ``conflated`` of
  the record that follows them; ``epoch`` still shows that the book left ``live``.
- ``publish_seq`` is given when a record is taken out: 0, 1, 2, … per key, without holes, whatever was merged.
- What is taken out leaves in turns between the instruments, so that a busy one does not starve the others; those that
  have no room in flight stay. It may linger before, so that others share its request: nobody is woken for these.
"""

from collections import deque
from collections.abc import Callable, Iterator
from enum import StrEnum

import anyio
import attrs

from market_data.application import metrics
from market_data.application.measures import Sample
from market_data.domain.levels import size_of
from market_data.domain.normalized import BookState, NormalizedBook

__all__ = ["Outbox", "OutboxPolicy"]

_BYTES_OF_A_RECORD = 400
_LOOK_SECONDS = 0.005
"""While records linger, how often it is looked whether there are enough."""


class OutboxPolicy(StrEnum):
    """What to do when records come faster than they leave."""

    KEEP_UNTIL_FULL = "keep_until_full"
    LATEST_ONLY = "latest_only"
    BLOCK = "block"
    """For replays only: nothing is ever merged, the source waits."""


@attrs.define
class _Waiting:
    """One instrument's queue."""

    records: deque[tuple[BookState, int, int]] = attrs.field(factory=deque)
    """State, estimated bytes, how many were merged into it."""
    next_seq: int = 0
    is_listed: bool = False


class Outbox:
    """The bounded room between the books and the broker."""

    def __init__(self, run: str, *, policy: OutboxPolicy, max_records: int, max_bytes: int) -> None:
        """``run`` names this producer's run in every record."""
        self._run = run
        self._policy = policy
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._waiting: dict[str, _Waiting] = {}
        self._turns: deque[str] = deque()
        self._records = 0
        self._bytes = 0
        self._merged = 0
        self._filled: anyio.Event | None = None
        self._emptied: anyio.Event | None = None
        """Each is there only while somebody waits for it."""
        self._is_closed = False

    def __len__(self) -> int:
        return self._records

    @property
    def waiting_bytes(self) -> int:
        """Estimated bytes of what waits."""
        return self._bytes

    @property
    def merged(self) -> int:
        """How many records were merged away since the start."""
        return self._merged

    @property
    def is_full(self) -> bool:
        """Tell whether the next record makes the waiting ones be merged."""
        return self._records >= self._max_records or self._bytes >= self._max_bytes

    def measure(self) -> Iterator[Sample]:
        """Give the metrics of what waits and what has left."""
        yield metrics.OUTBOX_RECORDS, (), self._records
        yield metrics.OUTBOX_BYTES, (), self._bytes
        yield metrics.OUTBOX_RECORDS_LIMIT, (), self._max_records
        yield metrics.OUTBOX_BYTES_LIMIT, (), self._max_bytes
        yield metrics.OUTBOX_CONFLATED, (), self._merged
        for key, waiting in self._waiting.items():
            yield metrics.BOOK_RECORDS, (key.partition(":")[0], key), waiting.next_seq

    def put(self, state: BookState) -> None:
        """Keep a state for publication; never waits."""
        key = state.key
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = _Waiting()
        size = _BYTES_OF_A_RECORD + size_of(state.bids) + size_of(state.asks)
        waiting.records.append((state, size, 0))
        self._records += 1
        self._bytes += size
        if not waiting.is_listed:
            waiting.is_listed = True
            self._turns.append(key)
        if self._policy is OutboxPolicy.LATEST_ONLY:
            self._merge(waiting)
        elif self._policy is OutboxPolicy.KEEP_UNTIL_FULL and (
            self._records > self._max_records or self._bytes > self._max_bytes
        ):
            for each in self._waiting.values():
                self._merge(each)
        if self._filled is not None:
            self._filled.set()

    async def has_room(self) -> None:
        """Wait until there is room: what a replay does before it goes on."""
        while self.is_full:
            if self._emptied is None:
                self._emptied = anyio.Event()
            await self._emptied.wait()

    def close(self) -> None:
        """Nothing more is put in: ``take`` gives what is left, then nothing."""
        self._is_closed = True
        self.look_again()

    async def take(
        self,
        at_most: int,
        admission: Callable[[], Callable[[str], bool]] | None = None,
        linger: Callable[[], float] | None = None,
    ) -> list[NormalizedBook]:
        """Wait for records and take them out with their place in the stream; empty once closed and drained.

        ``admission`` gives what says of each record, by its instrument, whether it may leave now; it is asked anew
        whenever more comes, and by ``look_again``. ``linger`` tells, once there are records, how many seconds to wait
        for others, unless ``at_most`` are there before. Safe to cancel: nothing is lost.
        """
        while True:
            if self._records and linger is not None:
                await self._linger(linger(), at_most)
            if taken := self._admitted(at_most, _admit_all if admission is None else admission()):
                if self._emptied is not None:
                    self._emptied.set()
                    self._emptied = None
                return taken
            if self._is_closed and not self._records:
                return []
            self._filled = anyio.Event()
            await self._filled.wait()
            self._filled = None

    async def _linger(self, seconds: float, at_most: int) -> None:
        until = anyio.current_time() + seconds
        while seconds > 0 and self._records < at_most and not self._is_closed:
            await anyio.sleep(min(seconds, _LOOK_SECONDS))
            seconds = until - anyio.current_time()

    def look_again(self) -> None:
        """Let ``take`` ask again what may leave."""
        if self._filled is not None:
            self._filled.set()

    def _admitted(self, at_most: int, admits: Callable[[str], bool]) -> list[NormalizedBook]:
        taken: list[NormalizedBook] = []
        turns, run = self._turns, self._run
        refused = 0
        while refused < len(turns) and len(taken) < at_most:
            key = turns.popleft()
            waiting = self._waiting[key]
            records = waiting.records
            share = max(1, (at_most - len(taken)) // (len(turns) + 1))
            refused += 1
            while records and share > 0 and admits(key):
                refused = 0
                share -= 1
                state, size, conflated = records.popleft()
                self._records -= 1
                self._bytes -= size
                taken.append(NormalizedBook.of(state, run, waiting.next_seq, conflated))
                waiting.next_seq += 1
            if records:
                turns.append(key)
            else:
                waiting.is_listed = False
        return taken

    def _merge(self, waiting: _Waiting) -> None:
        """Leave the newest record that is not live and the newest live one after it."""
        records = waiting.records
        if len(records) < 2:
            return
        kept: list[tuple[BookState, int, int]] = []
        merged = 0
        last = len(records) - 1
        not_live = max((at for at, (state, _, _) in enumerate(records) if not state.is_live), default=None)
        for at, (state, size, conflated) in enumerate(records):
            if at in (not_live, last):
                kept.append((state, size, conflated + merged))
                merged = 0
            else:
                merged += conflated + 1
                self._records -= 1
                self._bytes -= size
                self._merged += 1
        waiting.records = deque(kept)


def _admit_all(_key: str) -> bool:
    return True
