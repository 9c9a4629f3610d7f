"""How the program ends when it is told to, and when nobody looks any more: flushed, status 0, without a traceback."""

import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.programs import Sandbox, environment, held_by_terminal, running

pytestmark = pytest.mark.timeout(60)

ENDINGS = [
    pytest.param(signal.SIGINT, id="Ctrl-C"),
    pytest.param(signal.SIGTERM, id="SIGTERM"),
    pytest.param(signal.SIGHUP, id="terminal closed"),
]


@pytest.mark.parametrize("ending", ENDINGS)
def test_both_commands_end_flushed_and_with_status_0(
    ending: signal.Signals, world: Sandbox, topic: str, tmp_path: Path
) -> None:
    with (
        held_by_terminal() as one,
        held_by_terminal() as other,
        running("produce", *world.options(topic), folder=tmp_path, **one) as producer,
        running("consume", *world.options(topic), folder=tmp_path, **other) as consumer,
    ):
        consumer.wait_for_out("binance    BTC-USDT    bid", "coinbase   ETH-USD     bid")
        ended = producer.end(ending)
        # What the producer says last is read, of each instrument.
        consumer.wait_for(lambda: len([line for line in consumer.out if "disconnected (shutdown)" in line]) == 4)
        seen = consumer.end(ending)
    assert '"message": "order proven", "records": ' in seen.err
    assert re.search(
        r'"message": "producing", "run": "[0-9TZ.]+-[0-9a-f]{8}", "engine": "(python|native [0-9.]+)"', ended.err
    )
    for each in (ended, seen):
        assert each.status == 0
        assert "Traceback" not in each.err


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("command", ["produce", "consume"])
def test_an_ending_before_the_broker_is_there_is_clean_too(
    command: str, ending: signal.Signals, tmp_path: Path
) -> None:
    options = ("--env", "test", "--set", "kafka.connect_timeout_seconds=30")
    with held_by_terminal() as held, running(command, *options, folder=tmp_path, **held) as program:
        program.wait_for_err("no Kafka broker answers")
        ended = program.end(ending)
    assert ended.status == 0
    assert "Traceback" not in ended.err


def test_a_program_under_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    with running(
        *("consume", "--env", "test", "--set", "kafka.connect_timeout_seconds=30"),
        folder=tmp_path,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    ) as program:
        program.wait_for_err("no Kafka broker answers")
        program.process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            program.process.wait(1)
        assert program.end(signal.SIGTERM).status == 0


@pytest.mark.parametrize("view", ["lines", "json"])
def test_a_pipe_into_head_ends_with_status_0(view: str, world: Sandbox, topic: str, tmp_path: Path) -> None:
    with running("produce", *world.options(topic), folder=tmp_path):
        script = f"{{ {_shell('consume', *world.options(topic), '--view', view)}; echo status $? >&2; }} | head -3"
        piped = subprocess.run(
            ["sh", "-c", script],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    assert len(piped.stdout.splitlines()) == 3
    assert piped.stderr.splitlines()[-1] == "status 0"
    assert "Traceback" not in piped.stderr
    assert "BrokenPipe" not in piped.stderr


def test_help_into_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    script = f"{{ {_shell('consume', '--help')}; echo status $? >&2; }} | true"
    piped = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=30, check=True
    )
    assert piped.stderr == "status 0\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    "command", [["--help"], ["config", "--env", "test"], ["demo", "--view", "lines"]], ids=" ".join
)
def test_a_full_disk_is_one_line(command: list[str], tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full, running(*command, folder=tmp_path, stdout=full) as program:
        ended = program.end(None)
    assert ended.status == 1
    assert ended.err.splitlines()[-1] == "could not write: no space left on device, make room and start again"
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_error(closed: str, tmp_path: Path) -> None:
    script = f"{_shell('config', '--env', 'test')} {closed}"
    ended = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 0
    assert not ended.stderr


def _shell(*arguments: str) -> str:
    return shlex.join([sys.executable, "-m", "app", *arguments])
