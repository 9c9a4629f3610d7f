"""What venues say is shown and does nothing to the terminal; what the machine lacks is one line with what to do."""

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.exchanges import refusing
from tests.support.programs import Sandbox, environment, run, running

pytestmark = pytest.mark.timeout(60)

_HARM = "\x1b]0;title\x07\x1b[2J\x9b2J\x7f\u202eTDSU\u2028\u2066\x85"
_BODY = f"first\nok    everything is fine{_HARM}".encode()


def _is_harmless(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


def test_an_error_body_is_shown_and_acts_on_nothing(world: Sandbox, topic: str, tmp_path: Path) -> None:
    with refusing(400, body=_BODY) as venue:
        rest = ("--set", f"venues.binance.rest_url=http://{venue.address}")
        asked = run("instruments", *world.options(topic), *rest, folder=tmp_path)
        checked = run("check", *world.options(topic), *rest, folder=tmp_path)
    assert (asked.status, checked.status) == (1, 1)
    assert "everything is fine" in asked.err + checked.out
    for text in (asked.out, asked.err, checked.out, checked.err):
        assert _is_harmless(text)
    assert not any(line.startswith("ok    everything") for line in (asked.err + checked.out).split("\n"))


def test_the_log_of_an_error_body_is_json_that_acts_on_nothing(world: Sandbox, topic: str, tmp_path: Path) -> None:
    with refusing(400, body=_BODY) as venue:
        rest = ("--set", f"venues.binance.rest_url=http://{venue.address}")
        with running("produce", *world.options(topic), *rest, folder=tmp_path) as producer:
            producer.wait_for_err("everything is fine")
            ended = producer.end()
    assert _is_harmless(ended.err)
    assert all(json.loads(line)["level"] for line in ended.err.splitlines())


def test_symbols_that_stdout_cannot_encode_are_escaped(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("kafka: {client_id: 币}\n", encoding="utf-8")
    ended = run("config", "--config", "mine.yaml", folder=tmp_path, environ={"PYTHONIOENCODING": "iso-8859-1"})
    assert ended.status == 0
    assert 'client_id: "\\u5e01" ' in ended.out
    assert "Traceback" not in ended.err


# what the machine lacks


def test_without_a_temporary_folder_the_demo_says_what_to_set(tmp_path: Path) -> None:
    program = (
        "import tempfile; tempfile._candidate_tempdir_list = lambda: ['/no/such/folder']\n"
        "from market_data.cli import main; raise SystemExit(main(['demo']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("no temporary folder can be made (")
    assert line.endswith(": set TMPDIR to a folder to write in")


def test_a_limit_of_file_handles_is_one_line(tmp_path: Path) -> None:
    def lower() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))

    environ = {"TMPDIR": str(tmp_path)}
    with running("demo", "--seconds", "5", folder=tmp_path, environ=environ, preexec_fn=lower) as demo:
        ended = demo.end(None)
    assert ended.status == 1
    assert ended.err.splitlines()[-1] == "too many open files: raise the limit (ulimit -n) and start again"
    assert "Traceback" not in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["config", "produce", "instruments"])
def test_a_working_folder_that_is_gone_is_one_line(command: str, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    script = f"rmdir {folder}; exec {sys.executable} -m app {command}"
    ended = subprocess.run(
        ["sh", "-c", script], cwd=folder, env=environment(), capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr == "the working folder: it no longer exists, change to another one\n"


# signals


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=["Ctrl-C", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("command", [("app", "produce"), ("sandbox",)], ids=" ".join)
def test_a_signal_while_the_program_is_loaded_ends_it_with_status_0(
    command: tuple[str, ...], ending: signal.Signals, tmp_path: Path
) -> None:
    module, *arguments = command
    with running(*arguments, folder=tmp_path, module=module, environ={"PYTHONPROFILEIMPORTTIME": "1"}) as program:
        program.wait_for_err("click.core")
        ended = program.end(ending)
    assert ended.status == 0
    assert "Traceback" not in ended.err
