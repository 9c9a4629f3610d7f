"""The purse of REST weight: spread evenly, held when the venue says so, first come first served."""

import anyio
import pytest
from tests.support.virtual import VIRTUAL_TIME, LoopClock

from market_data.application.budget import WeightBudget

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


async def spend(budget: WeightBudget, *weights: int) -> list[float]:
    """Spend one after the other; give the seconds at which each was allowed."""
    start = anyio.current_time()
    moments: list[float] = []
    for weight in weights:
        await budget.spend(weight)
        moments.append(round(anyio.current_time() - start, 3))
    return moments


async def test_the_first_requests_go_at_once_and_the_rest_are_spread_over_the_minute() -> None:
    budget = WeightBudget(3000, LoopClock())  # 50 a second, ten seconds' worth at once
    moments = await spend(budget, *[50] * 70)
    assert moments[:10] == [0.0] * 10
    assert moments[10:] == [float(number) for number in range(1, 61)]


async def test_never_more_than_the_limit_is_spent_in_any_minute_beyond_the_first_burst() -> None:
    budget = WeightBudget(600, LoopClock())
    moments = await spend(budget, *[5, 50, 20] * 60)
    for start in moments:
        spent = sum(weight for at, weight in zip(moments, [5, 50, 20] * 60, strict=True) if start <= at < start + 60)
        assert spent <= 600 + 100 + 50


async def test_a_request_heavier_than_the_purse_waits_until_it_is_full_and_is_paid_off_later() -> None:
    budget = WeightBudget(60, LoopClock())  # one a second, ten at most
    assert await spend(budget, 10, 30, 1) == [0.0, 10.0, 31.0]


async def test_unspent_weight_is_not_saved_beyond_the_purse() -> None:
    budget = WeightBudget(60, LoopClock())
    await anyio.sleep(1000)
    assert await spend(budget, *[5] * 4) == [0.0, 0.0, 5.0, 10.0]


@pytest.mark.parametrize(
    ("said", "seconds"),
    [pytest.param(7.0, 7.0, id="as long as the venue said"), pytest.param(None, 60.0, id="a minute without its word")],
)
async def test_nothing_is_spent_while_the_venue_says_to_stop(said: float | None, seconds: float) -> None:
    budget = WeightBudget(3000, LoopClock())
    budget.hold(said)
    assert await spend(budget, 1, 1) == [seconds, seconds]


async def test_a_stop_reaches_those_who_wait_already_and_a_shorter_one_does_not_end_a_longer() -> None:
    budget = WeightBudget(60, LoopClock())
    await budget.spend(10)
    start = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(budget.spend, 2)
        await anyio.sleep(1)
        budget.hold(20.0)
        budget.hold(5.0)
    assert round(anyio.current_time() - start, 3) == 21.0


async def test_the_venues_own_count_above_the_limit_empties_the_purse() -> None:
    budget = WeightBudget(60, LoopClock())
    budget.learn(None)
    budget.learn(60)
    assert await spend(budget, 5) == [0.0]
    budget.learn(61)
    assert await spend(budget, 2) == [2.0]


async def test_who_comes_first_is_served_first_and_who_gives_up_holds_nobody_up() -> None:
    budget = WeightBudget(60, LoopClock())
    await budget.spend(10)
    order: list[str] = []

    async def buy(name: str, weight: int) -> None:
        await budget.spend(weight)
        order.append(name)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(buy, "heavy", 8)
        await anyio.wait_all_tasks_blocked()
        with anyio.move_on_after(3):
            await buy("gives up", 1)
        tasks.start_soon(buy, "light", 1)
    assert order == ["heavy", "light"]


async def test_what_is_urgent_does_not_wait_behind_what_is_heavy() -> None:
    budget = WeightBudget(60, LoopClock())
    start = anyio.current_time()
    moments: list[tuple[str, float]] = []

    async def buy(name: str, weight: int, *, is_urgent: bool) -> None:
        await budget.spend(weight, is_urgent=is_urgent)
        moments.append((name, round(anyio.current_time() - start, 1)))

    async with anyio.create_task_group() as tasks:
        for number in range(4):
            tasks.start_soon(lambda number=number: buy(f"heavy {number}", 10, is_urgent=False))
        await anyio.sleep(1)
        tasks.start_soon(lambda: buy("urgent", 2, is_urgent=True))
    assert moments[:2] == [("heavy 0", 0.0), ("urgent", 2.0)]
    assert moments[-1] == ("heavy 3", 32.0), "all weight is paid for"


async def test_of_equal_weights_what_is_urgent_goes_first_and_in_its_order() -> None:
    budget = WeightBudget(60, LoopClock(), burst_seconds=1.0)
    await budget.spend(1)
    order: list[str] = []

    async def buy(name: str, *, is_urgent: bool) -> None:
        await budget.spend(1, is_urgent=is_urgent)
        order.append(name)

    async with anyio.create_task_group() as tasks:
        for number in range(2):
            tasks.start_soon(lambda number=number: buy(f"patient {number}", is_urgent=False))
        await anyio.wait_all_tasks_blocked()
        for number in range(3):
            tasks.start_soon(lambda number=number: buy(f"urgent {number}", is_urgent=True))
    assert order == ["urgent 0", "urgent 1", "urgent 2", "patient 0", "patient 1"]


async def test_who_is_cancelled_while_waiting_spends_nothing() -> None:
    budget = WeightBudget(60, LoopClock())
    await budget.spend(10)
    with anyio.move_on_after(4):
        await budget.spend(8)
    assert await spend(budget, 4) == [0.0]
