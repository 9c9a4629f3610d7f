"""What is handed out of a partition: everything from its beginning on, once, in order, the warm records first."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.adapters.kafka.reading import Beginning, Reading


@attrs.frozen
class FakeMessage:
    offset: int
    key: bytes | None = b"a"
    timestamp: int = 0
    value: bytes | None = b""


def offsets(reading: Reading, *fetched: list[FakeMessage]) -> list[int]:
    return [message.offset for messages in fetched for message in reading.hand_out(messages)]


def test_without_reading_back_everything_is_handed_out() -> None:
    reading = Reading(Beginning(5))
    assert reading.seek_to == 5
    assert offsets(reading, [FakeMessage(5), FakeMessage(6)], [], [FakeMessage(9)]) == [5, 6, 9]
    assert reading.position == 10


def test_reading_back_gives_the_newest_of_each_key_once_the_beginning_is_reached() -> None:
    reading = Reading(Beginning(4), reads_back_from=0)
    assert (reading.seek_to, reading.position) == (0, 4)
    assert offsets(reading, [FakeMessage(0, b"a"), FakeMessage(1, b"b")]) == []
    assert reading.position == 4
    assert offsets(reading, [FakeMessage(2, b"a"), FakeMessage(3, b"a"), FakeMessage(4, b"b")]) == [1, 3, 4]
    assert offsets(reading, [FakeMessage(5, b"a")]) == [5]


def test_reading_back_ends_with_the_last_record_before_the_beginning() -> None:
    reading = Reading(Beginning(2), reads_back_from=0)
    assert offsets(reading, [FakeMessage(0), FakeMessage(1)]) == [1]
    assert not reading.is_reading_back


def test_reading_back_can_be_ended_where_no_record_ends_it() -> None:
    reading = Reading(Beginning(4), reads_back_from=0)
    assert offsets(reading, [FakeMessage(0), FakeMessage(1)]) == []
    assert not reading.has_passed(2)
    assert reading.has_passed(4)
    assert [message.offset for message in reading.end_reading_back()] == [1]
    assert not reading.is_reading_back


def test_there_is_nothing_to_read_back_before_the_oldest_record() -> None:
    assert not Reading(Beginning(4), reads_back_from=4).is_reading_back
    assert Reading(Beginning(4), reads_back_from=9).seek_to == 4


def test_old_records_are_passed_over_up_to_the_end_at_the_opening_and_not_beyond() -> None:
    reading = Reading(Beginning(0, old_below=3, old_before_ms=100))
    fetched = [FakeMessage(0, timestamp=10), FakeMessage(1, timestamp=100), FakeMessage(2, timestamp=10)]
    assert offsets(reading, fetched, [FakeMessage(3, timestamp=10)]) == [1, 3]
    assert reading.position == 4


@given(
    st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=30),
    st.integers(0, 30),
    st.integers(0, 30),
    st.lists(st.integers(1, 7), max_size=30),
)
@pytest.mark.parametrize("is_warm", [False, True])
def test_any_cut_into_fetches_gives_the_same(
    is_warm: bool,  # noqa: FBT001 - a parameter of the test
    keys: list[bytes],
    beginning: int,
    window: int,
    sizes: list[int],
) -> None:
    records = [FakeMessage(offset, key) for offset, key in enumerate(keys)]
    beginning = min(beginning, len(records))
    reading = Reading(Beginning(beginning), reads_back_from=max(0, beginning - window) if is_warm else None)
    rest, given_out = records[reading.seek_to :], []
    for size in [*sizes, len(records) + 1]:
        given_out += offsets(reading, rest[:size])
        rest = rest[size:]
    newest = {record.key: record.offset for record in records[reading.seek_to : beginning]}
    assert given_out == sorted(newest.values()) + list(range(beginning, len(records)))
