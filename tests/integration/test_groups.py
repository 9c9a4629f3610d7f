"""A group of consumers as processes: one, then three, then one again, while records come."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs
import pytest
from tests.support.processes import Program, running, running_sandbox

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

ASSETS = ("ADA", "BTC", "ETH", "SOL", "XRP")
KEYS = frozenset([f"binance:{asset}-USDT" for asset in ASSETS] + [f"coinbase:{asset}-USD" for asset in ASSETS])


@attrs.define
class Member:
    """One ``consume --group``, and what it has shown."""

    program: Program
    path: Path
    mark: int = 0

    def shown(self) -> list[dict[str, object]]:
        """Give what it has shown so far."""
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def keys(self) -> frozenset[str]:
        """Give what it has shown since the mark."""
        return frozenset(f"{line['exchange']}:{line['symbol']}" for line in self.shown()[self.mark :])

    def begin(self) -> None:
        """Forget what it has shown so far."""
        self.mark = len(self.shown())


@contextmanager
def member(number: int, options: list[str], folder: Path) -> Iterator[Member]:
    """Run one."""
    path = folder / f"member-{number}.jsonl"
    with path.open("wb") as stdout:
        command = ["app", "consume", "--view", "json", "--group", "tops", *options]
        with running(command, folder, f"consume-{number}", stdout=stdout) as program:
            yield Member(program, path)


def wait_for(what: Callable[[], bool], members: list[Member], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, [sorted(each.keys()) for each in members]
        time.sleep(0.2)


def shares(members: list[Member]) -> list[frozenset[str]]:
    """Tell what each shows for a while."""
    for each in members:
        each.begin()
    time.sleep(2)
    return [each.keys() for each in members]


def test_a_group_grows_and_shrinks_and_no_instrument_is_ever_lost(
    kafka_brokers: str, topic: str, tmp_path: Path
) -> None:
    with (
        running_sandbox(tmp_path, "--no-broker", "--instruments", ",".join(sorted(KEYS))) as sandbox,
        ExitStack() as all_,
    ):
        options = ["--config", str(sandbox.settings)]
        options += ["--set", f"kafka.brokers={kafka_brokers}", "--set", f"kafka.topics.books={topic}"]
        producer = all_.enter_context(running(["app", "produce", *options], tmp_path, "produce"))
        first = all_.enter_context(member(1, options, tmp_path))
        wait_for(lambda: first.keys() == KEYS, [first])

        others = [all_.enter_context(member(number, options, tmp_path)) for number in (2, 3)]
        members = [first, *others]
        wait_for(lambda: all(shares(members)) and sum(map(len, shares(members))) == len(KEYS), members)
        shared = shares(members)
        assert frozenset().union(*shared) == KEYS
        print("shared out:", [sorted(each) for each in shared])

        for each in others:
            assert each.program.stop() == 0, each.program.read_log()
        first.begin()
        wait_for(lambda: first.keys() == KEYS, [first])
        assert producer.stop() == 0
        assert first.program.stop() == 0, first.program.read_log()

    for each in members:
        newest: dict[str, int] = {}
        for line in each.shown():
            key, at = f"{line['exchange']}:{line['symbol']}", int(str(line["publish_seq"]))
            assert at > newest.get(key, -1), f"{key} was shown again, or an older one"
            newest[key] = at
        assert "ORDER NOT PROVEN" not in each.program.read_log()
        assert "records are missing" not in each.program.read_log()
