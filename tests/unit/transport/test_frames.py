"""The short way of frames beside wsproto's own: whatever comes, cut anywhere, both give the same."""

import re
from collections.abc import Iterator, Sequence

import pytest
import wsproto.events
from hypothesis import given
from hypothesis import strategies as st
from wsproto import Connection
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from market_data.adapters.transport.frames import FrameCutter

LARGEST = 1000


def frame(payload: bytes, first: int = 0x81, *, width: int | None = None, mask: bytes = b"") -> bytes:
    """Write a frame; ``width`` is of its length's field, 0, 2 or 8 bytes, as short as can be where not given."""
    size = len(payload)
    if width is None:
        width = 0 if size < 126 else 2 if size < 1 << 16 else 8
    masked = 0x80 if mask else 0
    short = {0: size, 2: 126, 8: 127}[width]
    if mask:
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes([first, masked | short]) + (size.to_bytes(width) if width else b"") + mask + payload


def _found(connection: Connection, part: bytes) -> Iterator[object]:
    """Give messages, put together, and what else wsproto tells."""
    connection.receive_data(part)
    for event in connection.events():
        match event:
            case wsproto.events.TextMessage():
                yield "text", event.data.encode(), event.message_finished
            case wsproto.events.BytesMessage():
                yield "bytes", bytes(event.data), event.message_finished
            case _:
                yield event


def _joined(events: Sequence[object]) -> list[object]:
    """Put the parts of each message together: into how many it came is not told, nor of one that does not end.

    Where text is not UTF-8 wsproto counts from the part's beginning.
    """
    joined: list[object] = []
    for event in events:
        match joined, event:
            case [*_, (kind, bytes(before), False)], (str(), bytes(data), bool(is_last)):
                joined[-1] = (kind, before + data, is_last)
            case _, wsproto.events.CloseConnection(reason=str(reason)):
                joined.append((int(event.code), re.sub(r"in position.*?:", "", reason)))
            case _:
                joined.append(event)
    return [event for event in joined if not (isinstance(event, tuple) and event[-1] is False)]


def read(reads: Sequence[bytes], cutter: FrameCutter | None) -> list[object]:
    """Read as the session does, until it is over; by the short way where there is one."""
    connection = Connection(ConnectionType.CLIENT)
    events: list[object] = []
    try:
        for data in reads:
            parts = [(data, False)] if cutter is None else cutter.cut(data)
            for part, is_message in parts:
                if is_message:
                    events.append(("text", part, True))
                else:
                    events += _found(connection, part)
                if connection.state is not ConnectionState.OPEN or any(
                    isinstance(event, wsproto.events.CloseConnection) for event in events
                ):
                    return _joined(events)
    except (RemoteProtocolError, LocalProtocolError) as error:
        events.append(str(error))
    return _joined(events)


texts = st.text(max_size=40).map(str.encode) | st.integers(120, 130).map(lambda size: b"x" * size)
large = st.sampled_from([LARGEST - 1, LARGEST, LARGEST + 1, 70_000]).map(lambda size: b"y" * size)
damaged = st.binary(max_size=40) | st.just("é".encode()[:1])
firsts = st.sampled_from([0x81, 0x81, 0x81, 0x01, 0x80, 0x00, 0x82, 0x89, 0x8A, 0x88, 0xC1, 0x83])
frames = st.one_of(
    st.builds(frame, texts | large),
    st.builds(frame, texts | damaged, firsts),
    st.builds(frame, texts.filter(lambda text: len(text) < 126), width=st.sampled_from([2, 8])),
    st.builds(frame, texts, mask=st.just(b"abcd")),
    st.builds(frame, damaged),
)


@pytest.mark.parametrize("second", [0, 5, 126, 127, 128, 254, 255])
@pytest.mark.parametrize("first", range(256))
def test_a_header_that_is_not_whole_is_refused_when_wsproto_would(first: int, second: int) -> None:
    for stream in (bytes([first, second]), frame(b"abc") + bytes([first, second, 0])):
        assert read([stream], FrameCutter(LARGEST)) == read([stream], None)


@given(st.lists(frames, max_size=8).map(b"".join) | st.binary(max_size=60), st.data())
def test_it_gives_what_wsproto_gives_however_it_is_cut(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=12)))
    reads = [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    cutter = FrameCutter(LARGEST)
    ours, theirs = read(reads, cutter), read(reads, None)
    if cutter.kept_bytes:  # of a text that is not whole wsproto may say already that it is none
        theirs = theirs[: len(ours)]
    assert ours == theirs


def test_messages_of_text_do_not_go_through_wsproto() -> None:
    cutter = FrameCutter(LARGEST)
    stream = frame(b"one") + frame("zwölf".encode()) + frame(b"x" * LARGEST)
    assert list(cutter.cut(stream)) == [(b"one", True), ("zwölf".encode(), True), (b"x" * LARGEST, True)]
    assert cutter.kept_bytes == 0


def test_what_is_not_whole_is_kept_and_a_large_one_goes_on_in_parts() -> None:
    cutter = FrameCutter(LARGEST)
    assert list(cutter.cut(frame(b"abc")[:4])) == []
    assert cutter.kept_bytes == 4
    assert list(cutter.cut(frame(b"abc")[4:])) == [(b"abc", True)]
    large_one = frame(b"x" * (LARGEST + 1))
    assert list(cutter.cut(large_one[:500])) == [(large_one[:500], False)]
    assert list(cutter.cut(large_one[500:] + frame(b"abc"))) == [(large_one[500:], False), (b"abc", True)]


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param(frame(b"\xff"), id="not UTF-8"),
        pytest.param(frame("é".encode()[:1]), id="half a character"),
        pytest.param(frame(b"\xed\xa0\x80"), id="a surrogate"),
        pytest.param(frame(b"abc", mask=b"abcd"), id="masked"),
        pytest.param(frame(b"abc", width=2), id="a length longer than it has to be"),
        pytest.param(frame(b"abc", 0xC1), id="a reserved bit"),
        pytest.param(frame(b"abc", 0x80), id="a continuation of nothing"),
    ],
)
def test_what_breaks_the_protocol_is_for_wsproto_to_refuse(refused: bytes) -> None:
    assert list(FrameCutter(LARGEST).cut(frame(b"one") + refused)) == [(b"one", True), (refused, False)]
    assert read([refused], FrameCutter(LARGEST)) == read([refused], None) != []
