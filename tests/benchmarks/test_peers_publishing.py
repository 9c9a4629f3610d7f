"""What is held against ours is what it is said to be; the figures are made by nox -s bench_peers_kafka."""

import json
import random
from pathlib import Path

import pytest
from tests.benchmarks import end_to_end, feed
from tests.benchmarks.engines import book_engines
from tests.benchmarks.peers import publishing

PYTHON = Path("/not/there/python")


def record(levels: int) -> bytes:
    sides = {side: {f"{at}": 1.0 for at in range(levels)} for side in ("bid", "ask")}
    return json.dumps({"symbol": "S000-USDT", "book": sides, "timestamp": 1700000000.25}).encode()


def test_a_record_of_the_top_is_a_whole_top_or_the_run_ends() -> None:
    top = publishing.Cryptofeed(PYTHON, "top", "2.4.1")
    assert top.sent(record(20)) == ("S000-USDT", 1700000000250)
    with pytest.raises(ValueError, match=r"expected the best 20 levels of both sides, received \{'bid': 19"):
        top.sent(record(19))


def test_of_changes_only_what_changed_is_of_an_event() -> None:
    changes = publishing.Cryptofeed(PYTHON, "changes", "2.4.1")
    change = {"symbol": "S001-USDT", "delta": {"bid": [[1, 2]], "ask": []}, "timestamp": 1700000000.25}
    assert changes.sent(json.dumps(change).encode()) == ("S001-USDT", 1700000000250)
    assert changes.sent(record(1000)) is None


def test_each_way_has_a_topic_an_instrument_of_its_own() -> None:
    ways = [publishing.Cryptofeed(PYTHON, way, "2.4.1") for way in publishing.WAYS]
    assert [way.name for way in ways] == ["cryptofeed 2.4.1, top 20", "cryptofeed 2.4.1, changes only"]
    assert ways[0].topics[0] == "top-BINANCE-S000-USDT"
    assert len({partition.topic for way in ways for partition in way.partitions}) == 2 * len(end_to_end.INSTRUMENTS)


def test_ours_is_what_the_others_are_held_against_and_its_topics_names_are_names() -> None:
    ours = publishing.ours()
    assert [each.name for each in ours] == [f"ours, {engine} engine, uvloop" for engine in sorted(book_engines())]
    assert ours[-1].topic == "ours-python-engine-uvloop"
    phases = {each: [end_to_end.Phase(4.0, 0.5, [1.0])] for each in ("ours", "theirs")}
    result = end_to_end.results("saturation", phases, name="peers", title="Beside", method="So.")
    assert (result.name, result.title, result.method) == ("peers_saturation", "Beside, saturation", "So.")


def test_an_environment_without_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"does not have cryptofeed and aiokafka \(.*\): nox -s bench_peers_kafka"):
        publishing._versions(tmp_path / "python")


def counts(change: feed.Changes) -> tuple[int, int]:
    """Say how many levels a frame has and how many of them it removes."""
    levels = [size for side in "ba" for _, size in change[side]]
    return len(levels), sum(float(size) == 0 for size in levels)


@pytest.mark.parametrize(("turnover", "removed"), [(False, 0), (True, 20)])
def test_levels_change_their_sizes_or_come_and_go_and_the_book_is_what_they_make_of_it(
    turnover: bool,  # noqa: FBT001
    removed: int,
) -> None:
    instrument = feed.Instrument(0, 46, random.Random(1), turnover=turnover)
    assert {counts(change) for change in instrument._changes} == {(46, removed)}
    for _ in range(200):
        instrument.frame()
    begun = json.loads(instrument.snapshot())
    books = {side: dict(begun[f"{name}s"]) for side, name in (("b", "bid"), ("a", "ask"))}
    for _ in range(100):
        instrument.frame()
        for side, levels in instrument._changes[instrument.last_id % len(instrument._changes)].items():
            before = books[side]
            assert all(price in before for price, size in levels if float(size) == 0)
            assert sum(price not in before for price, _ in levels) == removed / 2
            books[side] = {price: size for price, size in (before | dict(levels)).items() if float(size)}
    ended = json.loads(instrument.snapshot())
    assert books == {"b": dict(ended["bids"]), "a": dict(ended["asks"])}
    assert max(float(price) for price in books["b"]) < min(float(price) for price in books["a"])
    assert 1000 <= len(books["b"]) <= 1010
