"""The Go example against a sandbox, where Go is installed: ``nox -s examples``."""

import re
import shutil
import uuid
from decimal import Decimal, localcontext
from itertools import count
from pathlib import Path

import pytest
from tests.examples.programs import EXAMPLES, KEYS, ended, publish, started
from tests.support.programs import Sandbox
from tests.support.records import record

pytestmark = [pytest.mark.examples, pytest.mark.timeout(60)]

GO = EXAMPLES / "go"
LINE = re.compile(r"(\S+) bid (\S+) ask (\S+) mid (\S+)")


@pytest.fixture(scope="module")
def go() -> str:
    found = shutil.which("go")
    if found is None:
        pytest.skip("needs Go on the PATH")
    return found


@pytest.fixture(scope="module")
def top_of_book(go: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("go") / "top-of-book"
    built = ended(go, "build", "-o", program, ".", folder=GO)
    assert built.status == 0, built.err
    return program


def test_its_own_tests_pass_and_vet_finds_nothing(go: str) -> None:
    for command in (("vet", "./..."), ("test", "./...")):
        done = ended(go, *command, folder=GO)
        assert done.status == 0, done.out + done.err
    assert ended("gofmt", "-l", ".", folder=GO).out == ""


def test_it_shows_exact_mids_of_every_instrument_and_proves_the_order(top_of_book: Path, world: Sandbox) -> None:
    done = ended(top_of_book, "-brokers", world.brokers, "-seconds", "3")
    assert done.status == 0, done.err
    assert re.fullmatch(r"\d+ records of 4 instruments, 0 of other producers left out\norder proven", done.err)
    shown = [LINE.fullmatch(line) for line in done.out.splitlines()]
    assert {line[1] for line in shown if line} == KEYS
    with localcontext(prec=60):
        for line in filter(None, shown):
            assert (Decimal(line[2]) + Decimal(line[3])) / 2 == Decimal(line[4])


def test_it_ends_after_so_many_records(top_of_book: Path, world: Sandbox) -> None:
    done = ended(top_of_book, "-brokers", world.brokers, "-count", "20")
    assert (done.status, done.err.partition(",")[0]) == (0, "20 records of 4 instruments")


def test_it_ends_with_status_1_where_a_record_is_missing(top_of_book: Path, world: Sandbox) -> None:
    topic = f"books-{uuid.uuid4().hex[:12]}"
    publish(world.brokers, topic, record(0))
    with started(top_of_book, "-brokers", world.brokers, "-topic", topic) as program:
        seqs = count(1)
        while not program.out:  # it reads from its start on, whenever that is
            publish(world.brokers, topic, record(next(seqs)))
        missing = next(seqs)
        publish(world.brokers, topic, record(missing + 1))
        done = program.end(None)
    assert done.status == 1
    assert program.out == ["binance:BTC-USDT bid 100 ask 101 mid 100.5"]
    assert f"order broken: binance:BTC-USDT, run {record().run}: expected publish_seq {missing}," in done.err


@pytest.mark.parametrize(
    ("arguments", "status", "problem"),
    [
        pytest.param(["-brokers", "127.0.0.1:1"], 1, "no Kafka broker answers at 127.0.0.1:1", id="no broker"),
        pytest.param(["-cuont", "3"], 2, "flag provided but not defined: -cuont", id="no such flag"),
        pytest.param(["binance:BTC-USDT"], 2, "Usage of", id="an argument"),
    ],
)
def test_misuse_is_told(top_of_book: Path, arguments: list[str], status: int, problem: str) -> None:
    done = ended(top_of_book, *arguments)
    assert (done.status, done.out) == (status, "")
    assert problem in done.err
