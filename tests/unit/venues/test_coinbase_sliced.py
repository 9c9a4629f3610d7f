"""Large frames of Coinbase read in slices: what comes of it is what the whole read gives, or is left to that."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.captures import capture, lines
from tests.support.effort import effort
from tests.support.venues import COINBASE, coinbase_event, coinbase_frame

from market_data.adapters.venues.sliced import slice_frame
from market_data.domain.errors import MalformedFrame
from market_data.domain.events import Event, Snapshot
from market_data.domain.levels import Level

SESSION = COINBASE.session([])
FILLER = "x" * 20_000
"""A few updates with this are several slices."""
ODD = ("},{", '"},{"', "]}]}", '\\"updates\\":[', "\\\\", "\\u007d,\\u007b", "é€", "[", "{", '","', " } , { ")
SPACES = ("", " ", "\n", "\t \r\n")


def in_slices(frame: bytes) -> tuple[int, Sequence[Event] | None]:
    """Give how many steps it took, and what came of it."""
    reading, steps = SESSION.reading(frame), 0
    while True:
        try:
            next(reading)
        except StopIteration as end:
            return steps, end.value
        steps += 1


def as_whole(frame: bytes) -> Sequence[Event] | None:
    try:
        return SESSION.read(frame)
    except MalformedFrame:
        return None


def level(number: int) -> Level:
    return f"{30_000 + number}.{number % 100:02}", f"0.{number + 1:08}"


def many(count: int) -> list[Level]:
    return [level(number) for number in range(count)]


def snapshot(count: int) -> bytes:
    return coinbase_frame(0, [coinbase_event("snapshot", "BTC-USD", many(count), many(count))])


@pytest.mark.parametrize("count", [0, 1, 2, 200, 201, 202, 203, 2000])
def test_a_snapshot_of_any_size_is_the_same_in_slices(count: int) -> None:
    frame = snapshot(count)
    steps, events = in_slices(frame)
    assert events == (as_whole(frame) if count else None)
    assert steps == -(-len(frame) // 49_252) if count else steps == 0


def test_the_recorded_snapshot_is_the_same_in_many_small_slices() -> None:
    (frame,) = lines(capture("coinbase_advanced/snapshot_btc_usd_46655_levels.json.gz"))
    sliced = slice_frame(frame, "updates")
    assert sliced is not None
    assert max(map(len, sliced.slices)) < 50_000
    steps, events = in_slices(frame)
    assert steps > 90
    assert events == as_whole(frame)


def test_the_largest_time_of_all_slices_counts_and_none_where_there_is_none() -> None:
    updates = coinbase_event("snapshot", "BTC-USD", many(1500), [])["updates"]
    for number, update in enumerate(updates):
        update["event_time"] = f"2026-08-24T22:{number % 60:02}:{(number * 7) % 60:02}Z"
    frames = [coinbase_frame(0, [{"type": "snapshot", "product_id": "BTC-USD", "updates": updates}])]
    for update in updates[:700]:
        update["event_time"] = "0001-01-01T00:00:00Z"
    frames.append(coinbase_frame(0, [{"type": "snapshot", "product_id": "BTC-USD", "updates": updates}]))
    frames.append(coinbase_frame(0, [{"type": "snapshot", "product_id": "BTC-USD", "updates": updates[:700]}]))
    assert [in_slices(frame)[1] for frame in frames] == [as_whole(frame) for frame in frames]
    assert [event.event_time for frame in frames for event in as_whole(frame) or () if isinstance(event, Snapshot)][
        2:
    ] == [None]


def spoil(frame: bytes, old: bytes, new: bytes, count: int = 1) -> bytes:
    assert old in frame
    return frame.replace(old, new, count)


BOOK = snapshot(1000)
LAST = b'"new_quantity": "0.00001000"' if b'": "' in BOOK else b'"new_quantity":"0.00001000"'
TAIL = BOOK[BOOK.rindex(b"]", 0, BOOK.rindex(b"]")) :]


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(spoil(BOOK, b"l2_data", b"other"), id="another channel"),
        pytest.param(spoil(BOOK, b"snapshot", b"update"), id="a change"),
        pytest.param(spoil(BOOK, b"snapshot", b"neither"), id="an unknown event"),
        pytest.param(spoil(BOOK, b'"sequence_num"', b'"number"'), id="no number"),
        pytest.param(spoil(BOOK, b'"channel"', b'"type":"error","channel"'), id="an error"),
        pytest.param(spoil(BOOK, LAST, b'"new_quantity":1'), id="a number for a text"),
        pytest.param(spoil(BOOK, b'"offer"', b'"middle"'), id="an unknown side"),
        pytest.param(spoil(BOOK, b"2026-08-24T22:34:13.483122Z", b"yesterday"), id="no time"),
        pytest.param(BOOK[:-1], id="cut by a byte"),
        pytest.param(BOOK[: len(BOOK) // 2], id="cut in half"),
        pytest.param(BOOK + b"]", id="a bracket too many"),
        pytest.param(spoil(BOOK, b'"events"', b'"updates":[{}],"events"'), id="another array of that name before"),
        pytest.param(BOOK[:-1] + b',"updates":[1,2]}', id="another array of that name behind"),
        pytest.param(
            BOOK[: -len(TAIL)] + b'],"updates":[' + TAIL[1:].join([b"", b""]) + b"]" + TAIL[1:], id="twice in the event"
        ),
        pytest.param(BOOK[: -len(TAIL)] + b'],"upd\\u0061tes":[]' + TAIL[1:], id="twice, once written in another way"),
        pytest.param(spoil(BOOK, b'"updates"', b'"a\\"updates"'), id="a name that ends like it"),
        pytest.param(spoil(BOOK, b'"updates"', b'"updates":[],"more"'), id="the long array has another name"),
        pytest.param(
            BOOK[: -len(TAIL)]
            + TAIL[:2]
            + b","
            + json.dumps(coinbase_event("snapshot", "ETH-USD", [("1", "1")], [])).encode()
            + TAIL[2:],
            id="two events",
        ),
        pytest.param(BOOK[:-1] + b',"more":["]",[]]}', id="other arrays behind"),
        pytest.param(spoil(BOOK, b'{"side"', b'{"more":[],"side"'), id="an update that holds a list"),
        pytest.param(spoil(BOOK, b'{"side"', b'{"more":{},"side"'), id="an update that holds an object"),
        pytest.param(
            spoil(BOOK, b'"updates"', b'"upd\\u0061tes":[],"more":{"updates"')[: -len(TAIL)] + b"]}" + TAIL[1:],
            id="the long array is another's, and its own is written in another way",
        ),
        pytest.param(b'{"updates":[' + b"}" * 200_000, id="garbage"),
        pytest.param(b"[" * 200_000, id="brackets"),
        pytest.param(b"]" * 200_000, id="closing brackets"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_not_one_plain_snapshot_is_left_to_the_whole_read(frame: bytes) -> None:
    assert in_slices(frame)[1] is None


# made frames

texts = st.one_of(st.just(FILLER), st.just(""), st.sampled_from(ODD), st.text(max_size=5))
updates = st.fixed_dictionaries(
    {
        "side": st.sampled_from(["bid", "offer", "ask"]),
        "price_level": st.sampled_from(["1", "1.0", "2.50", "3", "00.1"]),
        "new_quantity": st.sampled_from(["0", "1", "2.5"]),
    },
    optional={
        "event_time": st.sampled_from(["2026-08-24T22:34:13.4Z", "2026-08-24T22:34:14Z", "1970-01-01T00:00:00Z"]),
        "note": texts,
    },
)
events_made = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["snapshot", "snapshot", "snapshot", "update"]),
        "product_id": st.just("BTC-USD") | texts,
        "updates": st.lists(updates, max_size=12),
    },
    optional={"note": texts, "more": st.just([1, [2]])},
)
messages = st.fixed_dictionaries(
    {
        "channel": st.just("l2_data"),
        "sequence_num": st.integers(-2, 5),
        "events": st.lists(events_made, min_size=1, max_size=2),
    },
    optional={"note": texts, "more": st.just({"updates": []})},
)


def written(message: dict[str, Any], comma: str, colon: str, *, is_ascii: bool) -> bytes:
    return json.dumps(message, separators=(comma + "," + comma, colon + ":"), ensure_ascii=is_ascii).encode(
        "utf-8", "replace"
    )


frames = st.builds(written, messages, st.sampled_from(SPACES), st.sampled_from(SPACES), is_ascii=st.booleans())


@effort(200)
@given(frames)
def test_made_frames_are_the_same_in_slices_or_left_to_the_whole_read(frame: bytes) -> None:
    steps, events = in_slices(frame)
    assert events is None or events == as_whole(frame)
    assert steps <= len(frame) // 20_000 + 1


@effort(100)
@given(st.lists(updates, min_size=1, max_size=12), st.sampled_from(SPACES))
def test_one_plain_snapshot_is_always_read_in_slices(of: list[dict[str, str]], space: str) -> None:
    for update in of:
        update["note"] = FILLER
    event = {"type": "snapshot", "product_id": "BTC-USD", "updates": of}
    frame = written({"channel": "l2_data", "sequence_num": 3, "events": [event]}, space, space, is_ascii=True)
    steps, events = in_slices(frame)
    assert events is not None
    assert events == as_whole(frame)
    assert steps == -(-len(of) // 3)


@effort(300)
@given(
    frames, st.integers(0, 10**6), st.integers(0, 40), st.sampled_from([*(odd.encode() for odd in ODD), b"", b"\xff"])
)
def test_spoilt_frames_are_the_same_in_slices_or_left_to_the_whole_read(
    frame: bytes, at: int, removed: int, put: bytes
) -> None:
    at %= len(frame)
    spoilt = frame[:at] + put + frame[at + removed :]
    _, events = in_slices(spoilt)
    assert events is None or events == as_whole(spoilt)
