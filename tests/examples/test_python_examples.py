"""The Python examples and the notebook against a sandbox: ``nox -s examples``."""

import importlib.util
import json
import re
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from tests.examples.programs import EXAMPLES, KEYS, ended, publish, started
from tests.support.programs import Sandbox, running
from tests.support.records import record

from market_data import BookStatus, Reason

pytestmark = [pytest.mark.examples, pytest.mark.timeout(60)]

PAIR = ("binance:BTC-USDT", "coinbase:BTC-USD")
MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


def module(name: str) -> ModuleType:
    """Import an example."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def topic() -> str:
    return f"books-{uuid.uuid4().hex[:12]}"


def test_dataframe_prints_mids_by_the_second_and_the_share_of_time_live(world: Sandbox) -> None:
    done = ended(sys.executable, "dataframe.py", world.brokers, *PAIR, "--minutes", "0.2")
    assert (done.status, done.err) == (0, "")
    assert set(re.findall(r"\w+:\w+-\w+", done.out)) == set(PAIR)
    assert re.search(r"│ [\d-]+ [\d:]+ .*┆ \d+\.\d+ +┆ \d+\.\d+ +│", done.out), done.out
    assert re.search(r"binance:BTC-USDT ┆ \S+ +┆ \S+ +│", done.out), done.out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param(["coinbase:NO-USD"], "dataframe: no records of coinbase:NO-USD in the last", id="no such"),
        pytest.param(["BTC"], "dataframe: .*expected VENUE:BASE-QUOTE", id="no instrument"),
    ],
)
def test_dataframe_says_what_it_cannot_show(world: Sandbox, arguments: list[str], problem: str) -> None:
    done = ended(sys.executable, "dataframe.py", world.brokers, *arguments, "--minutes", "0.1")
    assert (done.status, done.out) == (1, "")
    assert re.match(problem, done.err)
    assert "\n" not in done.err


def test_dataframe_refuses_to_go_on_where_a_record_is_missing(world: Sandbox, topic: str) -> None:
    publish(world.brokers, topic, record(0), record(1), record(3))
    done = ended(sys.executable, "dataframe.py", world.brokers, "--topic", topic)
    assert (done.status, done.out) == (1, "")
    assert done.err == "dataframe: 1 records missing, 0 doubled, 0 out of order"


@pytest.mark.parametrize(
    ("rows", "live"),
    [
        pytest.param([(1, "a", 1, 0, True), (4, "a", 1, 0, True)], range(2, 20), id="held, and the last for 15 s"),
        pytest.param([(1, "a", 1, 0, True), (4, "a", 1, 0, False)], [2, 3, 4], id="held until a gap"),
        pytest.param(
            [(1, "a", 1, 0, True), (4, "a", 1, 0, False), (6, "a", 2, 0, True)],
            [2, 3, 4, *range(7, 22)],
            id="not over it",
        ),
        pytest.param([(1, "a", 1, 0, True), (4, "a", 2, 7, True)], range(5, 20), id="a gap was merged away"),
        pytest.param([(1, "a", 1, 0, True), (4, "a", 1, 1, False)], [], id="a merged gap may have begun earlier"),
        pytest.param([(1, "a", 1, 0, True), (4, "a", 1, 9, True)], range(2, 20), id="merged changes of one epoch"),
        pytest.param([(1, "a", 1, 0, True), (4, "b", 0, 0, False)], [], id="a producer that died"),
    ],
)
def test_a_mid_is_never_carried_over_time_that_was_not_live(
    rows: list[tuple[int, str, int, int, bool]], live: list[int]
) -> None:
    dataframe = module("dataframe")
    books = dataframe.pl.DataFrame(
        [
            ("binance:BTC-USDT", MIDNIGHT + timedelta(seconds=at, microseconds=500_000), run, epoch, merged, is_live)
            + ((100.0, 1.0) if is_live else (None, None))
            for at, run, epoch, merged, is_live in rows
        ],
        dataframe.SCHEMA,
        orient="row",
    )
    seconds = dataframe.per_second(books, MIDNIGHT, MIDNIGHT + timedelta(seconds=40))
    assert len(seconds) == 40
    shown = [at.second for at, mid in seconds.select("second", "mid").rows() if mid is not None]
    assert shown == list(live)
    assert [at.second for at, is_live in seconds.select("second", "is_live").rows() if is_live] == list(live)


@pytest.mark.timeout(120)  # a kernel that imports three large packages
def test_the_notebook_plots_the_mids_and_tells_the_share_of_time_live(world: Sandbox, tmp_path: Path) -> None:
    output = tmp_path / "executed.ipynb"
    command = (sys.executable, "-m", "jupyter", "execute", f"--output={output}", "top_of_book.ipynb")
    done = ended(*command, seconds=100, KAFKA_BROKERS=world.brokers)
    assert done.status == 0, done.err
    cells = json.loads(output.read_text(encoding="utf-8"))["cells"]
    outputs = {cell["id"]: cell["outputs"] for cell in cells if cell["cell_type"] == "code"}
    assert any("image/png" in each.get("data", {}) for each in outputs["plot"])
    (share,) = outputs["share"]
    assert set(re.findall(r"\w+:\w+-\w+", "".join(share["data"]["text/plain"]))) == KEYS
    assert [each for cell in outputs.values() for each in cell if each["output_type"] == "stream"] == []


def test_the_strategy_is_on_only_while_both_books_are_live(world: Sandbox, topic: str, tmp_path: Path) -> None:
    produce = ("produce", *world.options(topic))
    with running(*produce, folder=tmp_path) as producer:
        producer.wait_for_err('"connected", "exchange": "coinbase"')
        with started(sys.executable, "async_strategy.py", world.brokers, *PAIR, "--topic", topic) as strategy:
            strategy.wait_for_out("bps, USDT/USD basis included: no edge")
            assert producer.end().status == 0
            strategy.wait_for(lambda: "disconnected (shutdown)" in strategy.out[-1])
            before = len(strategy.out)
            with running(*produce, folder=tmp_path):
                strategy.wait_for(lambda: "on" in strategy.out[before:])
                done = strategy.end()
    assert (done.status, done.err) == (0, "")
    assert strategy.out[0].startswith("off ")
    is_on = False
    for line in strategy.out:
        assert is_on or not line.endswith("no edge"), strategy.out
        is_on = is_on if line.endswith("no edge") else line == "on"


def test_the_strategy_ends_where_a_record_is_missing(world: Sandbox, topic: str) -> None:
    publish(world.brokers, topic, record(0))
    with started(sys.executable, "async_strategy.py", world.brokers, "--topic", topic) as strategy:
        strategy.wait_for_out("off binance:BTC-USDT")
        publish(world.brokers, topic, record(1), record(3))
        done = strategy.end(None)
    assert done.status == 1
    assert done.err.startswith("async_strategy: records are missing")


@pytest.mark.parametrize(
    ("book", "expected"),
    [
        pytest.param(None, "no record yet", id="nothing"),
        pytest.param(record(), None, id="live"),
        pytest.param(record(asks=()), "one side is empty", id="one-sided"),
        pytest.param(record(status=BookStatus.GAP, reason=Reason.SEQUENCE), "gap (sequence)", id="gap"),
        pytest.param(record(status=BookStatus.SYNCING), "syncing", id="no reason"),
    ],
)
def test_a_leg_is_in_trouble_unless_it_is_live_and_has_both_sides(book: object, expected: str | None) -> None:
    strategy = module("async_strategy")
    received = record().received_time
    assert received is not None
    assert strategy.trouble(book, received + 2_000_000, 2_000_000) == expected


def test_a_leg_is_in_trouble_when_it_is_old() -> None:
    received = record().received_time
    assert received is not None
    assert module("async_strategy").trouble(record(), received + 2_000_001, 2_000_000) == "older than 2 s"
