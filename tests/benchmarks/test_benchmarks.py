"""Each benchmark runs on a tiny input and says what it should; what the figures are is of no interest here."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tests.benchmarks.peers.__main__ as peers
from tests.benchmarks import big_snapshot, end_to_end, growth, hot_path, instructions, memory, metrics, plot, reading
from tests.benchmarks.engines import book_engines
from tests.benchmarks.pipeline import Recording, agreement
from tests.benchmarks.results import Effort, Result, command, in_turns

PEERS = Path(__file__).parent / "peers"
ENGINES = [hot_path.ours(name) for name in book_engines()]


def run(asked: Sequence[str]) -> int:
    """Run a counted process, and count nothing."""
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return 5000 if asked[-1] == "all" else 1000


def measured(name: str, measure: Callable[[Effort], Iterable[Result]], folder: Path) -> dict[str, dict[str, Any]]:
    file = folder / "results" / f"{name}.json"
    assert command(name, measure, ["--small", "--rounds", "2", "--json", str(file)]) == 0
    held = json.loads(file.read_text(encoding="utf-8"))
    assert held["machine"]["python"]
    return {result["name"]: result for result in held["results"]}


def test_the_book_path_is_held_against_the_floor_with_every_engine_that_is_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (result,) = measured("hot_path", hot_path.measure, tmp_path).values()
    assert list(result["ways"]) == [hot_path.FLOOR, *ENGINES]
    assert result["ways"][hot_path.FLOOR]["ratio"]["median"] == 1
    assert all(len(way["rounds"]) == 2 and way["median"] > 0 for way in result["ways"].values())
    said = capsys.readouterr().out
    assert "engine: 4 of 4 comparable best prices of the venue agree" in said
    assert "ITS RECORDS ARE OTHERS" not in said


def test_a_book_that_is_not_the_venues_own_is_told() -> None:
    engine = book_engines()["python"]
    recording = Recording.load(engine, is_small=True)
    ticks = recording.capture.ticks
    for number, (bid, size, ask, more) in ticks.items():
        ticks[number] = (bid, f"{size}1", ask, more)
    assert agreement(engine, recording) == (0, 4)


def test_what_metrics_cost_is_held_against_the_way_without(tmp_path: Path) -> None:
    (result,) = measured("metrics", metrics.measure, tmp_path).values()
    assert list(result["ways"]) == [metrics.WITHOUT, metrics.COUNTED, metrics.SCRAPED]
    assert result["ways"][metrics.WITHOUT]["ratio"]["median"] == 1
    assert len(result["notes"]) == 3


def test_growth_is_measured_in_instruments_and_in_levels(tmp_path: Path) -> None:
    results = measured("growth", growth.measure, tmp_path)
    assert list(results["growth_instruments_python"]["ways"]) == ["1 instrument", "20 instruments"]
    assert list(results["growth_levels_python"]["ways"]) == ["100 levels a side", "1,000 levels a side"]
    assert len(results) == 2 * len(ENGINES)


def test_memory_is_measured_per_instrument_and_over_events(tmp_path: Path) -> None:
    results = measured("memory", memory.measure, tmp_path)
    assert list(results["memory_per_instrument"]["ways"]) == ["the book as JSON", *ENGINES]
    assert list(results["memory_over_events_python"]["ways"])[-1] == "500 events"


def test_the_big_snapshot_is_measured_over_real_sockets_beside_one_whole_decode(tmp_path: Path) -> None:
    results = measured("big_snapshot", big_snapshot.measure, tmp_path)
    ways = results["big_snapshot_python"]["ways"]
    assert list(ways) == [
        big_snapshot.WHOLE,
        "longest stall of the loop",
        "other venue's p99 meanwhile",
        "other venue's p99 afterwards",
    ]
    assert all(way["least"] > 0 for way in ways.values())


def test_readers_are_held_against_a_bare_decode_and_trees_against_the_first(tmp_path: Path) -> None:
    (tmp_path / "small").symlink_to(reading.HERE, target_is_directory=True)
    trees = {"one": tmp_path / "small", "two": reading.HERE}
    results = measured("reading", reading.measure, tmp_path)
    assert list(results) == [f"reading_{way}" for way in reading.WAYS]
    assert all(list(result["ways"]) == [reading.FLOOR, "ours"] for result in results.values())
    results = measured("reading", partial(reading.measure, trees=trees), tmp_path)
    assert all(result["base"] == "one" for result in results.values())
    assert all(list(result["ways"]) == [reading.FLOOR, "one", "two"] for result in results.values())


def test_a_large_frame_is_made_where_none_is_recorded() -> None:
    frame = json.loads(big_snapshot.large_frame(is_small=True))
    levels = frame["events"][0]["updates"]
    bids, asks = ([float(each["price_level"]) for each in levels if each["side"] == side] for side in ("bid", "offer"))
    assert max(bids) < min(asks)
    assert (bids, asks) == (sorted(bids, reverse=True), sorted(asks))


def test_instructions_are_those_of_the_counted_events_alone(tmp_path: Path) -> None:
    measure = partial(instructions.measure, found=("nothing counts", run))
    (result,) = measured("instructions", measure, tmp_path).values()
    assert list(result["ways"]) == [hot_path.FLOOR, *ENGINES]
    assert all(way["rounds"] == [800] for way in result["ways"].values())


PEER = """
from worker import work

def prepare(snapshot, frames):
    top = ([("1", "1")], [("2", "1")])
    assert snapshot.startswith(b'{"lastUpdateId"') and len(frames) == %d
    return (lambda: None), (lambda: top)

work({"a peer": ("does nothing", prepare)})
"""


def test_other_projects_take_turns_with_ours_and_are_told_to_be_wrong_or_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script, file = tmp_path / "with_nothing.py", tmp_path / "peers.json"
    frames = len(Recording.load(book_engines()["python"], is_small=True).frames)
    script.write_text(f"import sys; sys.path.append({str(PEERS)!r})\n{PEER % frames}")
    workers = [f"{sys.executable}={script}", "/not/there", f"{sys.executable}=/not/there.py"]
    assert peers.main([*workers, "--small", "--rounds", "2", "--json", str(file)]) == 0
    (result,) = json.loads(file.read_text(encoding="utf-8"))["results"]
    assert list(result["ways"]) == [hot_path.FLOOR, *ENGINES, "a peer"]
    said = capsys.readouterr().out
    assert "a peer: does nothing; top 20 NOT RIGHT at the end" in said
    assert said.count("left out: ") == 2


def test_ways_take_turns_and_none_is_always_the_first() -> None:
    order: list[str] = []

    def job(name: str) -> float:
        order.append(name)
        return float(len(order))

    values = in_turns({name: partial(job, name) for name in "abc"}, 3)
    assert "".join(order) == "abcbcacab"
    assert values["a"] == [1, 6, 8]


def test_the_way_end_to_end_gives_a_result_for_each_load() -> None:
    phases = {name: [end_to_end.Phase(cpu, 0.5, [1.0, 2.0])] for name, cpu in (("old", 9.0), ("new", 3.0))}
    result = end_to_end.results("500 events a second", phases)
    ratio = result.ratios("new")
    assert ratio is not None
    assert (result.name, result.base, round(ratio.median, 3)) == ("end_to_end_500", "old", 0.333)
    assert "new: from the venue's sending into the log p50 2 ms, p99 2 ms; woken 0.50 times a record" in result.notes


RESULT = Result("book_path", "Book <path>", "By\n hand.", "µs", {"floor": [1.0, 2.0], "ours": [4.0, 6.0]}, "floor")
ABOUT = {"processor": "P", "cores": 2, "python": "3", "commit": "c", "time": "t"}


def test_ratios_are_taken_round_by_round() -> None:
    ratio = RESULT.ratios("ours")
    assert ratio is not None
    assert (ratio.median, ratio.least, ratio.most) == (3.5, 3, 4)
    assert RESULT.method == "By hand."


def test_the_table_is_written_between_its_marks_in_readme_and_the_picture_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, readme, picture = tmp_path / "r.json", tmp_path / "README.md", tmp_path / "docs" / "b.svg"
    results.write_text(json.dumps({"machine": ABOUT, "results": [RESULT.as_json()]}))
    readme.write_text("\n".join(["above", *plot.MARKS, "below"]))
    for _ in range(2):
        assert plot.main([str(results), "-o", str(picture), "--table", "--readme", str(readme)]) == 0
    assert "| **ours** | 5 | 3.5 | 3 - 4 |" in capsys.readouterr().out
    written = readme.read_text()
    assert written.startswith(f"above\n{plot.MARKS[0]}\n\n| |")
    assert written.endswith(f"{plot.MARKS[1]}\nbelow")
    assert written.count("**ours**") == 1
    drawn = picture.read_text()
    assert "Book &lt;path&gt;" in drawn
    assert 'class="ours"' in drawn


def test_a_readme_without_the_marks_is_left_alone(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("nothing")
    with pytest.raises(SystemExit, match="expected the lines"):
        plot.into_readme(readme, "| |")
    assert readme.read_text() == "nothing"
