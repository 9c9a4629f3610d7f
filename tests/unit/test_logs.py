"""The log: its two forms, what is summed, and where lines come from."""

import io
import json
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from market_data.adapters.telemetry.logs import LogTelemetry
from market_data.config import Secret
from market_data.logs import Line, LogOutput, Repeats, configure_logging, render_json, render_pretty

HARMFUL = (
    "\x1b]0;title\x07",
    "\x1b[2J",
    "\n",
    "\r",
    "\x7f",
    "\x85",
    "\x9b2J",
    "\u2028",
    "\u202e",
    "\u2066",
    "\ufeff",
    "\ud800",
)
START = datetime(2024, 8, 8, 23, 59, 58, 123456, tzinfo=UTC)
SOURCES = Path(__file__).parents[2] / "src"


def line(message: str = "connection lost", **changes: Any) -> Line:
    """Make a warning."""
    return attrs.evolve(Line(START, "WARNING", 30, "feeds", message), **changes)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Broken(io.StringIO):
    """A stream that nobody reads any more."""

    def write(self, _: str) -> int:
        raise BrokenPipeError


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@attrs.frozen
class Log:
    """A configured log and what it wrote."""

    output: LogOutput
    stream: io.StringIO
    clock: Clock

    @property
    def lines(self) -> list[dict[str, object]]:
        return [json.loads(text) for text in self.stream.getvalue().splitlines()]

    @property
    def messages(self) -> list[object]:
        return [told["message"] for told in self.lines]


@pytest.fixture
def configure() -> Iterator[Callable[..., Log]]:
    """Give a function that configures the log; all is put back afterwards."""
    handlers, level, logs = list(logging.root.handlers), logging.root.level, []

    def configured(log_level: str = "INFO", log_format: str = "json", stream: io.StringIO | None = None) -> Log:
        clock, target = Clock(), stream or io.StringIO()
        logs.append(Log(configure_logging(log_level, log_format, target, 60, clock), target, clock))
        return logs[-1]

    with warnings.catch_warnings():
        yield configured
    for log in logs:
        log.output.close()
    logger.remove()
    logging.captureWarnings(capture=False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    for name in ("aiokafka", "asyncio", "httpcore", "httpx", "httpx_ws", "uvicorn", "websockets"):
        logging.getLogger(name).setLevel(logging.NOTSET)


class TestJson:
    def test_a_line_is_one_flat_object(self) -> None:
        told = json.loads(render_json(line(fields={"exchange": "binance", "attempt": 3})))

        assert told == {
            "time": "2024-08-08T23:59:58.123456Z",
            "level": "WARNING",
            "logger": "feeds",
            "message": "connection lost",
            "exchange": "binance",
            "attempt": 3,
        }

    def test_time_is_utc_with_microseconds(self) -> None:
        there = timezone(timedelta(hours=2))

        told = json.loads(render_json(line(time=datetime(2024, 1, 1, 1, tzinfo=there))))

        assert told["time"] == "2023-12-31T23:00:00.000000Z"

    def test_values_that_json_does_not_know_are_text(self) -> None:
        fields = {"price": Decimal("0.10"), "nan": float("nan"), "both": (1, Decimal(2)), "map": {1: 2}, "none": None}

        told = json.loads(render_json(line(fields=fields)))

        assert {name: told[name] for name in fields} == {
            "price": "0.10",
            "nan": "nan",
            "both": [1, "2"],
            "map": "{1: 2}",
            "none": None,
        }

    def test_a_field_can_not_take_the_place_of_the_message(self) -> None:
        told = json.loads(render_json(line(fields={"message": "x", "level": "y"})))

        assert (told["message"], told["message_"], told["level"], told["level_"]) == (
            "connection lost",
            "x",
            "WARNING",
            "y",
        )

    def test_a_secret_is_masked(self) -> None:
        assert "hunter2" not in render_json(line(fields={"password": Secret("hunter2")}))

    @given(st.text(), st.dictionaries(st.text(), st.text() | st.floats() | st.integers()))
    def test_any_message_and_fields_are_one_line_that_reads_back(self, message: str, fields: dict[str, object]) -> None:
        text = render_json(line(message, fields=fields))

        assert text.isprintable()
        assert json.loads(text, parse_constant=pytest.fail)["message"] == message

    @pytest.mark.parametrize("harm", HARMFUL, ids=ascii)
    def test_what_acts_on_a_terminal_is_escaped_and_says_the_same(self, harm: str) -> None:
        text = render_json(line(f"from {harm}", fields={f"a{harm}": f"<{harm}>"}, exception=f"Error: {harm}"))

        told = json.loads(text)
        assert harm not in text
        assert (told["message"], told[f"a{harm}"], told["exception"]) == (f"from {harm}", f"<{harm}>", f"Error: {harm}")


class TestPretty:
    def test_a_line_has_time_level_message_and_fields(self) -> None:
        text = render_pretty(line(fields={"exchange": "binance", "attempt": 3}), has_colour=False)

        assert text == "23:59:58.123 WARNING  connection lost exchange=binance attempt=3"

    def test_colour_goes_around_the_level_and_the_fields(self) -> None:
        text = render_pretty(line(fields={"a": 1}), has_colour=True)

        assert text == "23:59:58.123 \x1b[33mWARNING \x1b[0m connection lost\x1b[2m a=1\x1b[0m"

    def test_a_traceback_follows_on_lines_of_its_own(self) -> None:
        text = render_pretty(line(exception="Traceback\n  x\nError: \x1b[2J\n"), has_colour=False)

        assert text.splitlines()[1:] == ["Traceback", "  x", "Error: \\u001b[2J"]

    @given(st.text(), st.text())
    def test_no_text_from_afar_moves_the_cursor_or_starts_a_line(self, message: str, value: str) -> None:
        assert render_pretty(line(message, fields={"a": value}), has_colour=False).isprintable()


class TestRepeats:
    def test_the_first_is_told_at_once_and_the_next_are_summed_at_the_period_s_end(self) -> None:
        repeats = Repeats(60)

        told = [repeats.admit(line(fields={"n": n}), now=n) for n in range(4)]

        assert [len(lines) for lines in told] == [1, 0, 0, 0]
        assert repeats.due(59.9) == []
        (summed,) = repeats.due(60)
        assert summed.message == "connection lost (repeated 3 times in 60 s)"
        assert summed.fields == {"n": 3, "repeated": 3}
        assert repeats.due(60) == []

    def test_a_sum_carries_the_time_at_which_it_is_told(self) -> None:
        repeats = Repeats(60)
        repeats.admit(line(), 0)
        repeats.admit(line(time=START + timedelta(seconds=10)), 10)

        (summed,) = repeats.due(60)

        assert summed.time == START + timedelta(seconds=60)

    def test_a_lasting_fault_is_told_once_a_period(self) -> None:
        repeats = Repeats(60)

        told = [told.message for now in range(180) for told in repeats.admit(line(), now)]

        assert told == [
            "connection lost",
            "connection lost (repeated 59 times in 60 s)",
            "connection lost (repeated 60 times in 60 s)",
        ]

    def test_what_did_not_repeat_within_its_period_is_told_at_once_again(self) -> None:
        repeats = Repeats(60)

        assert [len(repeats.admit(line(), now)) for now in (0, 61, 122)] == [1, 1, 1]

    def test_a_single_repetition_is_counted_in_words(self) -> None:
        repeats = Repeats(60)
        repeats.admit(line(), 0)
        repeats.admit(line(), 1)

        assert [told.message for told in repeats.drain(30)] == ["connection lost (repeated once in 30 s)"]

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param(line("something else"), id="message"),
            pytest.param(line(level="ERROR", severity=40), id="level"),
            pytest.param(line(logger="other"), id="logger"),
            pytest.param(line(repeat_key="binance"), id="repeat key"),
        ],
    )
    def test_lines_differ_by_level_logger_and_message(self, other: Line) -> None:
        repeats = Repeats(60)
        repeats.admit(line(), 0)

        assert repeats.admit(other, 0) == [other]

    def test_a_repeat_key_stands_for_the_message(self) -> None:
        repeats = Repeats(60)
        repeats.admit(line("lost 1", repeat_key="lost %s"), 0)

        assert repeats.admit(line("lost 2", repeat_key="lost %s"), 0) == []

    def test_info_is_never_held_back(self) -> None:
        repeats = Repeats(60)
        info = line(level="INFO", severity=20)

        assert [repeats.admit(info, 0) for _ in range(3)] == [[info]] * 3

    def test_errors_are_summed_without_their_tracebacks(self) -> None:
        repeats = Repeats(60)
        for _ in range(2):
            repeats.admit(line(level="ERROR", severity=40, exception="Traceback"), 0)

        (summed,) = repeats.drain(1)

        assert summed.exception is None

    def test_a_warning_of_several_instruments_is_told_of_five_and_summed_in_one_line(self) -> None:
        repeats = Repeats(60)
        about = [line(subject_field="instrument", fields={"instrument": f"i{n}"}) for n in range(12)]

        told = [len(repeats.admit(each, 0)) for each in about]
        again = [len(repeats.admit(each, 1)) for each in about]

        assert (told, again) == ([1] * 5 + [0] * 7, [0] * 12)
        (summed,) = repeats.due(60)
        assert summed.message == "connection lost (repeated 19 times for 12 instruments in 60 s)"
        assert summed.fields == {
            "repeated": 19,
            "instruments": "i5, i6, i7, i8, i9, i10, i11, i0, i1, i2, ...",
        }

    def test_a_sum_of_one_instrument_names_it(self) -> None:
        repeats = Repeats(60)
        about = [line(subject_field="instrument", fields={"instrument": f"i{n}"}) for n in range(2)]
        for each in (*about, about[0], about[0]):
            repeats.admit(each, 0)

        (summed,) = repeats.due(60)

        assert summed.message == "connection lost (repeated 2 times in 60 s)"
        assert summed.fields == {"instrument": "i0", "repeated": 2}

    def test_of_new_instruments_a_lasting_fault_is_told_at_once(self) -> None:
        repeats = Repeats(60)
        about = [line(subject_field="instrument", fields={"instrument": f"i{n}"}) for n in range(3)]
        for now, each in enumerate((about[0], about[0], about[1])):
            repeats.admit(each, now)
        repeats.due(60)

        assert [len(repeats.admit(each, 61)) for each in about] == [0, 0, 1]

    @pytest.mark.parametrize("count", [250, 300, 2_000, 100_000])
    def test_however_many_instruments_a_flood_is_a_few_lines_a_period(self, count: int) -> None:
        repeats, told = Repeats(60), []
        for second in range(0, 120, 60):
            for repetition in range(3):
                for number in range(count):
                    about = line(subject_field="instrument", fields={"instrument": f"i{number}"})
                    told += repeats.admit(about, second + repetition)
        told += repeats.drain(120)

        assert len(told) <= 2 * (5 + 1)
        number = f"{count:,}" if count <= 4096 else "more than 4,096"
        assert f" times for {number} instruments in 60 s)" in told[-1].message
        counts = [each.fields.get("repeated", 1) for each in told]
        assert sum(each for each in counts if isinstance(each, int)) == 2 * 3 * count
        assert len(str(told[-1].fields)) < 300

    def test_beyond_256_kinds_of_warnings_the_others_of_a_level_are_one(self) -> None:
        repeats, told = Repeats(60), []
        for second in range(10):
            for number in range(2_000):
                told += repeats.admit(line(f"warning {number}"), second)
        told += repeats.admit(line("an error", level="ERROR", severity=40), 10)

        assert [each.message for each in told] == [*(f"warning {number}" for number in range(257)), "an error"]
        summed = repeats.due(60)
        assert len(summed) == 257
        assert summed[-1].message == (
            "warning 1999 (one of more kinds than are kept apart: repeated 17,439 times in 60 s)"
        )

    def test_next_due_is_when_the_first_period_with_repetitions_ends(self) -> None:
        repeats = Repeats(60)
        repeats.admit(line("a"), 0)
        assert repeats.next_due() is None
        repeats.admit(line("b"), 5)
        repeats.admit(line("b"), 6)

        assert repeats.next_due() == 65

    @given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 100)), max_size=60))
    def test_every_line_is_told_or_counted(self, steps: list[tuple[str, float]]) -> None:
        repeats, now, told = Repeats(60), 0.0, []
        for message, wait in steps:
            now += wait
            told += repeats.admit(line(message), now)
        told += repeats.drain(now)

        counts = [one.fields.get("repeated", 1) for one in told]
        assert sum(count for count in counts if isinstance(count, int)) == len(steps)


class TestOutput:
    def test_fields_are_bound_or_formatted(self, configure: Callable[..., Log]) -> None:
        log = configure()

        logger.bind(exchange="binance").info("connected")
        logger.info("{count} books", count=4)

        assert [(told["message"], told.get("exchange"), told.get("count")) for told in log.lines] == [
            ("connected", "binance", None),
            ("4 books", None, 4),
        ]

    @pytest.mark.parametrize(
        ("log_format", "stream", "is_json"),
        [
            pytest.param("auto", io.StringIO(), True, id="auto elsewhere"),
            pytest.param("auto", Terminal(), False, id="auto on a terminal"),
            pytest.param("json", Terminal(), True, id="json on a terminal"),
            pytest.param("pretty", io.StringIO(), False, id="pretty elsewhere"),
        ],
    )
    def test_the_form_follows_the_setting_and_the_stream(
        self,
        configure: Callable[..., Log],
        log_format: str,
        stream: io.StringIO,
        is_json: bool,  # noqa: FBT001 - a test's parameter
    ) -> None:
        configure(log_format=log_format, stream=stream)

        logger.info("hello")

        assert stream.getvalue().startswith("{") is is_json

    @pytest.mark.parametrize(
        ("environ", "has_colour"),
        [
            pytest.param({"TERM": "xterm"}, True, id="terminal"),
            pytest.param({"TERM": "xterm", "NO_COLOR": ""}, True, id="NO_COLOR empty"),
            pytest.param({"TERM": "xterm", "NO_COLOR": "1"}, False, id="NO_COLOR"),
            pytest.param({"TERM": "dumb"}, False, id="dumb terminal"),
        ],
    )
    def test_colour_is_for_terminals_that_want_it(
        self,
        configure: Callable[..., Log],
        monkeypatch: pytest.MonkeyPatch,
        environ: dict[str, str],
        has_colour: bool,  # noqa: FBT001 - a test's parameter
    ) -> None:
        monkeypatch.delenv("NO_COLOR", raising=False)
        for name, text in environ.items():
            monkeypatch.setenv(name, text)
        stream = Terminal()
        configure(log_format="auto", stream=stream)

        logger.info("hello")

        assert ("\x1b[" in stream.getvalue()) is has_colour

    def test_levels_below_the_setting_are_not_written(self, configure: Callable[..., Log]) -> None:
        log = configure("WARNING")

        logger.info("no")
        logging.getLogger("some").info("no")
        logger.warning("yes")

        assert log.messages == ["yes"]

    def test_an_exception_is_told_without_the_values_of_variables(self, configure: Callable[..., Log]) -> None:
        log = configure()
        password = "hunter" + "2"
        try:
            int(f"{len(password)}x")
        except ValueError:
            logger.exception("failed")

        (told,) = log.lines
        assert "ValueError: invalid literal" in str(told["exception"])
        assert "hunter2" not in str(told)

    def test_repetitions_are_told_by_a_tick_and_at_the_close(self, configure: Callable[..., Log]) -> None:
        log = configure()
        for _ in range(3):
            logger.warning("lost")
        log.clock.now += 60
        log.output.tick()
        logger.warning("lost")
        log.clock.now += 5

        log.output.close()

        assert log.messages == ["lost", "lost (repeated 2 times in 60 s)", "lost (repeated once in 5 s)"]

    def test_after_the_close_every_line_is_written(self, configure: Callable[..., Log]) -> None:
        log = configure()
        log.output.close()

        logger.warning("lost")
        logger.warning("lost")

        assert log.messages == ["lost", "lost"]

    def test_a_timer_tells_the_sum_when_nothing_more_is_said(self, configure: Callable[..., Log]) -> None:
        del configure
        told = threading.Event()

        class Watched(io.StringIO):
            def write(self, text: str) -> int:
                if "repeated" in text:
                    told.set()
                return super().write(text)

        output = configure_logging("INFO", "json", Watched(), repeat_seconds=0.05)
        logger.warning("lost")
        logger.warning("lost")

        assert told.wait(5)
        output.close()

    @pytest.mark.parametrize("kind", ["broken", "closed"])
    def test_a_stream_that_is_gone_stops_nobody(self, configure: Callable[..., Log], kind: str) -> None:
        stream = Broken() if kind == "broken" else io.StringIO()
        log = configure(stream=stream)
        if kind == "closed":
            stream.close()

        logger.warning("one")
        logger.warning("one")
        log.output.close()

    def test_text_that_the_stream_can_not_hold_is_escaped(self, configure: Callable[..., Log]) -> None:
        buffer = io.BytesIO()
        stream = io.TextIOWrapper(buffer, encoding="ascii")
        configure(stream=stream)

        logger.info("€ \udcff")

        assert b"\\u20ac \\udcff" in buffer.getvalue()
        stream.detach()

    def test_it_writes_to_stderr_and_nothing_to_stdout(self) -> None:
        program = (
            "from market_data.logs import configure_logging; from loguru import logger\n"
            "output = configure_logging('INFO', 'auto'); logger.warning('lost'); logger.warning('lost'); output.close()"
        )

        ran = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": str(SOURCES)},
        )

        assert ran.stdout == ""
        assert [json.loads(text)["message"] for text in ran.stderr.splitlines()] == [
            "lost",
            "lost (repeated once in 0 s)",
        ]


class TestStandardLogging:
    def test_libraries_are_heard_with_their_name_and_level(self, configure: Callable[..., Log]) -> None:
        log = configure()

        logging.getLogger("library.part").error("failed: %s", "why")
        logging.getLogger("library.part").log(35, "between")

        assert [(told["logger"], told["level"], told["message"]) for told in log.lines] == [
            ("library.part", "ERROR", "failed: why"),
            ("library.part", "Level 35", "between"),
        ]

    def test_the_template_tells_what_repeats(self, configure: Callable[..., Log]) -> None:
        log = configure()

        for attempt in range(3):
            logging.getLogger("httpx").warning("attempt %d failed", attempt)
        log.output.close()

        assert log.messages == ["attempt 0 failed", "attempt 2 failed (repeated 2 times in 0 s)"]
        assert "repeat_key" not in log.lines[0]

    @pytest.mark.parametrize(("level", "is_heard"), [("INFO", False), ("DEBUG", True)])
    def test_talkative_libraries_are_quiet_unless_debugging(
        self,
        configure: Callable[..., Log],
        level: str,
        is_heard: bool,  # noqa: FBT001 - a test's parameter
    ) -> None:
        log = configure(level)

        logging.getLogger("httpx").info("connected")
        logging.getLogger("httpx").warning("odd")

        assert log.messages == (["connected", "odd"] if is_heard else ["odd"])

    @pytest.mark.parametrize(("level", "is_heard"), [("INFO", False), ("WARNING", False), ("DEBUG", True)])
    def test_what_we_tell_ourselves_is_not_told_by_the_kafka_library_unless_debugging(
        self,
        configure: Callable[..., Log],
        level: str,
        is_heard: bool,  # noqa: FBT001 - a test's parameter
    ) -> None:
        log = configure(level)

        logging.getLogger("aiokafka.producer.sender").error("Unable to update metadata from %s", [1])

        assert log.messages == (["Unable to update metadata from [1]"] if is_heard else [])

    def test_braces_in_a_message_are_text(self, configure: Callable[..., Log]) -> None:
        log = configure()

        logging.getLogger("library").warning("got {x} <red>")

        assert log.messages == ["got {x} <red>"]

    def test_arguments_that_do_not_fit_are_left_out(self, configure: Callable[..., Log]) -> None:
        log = configure()

        logging.getLogger("library").warning("%d books", "many")

        assert log.messages == ["%d books"]

    def test_exceptions_and_python_warnings_are_told(self, configure: Callable[..., Log]) -> None:
        log = configure()
        try:
            int("x")
        except ValueError:
            logging.getLogger("library").exception("failed")
        warnings.simplefilter("always")
        warnings.warn("outdated", stacklevel=1)

        assert "ValueError" in str(log.lines[0]["exception"])
        assert "UserWarning: outdated" in str(log.messages[1])
        assert log.lines[1]["logger"] == "py.warnings"

    def test_configuring_again_replaces_what_was(self, configure: Callable[..., Log]) -> None:
        before, after = configure(), configure()

        logging.getLogger("library").warning("once")

        assert before.lines == []
        assert after.messages == ["once"]


class TestTelemetry:
    def test_a_warning_of_many_instruments_is_summed_in_one_line_that_names_some(
        self, configure: Callable[..., Log]
    ) -> None:
        log, telemetry = configure(), LogTelemetry()

        for number in range(2_000):
            telemetry.warn("another producer still publishes", instrument=f"binance:A{number}-USD")
        log.output.close()

        assert len(log.lines) == 6
        assert log.messages[-1] == (
            "another producer still publishes (repeated 1,995 times for 1,995 instruments in 0 s)"
        )
        assert str(log.lines[-1]["instruments"]).startswith("binance:A5-USD, binance:A6-USD, ")

    def test_exchanges_are_told_apart(self, configure: Callable[..., Log]) -> None:
        log, telemetry = configure(), LogTelemetry()

        for exchange in ("binance", "coinbase", "binance"):
            telemetry.warn("connection lost", exchange=exchange)

        assert [told["exchange"] for told in log.lines] == ["binance", "coinbase"]
