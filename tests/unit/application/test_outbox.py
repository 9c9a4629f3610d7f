"""The outbox's contract, as its docstring has it: bounded, in order, honest about merging, the last never lost."""

from collections import Counter

import anyio
import anyio.lowlevel
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.support.effort import effort

from market_data.application.outbox import Outbox, OutboxPolicy
from market_data.domain.normalized import BookState, BookStatus, NormalizedBook, Reason

RUN = "20240808T000000Z-1f2e3d"
LADDER = (("100", "1"), ("99", "1"))
PLENTY = 10_000_000


def state(symbol: str, number: int, *, is_live: bool = True, levels: int = 2) -> BookState:
    """Make a state that can be told apart by its sequence."""
    status = BookStatus.LIVE if is_live else BookStatus.GAP
    ladder = tuple((str(100 - step), "1") for step in range(levels)) if is_live else ()
    reason = None if is_live else Reason.SEQUENCE
    return BookState("binance", symbol, status, reason, 0, ladder, ladder, None, None, number, 1)


def outbox(
    policy: OutboxPolicy = OutboxPolicy.KEEP_UNTIL_FULL, *, max_records: int = 10, max_bytes: int = PLENTY
) -> Outbox:
    return Outbox(RUN, policy=policy, max_records=max_records, max_bytes=max_bytes)


async def drain(box: Outbox, at_most: int = 500) -> list[NormalizedBook]:
    """Close it and take all."""
    box.close()
    taken: list[NormalizedBook] = []
    while books := await box.take(at_most):
        taken += books
    return taken


# properties


@attrs.define
class _Said:
    """What one instrument has said, as a model keeps it."""

    waiting: list[BookState] = attrs.field(factory=list)
    puts: int = 0
    taken: list[NormalizedBook] = attrs.field(factory=list)


class OutboxMachine(RuleBasedStateMachine):
    """Puts and takes in any order."""

    @initialize(
        policy=st.sampled_from([OutboxPolicy.KEEP_UNTIL_FULL, OutboxPolicy.LATEST_ONLY]),
        max_records=st.integers(1, 20),
        max_bytes=st.sampled_from([PLENTY, 600, 4000]),
    )
    def begin(self, policy: OutboxPolicy, max_records: int, max_bytes: int) -> None:
        self.policy = policy
        self.max_records, self.max_bytes = max_records, max_bytes
        self.box = outbox(policy, max_records=max_records, max_bytes=max_bytes)
        self.said: dict[str, _Said] = {}
        self.number = 0
        self.has_merged = False

    @rule(
        symbol=st.sampled_from(["A-B", "C-D", "E-F", "G-H"]),
        is_live=st.sampled_from([True, True, True, False]),
        times=st.integers(1, 6),
    )
    def put(self, symbol: str, *, is_live: bool, times: int) -> None:
        for _ in range(times):
            self.number += 1
            said = self.said.setdefault(symbol, _Said())
            new = state(symbol, self.number, is_live=is_live)
            said.waiting.append(new)
            said.puts += 1
            self.box.put(new)

    @rule(at_most=st.integers(1, 30))
    def take(self, at_most: int) -> None:
        if not len(self.box):
            return
        before = len(self.box)
        books = anyio.run(self.box.take, at_most)
        assert 1 <= len(books) <= at_most
        assert len(self.box) == before - len(books)
        for book in books:
            self._took(book)

    def _took(self, book: NormalizedBook) -> None:
        said = self.said[book.symbol]
        assert book.publish_seq == len(said.taken), "numbers have no hole, whatever was merged"
        assert book.run == RUN
        merged, kept = said.waiting[: book.conflated], said.waiting[book.conflated]
        assert NormalizedBook.of(kept, RUN, book.publish_seq, book.conflated) == book, "it follows what it replaces"
        if self.policy is OutboxPolicy.KEEP_UNTIL_FULL and not self.box.merged:
            assert not merged, "while there is room every record is kept"
        del said.waiting[: book.conflated + 1]
        said.taken.append(book)

    @invariant()
    def it_is_bounded(self) -> None:
        assert len(self.box) <= max(self.max_records, 2 * len(self.said))
        assert self.box.waiting_bytes <= max(self.max_bytes, 1200 * len(self.said))

    def teardown(self) -> None:
        if not hasattr(self, "box"):
            return
        for book in anyio.run(drain, self.box):
            self._took(book)
        assert len(self.box) == self.box.waiting_bytes == 0
        for said in self.said.values():
            assert not said.waiting, "the last state always arrives"
            assert sum(book.conflated + 1 for book in said.taken) == said.puts, "each is counted once"
        assert self.box.merged == sum(book.conflated for said in self.said.values() for book in said.taken)


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = effort(40, steps=25)


@pytest.mark.anyio
@given(st.lists(st.booleans(), min_size=1, max_size=30))
async def test_when_merged_the_newest_that_is_not_live_waits_and_the_newest_live_after_it(lives: list[bool]) -> None:
    box = outbox(OutboxPolicy.LATEST_ONLY)
    for number, is_live in enumerate(lives):
        box.put(state("A-B", number, is_live=is_live))
    books = await drain(box)
    not_live = max((number for number, is_live in enumerate(lives) if not is_live), default=None)
    expected = [not_live] if not_live is not None else []
    if lives[-1]:
        expected.append(len(lives) - 1)
    assert [book.sequence for book in books] == expected
    assert sum(book.conflated for book in books) == len(lives) - len(books)


# order and fairness


@pytest.mark.anyio
async def test_while_there_is_room_every_record_leaves_in_the_order_of_its_instrument() -> None:
    box = outbox(max_records=1000)
    for number in range(300):
        box.put(state("AB"[number % 2] + "-X", number, is_live=number % 7 > 0))
    books = await drain(box, at_most=17)
    assert len(books) == 300
    for symbol in ("A-X", "B-X"):
        own = [book for book in books if book.symbol == symbol]
        assert [book.sequence for book in own] == sorted(book.sequence or 0 for book in own)
        assert [book.publish_seq for book in own] == list(range(150))
        assert {book.conflated for book in own} == {0}


@pytest.mark.anyio
async def test_a_busy_instrument_does_not_starve_the_others() -> None:
    box = outbox(max_records=10_000)
    for number in range(5000):
        box.put(state("BUSY-X", number))
    for symbol in ("A-X", "B-X", "C-X"):
        box.put(state(symbol, 1))
    first = await box.take(20)
    assert {book.symbol for book in first} == {"BUSY-X", "A-X", "B-X", "C-X"}
    for number in range(40):
        box.put(state("A-X", 2 + number))
    counts = Counter(book.symbol for book in await box.take(20))
    assert counts["A-X"] >= 5


@pytest.mark.anyio
async def test_a_full_batch_is_taken_when_so_much_waits() -> None:
    box = outbox(max_records=1000)
    for number in range(100):
        box.put(state(f"{number % 7}-X", number))
    assert len(await box.take(100)) == 100


@pytest.mark.anyio
async def test_bytes_bound_the_outbox_as_records_do() -> None:
    box = outbox(max_records=1000, max_bytes=20_000)
    for number in range(50):
        box.put(state("A-X", number, levels=20))
    assert box.waiting_bytes <= 20_000
    assert box.merged > 0
    books = await drain(box)
    assert books[-1].sequence == 49


@pytest.mark.anyio
async def test_every_instrument_has_room_for_its_last_word_however_small_the_outbox() -> None:
    box = outbox(max_records=1)
    for number in range(100):
        for symbol in ("A-X", "B-X", "C-X"):
            box.put(state(symbol, number, is_live=number % 10 > 0))
    books = await drain(box)
    assert [book.sequence for book in books if book.symbol == "B-X"] == [90, 99]
    assert len(books) == 6


# waiting


@pytest.mark.anyio
async def test_taking_waits_until_there_is_something() -> None:
    box = outbox()
    taken: list[NormalizedBook] = []

    async def take() -> None:
        taken.extend(await box.take(10))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(take)
            await anyio.wait_all_tasks_blocked()
            assert taken == []
            box.put(state("A-X", 1))
    assert [book.sequence for book in taken] == [1]


@pytest.mark.anyio
async def test_records_linger_for_others_until_their_time_is_over() -> None:
    box = outbox()
    asked: list[int] = []

    def linger() -> float:
        asked.append(len(box))
        return 0.1

    async def put_another() -> None:
        await anyio.lowlevel.checkpoint()
        box.put(state("B-X", 2))

    box.put(state("A-X", 1))
    began = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(put_another)
        books = await box.take(10, linger=linger)
    assert anyio.current_time() - began >= 0.1
    assert [book.symbol for book in books] == ["A-X", "B-X"]
    assert asked == [1], "what comes meanwhile wakes nobody"


@pytest.mark.anyio
@pytest.mark.parametrize("way", ["enough", "closed"])
async def test_nothing_lingers_once_enough_waits_or_nothing_more_comes(way: str) -> None:
    box = outbox(max_records=1000)
    box.put(state("A-X", 0))

    async def end() -> None:
        await anyio.lowlevel.checkpoint()
        for number in range(1, 5):
            box.put(state("A-X", number))
        if way == "closed":
            box.close()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(end)
            books = await box.take(5 if way == "enough" else 100, linger=lambda: 60.0)
    assert [book.sequence for book in books] == list(range(5))


@pytest.mark.anyio
async def test_taking_is_safe_to_cancel_and_nothing_is_lost() -> None:
    box = outbox()
    taken: list[NormalizedBook] = []

    async def take() -> None:
        taken.extend(await box.take(10))

    with anyio.fail_after(5):
        for number in range(6):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(take)
                await anyio.wait_all_tasks_blocked()
                if number % 2:
                    tasks.cancel_scope.cancel()
                box.put(state("A-X", number))
                tasks.cancel_scope.cancel()
        taken += await drain(box)
    assert [(book.publish_seq, book.sequence) for book in taken] == [(number, number) for number in range(6)]


@pytest.mark.anyio
async def test_once_closed_it_gives_what_is_left_and_then_nothing() -> None:
    box = outbox()
    box.put(state("A-X", 1))
    box.close()
    with anyio.fail_after(5):
        assert len(await box.take(10)) == 1
        assert await box.take(10) == []
        assert await box.take(10) == []


@pytest.mark.anyio
async def test_closing_wakes_who_waits() -> None:
    box = outbox()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(box.take, 10)
            await anyio.wait_all_tasks_blocked()
            box.close()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("max_records", "max_bytes"),
    [pytest.param(3, PLENTY, id="records"), pytest.param(1000, 1600, id="bytes")],
)
async def test_it_is_full_at_either_bound_and_has_room_again_below(max_records: int, max_bytes: int) -> None:
    box = outbox(OutboxPolicy.BLOCK, max_records=max_records, max_bytes=max_bytes)
    for number in range(3):
        assert not box.is_full
        with anyio.fail_after(1):
            await box.has_room()
        box.put(state("A-X", number))
    assert box.is_full
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(box.has_room)
            await anyio.wait_all_tasks_blocked()
            assert len(await box.take(1)) == 1
    assert not box.is_full


@pytest.mark.anyio
async def test_a_source_that_can_wait_waits_for_room_and_nothing_is_merged() -> None:
    box = outbox(OutboxPolicy.BLOCK, max_records=5)
    taken: list[NormalizedBook] = []

    async def replay() -> None:
        for number in range(100):
            await box.has_room()
            box.put(state("A-X", number))
            assert len(box) <= 5
        box.close()

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(replay)
            while books := await box.take(3):
                taken += books
                await anyio.lowlevel.checkpoint()
    assert [book.sequence for book in taken] == list(range(100))
    assert box.merged == 0


@pytest.mark.anyio
async def test_what_has_no_room_in_flight_stays_and_keeps_nobody_else_waiting() -> None:
    box = outbox(max_records=100)
    for number in range(3):
        for symbol in ("A", "B", "C"):
            box.put(state(symbol, number))
    full = {"binance:B"}
    first = await box.take(500, lambda: lambda key: key not in full)
    assert Counter(book.symbol for book in first) == {"A": 3, "C": 3}
    taken: list[NormalizedBook] = []

    async def take() -> None:
        taken.extend(await box.take(500, lambda: lambda key: key not in full))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        await anyio.lowlevel.checkpoint()
        box.close()
        await anyio.lowlevel.checkpoint()
        assert not taken, "it is closed, and not drained"
        full.clear()
        box.look_again()
    assert [(book.symbol, book.publish_seq) for book in taken] == [("B", 0), ("B", 1), ("B", 2)]
    assert await box.take(500) == []


@pytest.mark.anyio
async def test_all_who_wait_for_room_are_woken() -> None:
    box = outbox(OutboxPolicy.BLOCK, max_records=1)
    box.put(state("A", 1))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(box.has_room)
            await anyio.wait_all_tasks_blocked()
            await box.take(1)
