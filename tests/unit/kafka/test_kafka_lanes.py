"""Room in flight: what is counted along is what counting anew gives."""

from hypothesis import given
from hypothesis import strategies as st

from market_data.adapters.kafka.lanes import Lane, Room, Waiting

LANES = 4
RECORD = Waiting(1, b"key", b"value", [])


def may_come(room: Room, lane: Lane) -> int:
    """Count how many records a lane may take over now."""
    admission, admitted = room.admission(), 0
    while admission.admits(lane):
        admitted += 1
    return admitted


_STEPS = st.lists(st.tuples(st.sampled_from(["put", "load", "free", "unload"]), st.integers(0, 3), st.integers(1, 12)))


@given(st.integers(1, 30), _STEPS)
def test_the_room_left_is_that_of_the_records_held(max_records: int, steps: list[tuple[str, int, int]]) -> None:
    lanes = [Lane(partition) for partition in range(LANES)]
    room = Room(LANES, max_records)
    share = max(1, max_records // (2 * LANES))
    for step, at, count in steps:
        lane = lanes[at]
        if step == "put":
            for _ in range(count):
                room.put(lane, RECORD)
        elif step == "load":
            while lane.waiting:
                lane.load()
        elif step == "free":
            under_way = len(lane.in_flight)
            assert room.free(lane) == under_way
            assert not lane.in_flight
        else:
            lane.unload()
        held = [each.held for each in lanes]
        assert room.records == sum(held)
        common = max_records - share * LANES - sum(max(0, each - share) for each in held)
        for each in lanes:
            expected = max(0, share - each.held) + max(0, common)
            assert may_come(room, each) == max(0, min(expected, max_records - sum(held)))
