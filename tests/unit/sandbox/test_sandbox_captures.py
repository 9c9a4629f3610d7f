"""Capture files: which are read, and as what."""

import gzip
import json
from pathlib import Path

import pytest

from market_data_sandbox.captures import load_recordings
from market_data_sandbox.errors import CaptureError
from market_data_sandbox.options import Venue

_DEPTH = {"e": "depthUpdate", "E": 1723161255208, "s": "SOLUSDC", "U": 1, "u": 2, "b": [["154.60000000", "1.25000000"]]}
_FRAME = json.dumps({"stream": "solusdc@depth@100ms", "data": {**_DEPTH, "a": []}}, separators=(",", ":"))


def test_the_binance_excerpt_is_one_symbol_with_one_snapshot(excerpts: Path) -> None:
    (recording,) = load_recordings([excerpts / "binance_btcusdt_excerpt.gz"]).values()
    assert recording.venue is Venue.BINANCE
    (listing,) = recording.listings
    assert (listing.symbol, listing.price_decimals, listing.size_decimals) == ("BTC-USDT", 2, 5)
    assert recording.snapshots == {7: "BTC-USDT"}
    lines = list(recording.lines())
    assert [line.index for line in lines] == list(range(600))
    assert lines[0].time_ns == 1723161253937085768


def test_the_coinbase_excerpt_is_ten_products_each_with_its_snapshot(excerpts: Path) -> None:
    (recording,) = load_recordings([excerpts / "coinbase_ten_products_excerpt.gz"]).values()
    assert recording.venue is Venue.COINBASE
    assert len(recording.listings) == 10
    assert set(recording.snapshots.values()) == {listing.symbol for listing in recording.listings}
    assert {listing.symbol: listing.price_decimals for listing in recording.listings}["SKL-BTC"] == 8


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("prefix", "time_ns"),
    [
        pytest.param("", 1723161255208000000, id="its own time"),
        pytest.param("1723161253937085768 ", 1723161253937085768, id="nanoseconds"),
        pytest.param("1723161253.937: ", 1723161253937000000, id="seconds"),
    ],
)
def test_a_line_may_carry_its_local_time(tmp_path: Path, prefix: str, time_ns: int, *, zipped: bool) -> None:
    path = tmp_path / "capture"
    text = f"{prefix}{_FRAME}\n\n".encode()
    path.write_bytes(gzip.compress(text) if zipped else text)
    (recording,) = load_recordings([path]).values()
    (line,) = recording.lines()
    assert (line.time_ns, line.text) == (time_ns, _FRAME)
    assert [listing.symbol for listing in recording.listings] == ["SOL-USDC"]


def test_files_of_two_venues_are_two_runs_in_the_order_given(tmp_path: Path, excerpts: Path) -> None:
    second = tmp_path / "second"
    second.write_text(_FRAME)
    paths = [excerpts / "binance_btcusdt_excerpt.gz", excerpts / "coinbase_ten_products_excerpt.gz", second]
    recordings = load_recordings(paths)
    assert set(recordings) == {Venue.BINANCE, Venue.COINBASE}
    assert list(recordings[Venue.BINANCE].lines())[-1].index == 600
    assert [listing.symbol for listing in recordings[Venue.BINANCE].listings] == ["BTC-USDT", "SOL-USDC"]


def test_a_snapshot_belongs_to_the_symbol_whose_ids_are_near(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    other = _FRAME.replace("solusdc", "btcusdt").replace('"U":1,"u":2', '"U":9000,"u":9001')
    path.write_text(f'{_FRAME}\n{other}\n{{"lastUpdateId":8990,"bids":[],"asks":[]}}\n{_FRAME}\n')
    (recording,) = load_recordings([path]).values()
    assert recording.snapshots == {2: "BTC-USDT"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "is empty", id="empty"),
        pytest.param("hello\n", "line 1: expected", id="no JSON"),
        pytest.param('{"a": }\n', "holds no JSON object", id="broken JSON"),
        pytest.param('{"type":"l2update","product_id":"BTC-USD"}\n', "Coinbase Exchange", id="the older feed"),
        pytest.param('{"what": 1}\n', "is neither", id="something else"),
        pytest.param('{"channel":"status","type":"update","data":[]}\n', "is neither", id="Kraken"),
        pytest.param('{"event":"data","channel":"order_book_btcusd","data":{}}\n', "is neither", id="Bitstamp"),
        pytest.param(_FRAME + "\nrubbish\n", "line 2: expected", id="rubbish later"),
        pytest.param(_FRAME + '\n{"stream": 5}\n', "Expected `str`", id="wrong type later"),
        pytest.param(_FRAME + '\n{"' + "x" * 5000 + "\n", "expected .{0,150}$", id="a long line later"),
        pytest.param('{"channel":' + "[" * 5000 + "}", "its first line holds no JSON object", id="nested without end"),
        pytest.param(_FRAME + '\n{"x":' + "[" * 5000 + "}\n", "recursion", id="nested without end later"),
    ],
)
def test_what_can_not_be_played_is_told_with_its_file(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "capture"
    path.write_text(text)
    with pytest.raises(CaptureError, match=problem) as error:
        load_recordings([path])
    assert str(path) in str(error.value)


def test_a_damaged_or_missing_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "capture.gz"
    whole = gzip.compress(_FRAME.encode())
    for damaged in (whole[:-12], whole[:10] + b"\xff" * 20 + whole[30:]):
        path.write_bytes(damaged)
        with pytest.raises(CaptureError):
            load_recordings([path])
    with pytest.raises(CaptureError, match="No such file"):
        load_recordings([tmp_path / "none"])
