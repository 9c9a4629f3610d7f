"""A few inputs for every reader of what comes from outside, none of them left out; and that a fault is found."""

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import CodeType, FrameType

import pytest
from tests.fuzz.campaign import fuzz, input_of
from tests.fuzz.mutate import Mutator
from tests.fuzz.readers import Reader, all_readers, named, of_function

from market_data.adapters.kafka import subscription
from market_data.adapters.transport import rest
from market_data.adapters.transport.session import Session
from market_data.config import layers
from market_data.domain.errors import MalformedFrame

_SEED = 20_261_129
_SOURCES = Path(__file__).resolve().parents[2] / "src" / "market_data"
_OUTSIDE = ("bytes", "bytearray", "Raw", "Headers", "Response", "Message")
"""Types of what comes from a venue, a broker or a topic as it came."""
_NOT_READERS = {
    "adapters/console/terminal/driver.py:_take": "is given the keys that somebody pressed",
    "adapters/console/terminal/modes.py:write_some": "writes our own pictures",
    "adapters/inputlog.py:_text_of": "writes the log",
    "adapters/kafka/partitioner.py:partition_of": "is given our own keys",
    "adapters/kafka/producer.py:append": "is given our own records",
    "adapters/kafka/publication.py:_take": "is given our own records",
    "adapters/kafka/reading.py:_is_old": "compares two numbers that the client library has read",
    "adapters/processes.py:_warned": "is given the log of our own child",
    "adapters/transport/reading.py:_decrypted": "hands TLS to ssl, tests/contract/transport",
    "adapters/web/answers.py:answer": "is given our own answer",
    "adapters/web/gate.py:_ask_for_token": "compares what a browser sent, tests/contract/web",
    "adapters/web/gate.py:send_with_headers": "is given our own answer",
    "adapters/web/hub.py:__init__": "is given what writes our own answers",
    "adapters/web/pages.py:_route": "is given our own files",
    "adapters/venues/kraken.py:_digits_of_json": "is given the levels of our own book",
}
"""Functions that take such a type and read nothing of it, with the reason."""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("reader", all_readers(), ids=lambda reader: reader.name)
def test_only_documented_errors_leave_a_reader(reader: Reader) -> None:
    outcome = fuzz(reader, reader.short, _SEED)
    told = [f"{finding.error}\n{outcome.command(finding)}\n{finding.trace}" for finding in outcome.findings]
    assert not told, "\n".join(told)
    assert outcome.inputs == reader.short


# none is left out


def _takers() -> Iterator[str]:
    """Name every function of the adapters that is handed what came from outside, by the types of its arguments."""
    for path in sorted((_SOURCES / "adapters").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            words = {
                each.id if isinstance(each, ast.Name) else each.attr
                for argument in arguments
                if argument.annotation is not None
                for each in ast.walk(argument.annotation)
                if isinstance(each, ast.Name | ast.Attribute)
            }
            if words & set(_OUTSIDE):
                yield f"{path.relative_to(_SOURCES)}:{node.name}"


def _called(reader: Reader, inputs: int) -> set[str]:
    """Name the functions of the program that a reader's inputs come through."""
    codes: set[CodeType] = set()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            codes.add(frame.f_code)

    sys.setprofile(note)
    try:
        fuzz(reader, inputs, _SEED)
    finally:
        sys.setprofile(None)
    return {
        f"{Path(code.co_filename).relative_to(_SOURCES)}:{code.co_name}"
        for code in codes
        if code.co_filename.startswith(f"{_SOURCES}/")
    }


@pytest.mark.timeout(120)
def test_every_function_of_the_adapters_that_is_handed_outside_bytes_is_fuzzed() -> None:
    takers = set(_takers())
    assert {"adapters/venues/binance.py:read", "adapters/kafka/records.py:decode"} <= takers
    left = takers - _NOT_READERS.keys()
    for reader in all_readers():
        left -= _called(reader, len(reader.seeds()) + 25)
    assert not left, f"no reader of tests/fuzz comes through {', '.join(sorted(left))}"
    assert takers >= _NOT_READERS.keys(), "an exception stands for a function that is gone"


# a fault is found


def test_a_fault_in_a_reader_is_found_and_its_input_can_be_made_again() -> None:
    def careless(body: bytes) -> object:
        """Forget that a field may be missing."""
        (reader,) = named("coinbase book")
        with reader.open() as read:
            read(body)
        return {"pricebook": body}["pricebook" if b'"time"' in body else "time"]

    reader = of_function("careless", careless, named("coinbase book")[0].seeds, MalformedFrame)
    outcome = fuzz(reader, 300, 1)
    (finding,) = outcome.findings
    assert "KeyError" in finding.error
    assert outcome.undocumented.total() > 1
    assert f"--seed 1 --first {finding.number} --inputs 1" in outcome.command(finding)
    again = fuzz(reader, 1, 1, first=finding.number)
    assert again.findings[0].content == finding.content


@pytest.mark.parametrize(
    ("name", "owner", "function", "is_hit"),
    [
        ("http answer", rest, "refusal_of", lambda response, *_: "nan" in str(response.headers)),
        ("websocket", Session, "_append", lambda _, frame: b"null" in frame),
        ("settings file", layers, "_scalar", lambda node: "1970" in node.value),
        ("record shown", subscription, "read", lambda _, value: b"1970" in (value or b"")),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_a_rare_fault_deep_behind_a_reader_is_found(
    name: str, owner: object, function: str, is_hit: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a text of a few bytes, which one input in fifty or fewer brings there, had been forgotten."""
    rightly = getattr(owner, function)

    def forgetful(*arguments: object, **named: object) -> object:
        if is_hit(*arguments):
            message = "planted"
            raise ZeroDivisionError(message)
        return rightly(*arguments, **named)

    (reader,) = [each for each in all_readers() if each.name == name]
    with monkeypatch.context() as planting:
        planting.setattr(owner, function, forgetful)
        outcome = fuzz(reader, 1000, _SEED)
    assert 0 < outcome.undocumented.total() <= 20
    assert all(finding.error.startswith("ZeroDivisionError") for finding in outcome.findings)
    assert not fuzz(reader, 1, _SEED, first=outcome.findings[0].number).findings


def test_an_error_that_repeats_what_it_was_given_without_end_is_found() -> None:
    def repeat(content: bytes) -> None:
        raise MalformedFrame(f"expected a number, received {content!r}")

    outcome = fuzz(of_function("repeat", repeat, lambda: [b'{"a":"b"}'], MalformedFrame), 1000, _SEED)
    assert [finding.error.partition(" ")[0] for finding in outcome.findings] == ["TooMuchText"]


def test_the_same_number_makes_the_same_input_and_others_make_others() -> None:
    mutator = Mutator([b'{"a":[1,"x"],"b":{"c":null}}', b"text"])
    inputs = [input_of(mutator, "name", 7, number) for number in range(500)]
    assert inputs == [input_of(mutator, "name", 7, number) for number in range(500)]
    assert len(set(inputs)) > 400


def test_an_input_that_had_come_before_is_counted_and_not_given_again() -> None:
    given: list[bytes] = []
    outcome = fuzz(of_function("short", given.append, lambda: [b"1"]), 2000, _SEED)
    assert len(given) == len(set(given)) == outcome.accepted == outcome.inputs - outcome.repeated
    assert outcome.repeated > 0


def test_trees_of_any_shape_are_rearranged() -> None:
    random = Random(1)
    mutator = Mutator([b"[]", b"{}", b"[[],{}]", b'{"":""}', b"[1]", b""])
    assert len({mutator.make(random) for _ in range(5000)}) > 500


def test_a_name_that_no_reader_has_is_told_with_those_there_are() -> None:
    with pytest.raises(LookupError, match="binance frame, coinbase frame"):
        named("nobody")
