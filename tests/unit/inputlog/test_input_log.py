"""What is taken down of a core's inputs, what is read back, and that trouble with the log is the log's alone."""

import errno
import gzip
import io
from pathlib import Path

import pytest
from tests.support.bounds import HandClock, bounds
from tests.support.engines import book_engine
from tests.support.network import FakeTelemetry
from tests.support.venues import BINANCE, binance_book, binance_event, instrument

from market_data.adapters.inputlog import FileInputLog, LoggedCore, _FileRecorder, read_input_log
from market_data.application.core import FeedCore
from market_data.application.inputlog import CoreSetup, InputRecorder, Logged, make_core, replay
from market_data.application.inputs import (
    Closed,
    Fetched,
    FetchFailed,
    Frames,
    Input,
    Opened,
    Replaced,
    Started,
    Stopped,
    TakeOver,
    Ticked,
    Unopened,
)
from market_data.domain.effects import Fetch, Purpose
from market_data.domain.errors import UsageError
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, Reason
from market_data.domain.sync import Said, Standing

BTC = instrument("binance:BTC-USDT")
FETCH = Fetch(BTC, Purpose.PROBE, 100, 7, 5.0)
SETUP = CoreSetup(
    "binance",
    (BTC, instrument("binance:ETH-USDT")),
    frozenset({"ETHUSDT"}),
    bounds(audit_seconds=3.25),
    10.5,
    (Standing(BTC.key, BookStatus.DISCONNECTED, Reason.UNAVAILABLE, 1_700_000_000_000_000, 99.5, 7, 8, 9, 10, 20.0),),
    12345,
)
VENUES = {"binance": {"name": "binance", "dialect": "binance", "rest_url": "http://127.0.0.1:9"}}


def log_in(folder: Path, telemetry: FakeTelemetry, max_bytes: int = 1_000_000) -> FileInputLog:
    return FileInputLog(folder, VENUES, program="1.2.3", run="r1", max_bytes=max_bytes, telemetry=telemetry)


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def play(recorder: InputRecorder, core: FeedCore) -> list[Logged]:
    """Make a book live and stop, taken down as a feed does."""
    clock = HandClock()
    fetched = Fetch(BTC, Purpose.SNAPSHOT, 10, 1)
    bids, asks = [("100", "1")], [("101", "1")]
    inputs: list[Input] = [
        Started(),
        Opened(),
        Frames([b'{"result":null,"id":1}']),
        Fetched(fetched, binance_book(100, bids, asks)),
        Frames([binance_event("BTCUSDT", 101, 101, [("99", "2")], []), b"\xff\xfe\x00"]),
        Ticked(),
        Stopped(),
    ]
    logged = []
    for given in inputs:
        moment = clock.advance(0.25)
        recorder.take(given, moment)
        outputs = core.handle(given, moment)
        recorder.gave(outputs)
        logged.append(Logged(given, moment, None))
    return logged


def test_a_log_holds_the_setup_and_the_inputs_and_gives_the_same_effects(tmp_path: Path) -> None:
    telemetry = FakeTelemetry()
    played = play(log_in(tmp_path, telemetry).begin(SETUP), make_core(SETUP, BINANCE, book_engine()))
    read = read_input_log(only_file(tmp_path))
    assert (read.program, read.run, read.venue) == ("1.2.3", "r1", VENUES["binance"])
    assert read.setup == SETUP
    replayed = list(replay(make_core(read.setup, BINANCE, book_engine()), read.inputs))
    assert [(each.logged.given, each.logged.moment) for each in replayed] == [
        (each.given, each.moment) for each in played
    ]
    assert all(each.is_same for each in replayed)
    assert sum(len(each.outputs) for each in replayed) > 5
    assert telemetry.warnings == []


def test_effects_that_are_not_those_of_the_run_are_noticed(tmp_path: Path) -> None:
    play(log_in(tmp_path, FakeTelemetry()).begin(SETUP), make_core(SETUP, BINANCE, book_engine()))
    read = read_input_log(only_file(tmp_path))
    other = FeedCore(BINANCE, read.setup.instruments, bounds(depth=1), frame_silence_seconds=10.0, books=book_engine())
    assert not all(each.is_same for each in replay(other, read.inputs))


@pytest.mark.parametrize(
    "given",
    [
        Started(),
        Opened(),
        Frames([b'{"a":"\xc3\xa9"}', b"\xff\x00", b""]),
        Closed(Reason.SILENCE),
        Closed(Reason.CONNECTION, is_ours=True),
        Unopened(Reason.RATE_LIMITED),
        Fetched(FETCH, b"\xfe{}"),
        Fetched(FETCH, b"{}"),
        FetchFailed(FETCH, Reason.UNAVAILABLE, 2.5),
        FetchFailed(FETCH, Reason.REJECTED),
        Ticked(),
        Stopped(),
        TakeOver(
            [Said(SETUP.standings[0], [("1.5", "2")], [("2", "3")]), Said(SETUP.standings[0], [], [])],
            Reason.SILENCE,
        ),
        Replaced(),
    ],
    ids=repr,
)
@pytest.mark.parametrize("read", [None, 1_787_529_699_000_002], ids=["handled at once", "read before"])
def test_every_input_is_read_as_it_was_taken(tmp_path: Path, given: Input, read: int | None) -> None:
    recorder = log_in(tmp_path, FakeTelemetry()).begin(SETUP)
    moment = Moment(1_787_529_700_000_001, 0.1 + 0.2, read)
    recorder.take(given, moment)
    recorder.gave([])
    recorder.take(Stopped(), moment)
    recorder.gave([])
    first = next(read_input_log(only_file(tmp_path)).inputs)
    assert (first.given, first.moment) == (given, moment)


def test_a_log_that_was_cut_off_ends_where_it_was_cut(tmp_path: Path) -> None:
    play(log_in(tmp_path, FakeTelemetry()).begin(SETUP), make_core(SETUP, BINANCE, book_engine()))
    path = only_file(tmp_path)
    whole = path.read_bytes()
    for cut in (len(whole) - 1, len(whole) - 12, len(whole) * 3 // 4):
        path.write_bytes(whole[:cut])
        replayed = [each for each in _replayed(read_input_log(path)) if each.is_same]
        assert len(replayed) <= 7
    text = gzip.decompress(whole).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(text[:3]) + text[3][:10]))
    assert [type(each.logged.given) for each in _replayed(read_input_log(path))] == [Started]


def _replayed(read: LoggedCore) -> list[object]:
    return list(replay(make_core(read.setup, BINANCE, book_engine()), read.inputs))


@pytest.mark.parametrize("content", [b"", b"{}\n", b"[1]\n", b'{"schema":"inputs 99"}\n', b"\x00\x01"])
def test_a_file_that_is_no_log_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="expected an input log"):
        read_input_log(path)


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        pytest.param(b'"instruments"', b'"x"', "line 1: .*`instruments`", id="setup without instruments"),
        pytest.param(
            b'"crossed_limit":3', b'"crossed_limit":[]', "line 1: .*Expected `int`", id="settings of another type"
        ),
        pytest.param(b'"disconnected"', b'"away"', "line 1: Invalid enum value 'away'", id="unknown status"),
        pytest.param(
            b'"disconnected"', b'"' + b"9" * 5000 + b'"', "line 1: Invalid .{20,100}….{20,100}status`$", id="long word"
        ),
        pytest.param(b'"kind":"opened"', b'"kind":"opend"', "line 4: expected one of started", id="unknown input"),
        pytest.param(b'"serial":1', b'"cereal":1', "line 8: .*`serial`", id="input without a field"),
        pytest.param(b'"base64":"//4A"', b'"base64":"?"', "line 9: Invalid base64", id="damaged payload"),
    ],
)
def test_a_log_that_holds_what_none_does_is_refused_with_its_line(
    tmp_path: Path, right: bytes, wrong: bytes, problem: str
) -> None:
    play(log_in(tmp_path, FakeTelemetry()).begin(SETUP), make_core(SETUP, BINANCE, book_engine()))
    text = gzip.decompress(only_file(tmp_path).read_bytes())
    assert right in text
    path = tmp_path / "log.jsonl"
    path.write_bytes(text.replace(right, wrong, 1))
    with pytest.raises(UsageError, match=problem):
        list(read_input_log(path).inputs)


def test_a_log_that_is_not_there_is_said_not_to_be(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_input_log(tmp_path / "none")


def test_a_folder_that_can_not_be_written_is_told_once_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    telemetry = FakeTelemetry()
    log = log_in(tmp_path / "file" / "folder", telemetry)
    for _ in range(2):
        play(log.begin(SETUP), make_core(SETUP, BINANCE, book_engine()))
    assert [message for message, _ in telemetry.warnings] == ["the input log is given up"]


def test_a_log_is_bounded_and_says_so_once(tmp_path: Path) -> None:
    telemetry = FakeTelemetry()
    log = log_in(tmp_path, telemetry, max_bytes=1_500)
    for _ in range(2):
        play(log.begin(SETUP), make_core(SETUP, BINANCE, book_engine()))
    assert [message for message, _ in telemetry.warnings] == ["the input log is given up"]
    for path in tmp_path.iterdir():
        assert len(gzip.decompress(path.read_bytes())) <= 1_500
        assert read_input_log(path).setup == SETUP


class FullDisk(io.BytesIO):
    """Takes so much and no more."""

    def write(self, content: object) -> int:  # noqa: ARG002 - none of it fits
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_ends_the_log_and_not_the_feed(tmp_path: Path) -> None:
    telemetry = FakeTelemetry()
    log = log_in(tmp_path, telemetry)
    played = play(_FileRecorder(FullDisk(), tmp_path / "log", {}, log), make_core(SETUP, BINANCE, book_engine()))
    assert len(played) == 7
    ((message, fields),) = telemetry.warnings
    assert message == "the input log is given up"
    assert "No space left" in str(fields["problem"])
