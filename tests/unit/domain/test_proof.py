"""The proof of order: what each record shows, alone and in sum."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.records import EARLIER_RUN, LATER_RUN, RUN, record

from market_data.domain.proof import OrderProof, Verdict, started_at

NEXT, HOLE, DOUBLE, DISORDER = Verdict.NEXT, Verdict.HOLE, Verdict.DOUBLE, Verdict.DISORDER
REREAD = Verdict.REREAD


def verdicts(proof: OrderProof, *steps: tuple[int, int] | tuple[int, int, str]) -> list[Verdict]:
    """Check records given as (publish_seq, offset), with a run where it is another."""
    found: list[Verdict] = []
    for seq, offset, *run in steps:
        found.append(proof.check(record(seq, run=run[0] if run else RUN), offset))
    return found


@pytest.mark.parametrize(
    ("steps", "expected", "holes", "doubles", "disorder"),
    [
        pytest.param([(0, 5), (1, 6), (2, 9)], [NEXT] * 3, 0, 0, 0, id="one after the other"),
        pytest.param([(41, 5), (42, 6)], [NEXT] * 2, 0, 0, 0, id="from the middle"),
        pytest.param([(0, 1), (2, 2)], [NEXT, HOLE], 1, 0, 0, id="one is missing"),
        pytest.param([(0, 1), (9, 2), (10, 3)], [NEXT, HOLE, NEXT], 8, 0, 0, id="eight are missing"),
        pytest.param([(0, 1), (1, 2), (1, 3)], [NEXT, NEXT, DOUBLE], 0, 1, 0, id="one number at two offsets"),
        pytest.param([(0, 1), (1, 2), (0, 3), (2, 4)], [NEXT, NEXT, DOUBLE, NEXT], 0, 1, 0, id="an old one again"),
        pytest.param([(0, 1), (2, 2), (1, 3)], [NEXT, HOLE, DISORDER], 1, 0, 1, id="one comes late"),
        pytest.param([(7, 1), (3, 2)], [NEXT, DISORDER], 0, 0, 1, id="one of before we began comes late"),
        pytest.param(
            [(0, 1), (1, 2), (0, 1), (1, 2), (2, 3)],
            [NEXT, NEXT, REREAD, REREAD, NEXT],
            0,
            0,
            0,
            id="read again after a rebalance",
        ),
        pytest.param(
            [(0, 1), (4, 2), (4, 2), (5, 3)], [NEXT, HOLE, REREAD, NEXT], 3, 0, 0, id="read again after a hole"
        ),
    ],
)
def test_what_one_record_shows(
    steps: list[tuple[int, int]], expected: list[Verdict], holes: int, doubles: int, disorder: int
) -> None:
    proof = OrderProof()
    assert verdicts(proof, *steps) == expected
    (key,) = proof.keys.values()
    assert (key.holes, key.doubles, key.disorder) == (holes, doubles, disorder)
    assert (proof.holes, proof.doubles, proof.disorder) == (holes, doubles, disorder)
    assert proof.is_proven == key.is_proven == (not (holes or doubles or disorder))


def elsewhere(*steps: tuple[int, int, int]) -> OrderProof:
    """Check records given as (publish_seq, partition, offset)."""
    proof = OrderProof()
    for seq, partition, offset in steps:
        proof.check(record(seq), offset, partition=partition)
    return proof


def test_a_number_that_lies_in_two_partitions_is_doubled_at_whatever_offsets() -> None:
    proof = elsewhere((0, 0, 5), (1, 0, 6), (0, 1, 0), (1, 1, 6))
    assert (proof.keys["binance:BTC-USDT"].records, proof.doubles, proof.disorder) == (4, 2, 0)


def test_a_run_that_goes_on_in_another_partition_is_out_of_order_and_its_holes_are_found() -> None:
    proof = elsewhere((0, 0, 5), (1, 0, 6), (2, 1, 0), (5, 1, 1))
    assert (proof.holes, proof.doubles, proof.disorder) == (2, 0, 1)


def test_what_is_read_again_is_no_double_in_whichever_partition_it_lies() -> None:
    proof = elsewhere((0, 0, 5), (1, 1, 0), (0, 0, 5), (1, 1, 0))
    (key,) = proof.keys.values()
    assert (key.records, key.rereads, proof.doubles) == (2, 2, 0)


def test_an_epoch_that_goes_back_is_disorder() -> None:
    proof = OrderProof()
    assert [proof.check(record(seq, epoch=epoch), seq) for seq, epoch in enumerate((1, 2, 2, 1))] == [
        NEXT,
        NEXT,
        NEXT,
        DISORDER,
    ]


def test_a_new_run_begins_anew() -> None:
    proof = OrderProof()
    steps = [(8, 1), (9, 2), (0, 3, LATER_RUN), (1, 4, LATER_RUN), (3, 5, LATER_RUN)]
    assert verdicts(proof, *steps) == [NEXT, NEXT, NEXT, NEXT, HOLE]
    assert proof.keys["binance:BTC-USDT"].newest_run == LATER_RUN


def test_the_order_of_each_run_is_proven_by_itself_whichever_is_followed() -> None:
    proof = OrderProof()
    steps = [
        (4, 1, EARLIER_RUN),
        (0, 2),
        (5, 3, EARLIER_RUN),
        (1, 4),
        (9, 5, EARLIER_RUN),
        (9, 6, EARLIER_RUN),
        (2, 7),
    ]
    assert verdicts(proof, *steps) == [NEXT, NEXT, NEXT, NEXT, HOLE, DOUBLE, NEXT]
    (key,) = proof.keys.values()
    assert (key.holes, key.doubles, key.newest_run) == (3, 1, RUN)


def test_keys_are_proven_each_for_itself() -> None:
    proof = OrderProof()
    proof.check(record(0), 0)
    proof.check(record(7, symbol="ETH-USDT"), 1)
    proof.check(record(9, symbol="ETH-USDT"), 2)
    assert proof.check(record(1), 3) is NEXT
    assert {key: each.is_proven for key, each in proof.keys.items()} == {record().key: True, "binance:ETH-USDT": False}
    assert not proof.is_proven


def test_what_was_merged_is_summed_and_no_hole() -> None:
    proof = OrderProof()
    for seq, conflated in enumerate((0, 3, 0, 4)):
        proof.check(record(seq, conflated=conflated), seq)
    (key,) = proof.keys.values()
    assert (key.conflated, key.records, key.is_proven) == (7, 4, True)


def test_nothing_read_is_proven() -> None:
    assert OrderProof().is_proven


def test_the_memory_of_runs_and_holes_is_bounded() -> None:
    proof = OrderProof()
    for number in range(200):
        proof.check(record(0, run=f"run {number:03d}"), number)
    (key,) = proof.keys.values()
    assert len(key.runs) == 64
    for number in range(3000):
        proof.check(record(2 * number, run="run 49"), 100 + number)
    assert all(len(run.missing or ()) <= 1000 for run in key.runs.values())


@given(st.lists(st.integers(0, 15), max_size=30))
def test_the_sums_are_right_for_any_order_of_numbers(numbers: Sequence[int]) -> None:
    proof = OrderProof()
    seen: list[int] = []
    for offset, number in enumerate(numbers):
        verdict = proof.check(record(number), offset)
        if not seen or number == max(seen) + 1:
            assert verdict is NEXT
        elif number > max(seen):
            assert verdict is HOLE
        elif number in seen:
            assert verdict in (DOUBLE, DISORDER)
        else:
            assert verdict is DISORDER
        seen.append(number)
    if numbers:
        first = numbers[0]
        highest = max(numbers)
        in_order = list(range(first, highest + 1))
        assert proof.is_proven == (list(numbers) == in_order)


def test_what_another_member_of_the_group_has_read_is_not_missing() -> None:
    proof = OrderProof()
    verdicts(proof, (0, 0), (1, 1))
    proof.interrupt("nowhere:BTC-USD")
    proof.interrupt(record().key)
    assert verdicts(proof, (7, 7), (8, 8)) == [NEXT, NEXT]
    assert proof.is_proven
    assert verdicts(proof, (10, 10)) == [HOLE]
    proof.interrupt(record().key)
    assert verdicts(proof, (8, 11)) == [DOUBLE]


def test_from_what_is_read_again_after_another_member_on_nothing_may_be_missing() -> None:
    proof = OrderProof()
    verdicts(proof, (0, 0), (1, 1))
    proof.interrupt(record().key)
    assert verdicts(proof, (1, 1), (3, 3)) == [REREAD, HOLE]


BEGAN = 1723075201_000_000  # RUN's


def begins_late(first: int, run: str = RUN, *, seq: int = 3, is_interrupted: bool = False) -> OrderProof:
    """Read a record of an earlier run, published at this time, and then one of another that is not its first."""
    proof = OrderProof()
    before = record(5, run=EARLIER_RUN)
    proof.check(before, 1, first)
    if is_interrupted:
        proof.interrupt(before.key)
    proof.check(record(seq, run=run), 2, first + 60_000_000)
    return proof


def test_a_run_that_began_while_we_read_must_begin_at_0() -> None:
    assert begins_late(BEGAN - 1, seq=0).is_proven
    assert begins_late(BEGAN - 1).holes == 3
    assert begins_late(BEGAN).is_proven, "it began before"
    assert begins_late(BEGAN - 1, is_interrupted=True).is_proven, "another member of the group has read its beginning"
    assert begins_late(BEGAN - 1, "zzz").is_proven, "the name does not say"


def test_a_run_that_is_seen_first_may_be_seen_from_its_middle_unless_all_is_read() -> None:
    assert verdicts(OrderProof(), (7, 1)) == [NEXT]
    proof = OrderProof()
    assert proof.check(record(7), 0, BEGAN, is_whole=True) is HOLE
    assert proof.holes == 7
    assert proof.check(record(3), 1, BEGAN, is_whole=True) is DISORDER


def test_runs_that_interleave_are_each_held_to_their_numbers() -> None:
    proof = OrderProof()
    runs = [f"20240808T0000{number:02}.000000Z-{number:08x}" for number in range(20)]
    for offset in range(0, 200, 2):
        run = runs[offset // 2 % 20]
        proof.check(record(2 * (offset // 40), run=run), offset)
    assert proof.holes == 20 * 4


def test_when_a_run_began_stands_in_its_name() -> None:
    assert started_at(RUN) == BEGAN
    assert started_at("anything") is None


def named(number: int) -> str:
    """Name a run that began so many seconds after another."""
    return f"20240808T00{number // 60:02}{number % 60:02}.000000Z-00000000"


def test_of_too_many_runs_the_ones_seen_last_are_kept() -> None:
    proof = OrderProof()
    verdicts(proof, *((0, number, named(number)) for number in range(64)))
    assert verdicts(proof, (1, 64, named(0))) == [NEXT], "it is seen last now"
    assert verdicts(proof, (0, 65, named(64))) == [NEXT]
    (key,) = proof.keys.values()
    assert list(key.runs) == [*(named(number) for number in range(2, 64)), named(0), named(64)]
    assert verdicts(proof, (1, 66, named(0)), (1, 67, named(64)), (0, 68, named(2))) == [DOUBLE, NEXT, DOUBLE]


def test_a_run_that_was_forgotten_and_comes_back_is_not_missing_its_beginning() -> None:
    proof = OrderProof()
    newest = named(599)
    proof.check(record(7, run=named(0)), 0, 0, is_whole=False)
    proof.check(record(0, run=newest), 1, 1)
    for number in range(1, 100):
        proof.check(record(0, run=named(number)), number + 1, number)
    assert newest not in proof.keys[record().key].runs
    assert proof.check(record(5, run=newest), 200, 200, is_whole=True) is NEXT
    assert proof.check(record(5, run="2999" + newest[4:]), 201, 201, is_whole=True) is HOLE, "that one is new"


def test_an_interruption_ends_with_the_next_record_of_its_instrument() -> None:
    proof = OrderProof()
    proof.check(record(5), 1, BEGAN)
    proof.interrupt(record().key)
    assert proof.check(record(9), 2, BEGAN + 1) is NEXT
    assert proof.check(record(3, run=LATER_RUN), 3, BEGAN + 2) is HOLE, "its beginning was ours to read"


def test_another_reading_of_a_partition_interrupts_what_is_read_there() -> None:
    proof = OrderProof()
    for seq, reading in ((0, 1), (1, 1), (7, 2), (8, 2)):
        assert proof.check(record(seq), seq, reading=reading) is NEXT
    assert proof.check(record(10), 10, reading=2) is HOLE


def test_the_memory_of_keys_and_of_their_runs_is_bounded_and_the_sums_stay() -> None:
    proof = OrderProof(most_keys=3, most_runs=10)
    for number in range(5):
        for seq in (0, 2):
            proof.check(record(seq, symbol=f"A{number}-USD"), seq)
    assert list(proof.keys) == ["binance:A2-USD", "binance:A3-USD", "binance:A4-USD"]
    assert (proof.forgotten, proof.holes, proof.is_proven) == (2, 5, False)
    assert proof.check(record(9, symbol="A0-USD"), 9, is_whole=True) is NEXT, "what was forgotten may have begun before"
    for number in range(20):
        proof.check(record(0, symbol="A9-USD", run=named(number)), number)
    assert list(proof.keys) == ["binance:A9-USD"]
    assert sum(len(key.runs) for key in proof.keys.values()) == 20, "one key has its own bound"
    assert proof.forgotten == 6


def test_what_is_left_out_and_gone_back_to_is_counted_by_instrument_and_in_all() -> None:
    proof = OrderProof()
    proof.check(record(0), 0)
    for key in (record().key, "nowhere:BTC-USD"):
        proof.leave_out(key)
        proof.go_back(key)
    (key_proof,) = proof.keys.values()
    assert (key_proof.foreign, key_proof.returns, proof.foreign, proof.returns) == (1, 1, 2, 2)
    assert proof.is_proven
