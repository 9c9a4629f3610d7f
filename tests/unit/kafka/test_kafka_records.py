"""The record's bytes: what is written, what is read, and that the JSON Schema says the same."""

import io
import json
import re
from pathlib import Path

import attrs
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.bounds import HandClock

from market_data.adapters.console.lines import LinesDisplay
from market_data.adapters.kafka.records import HEADERS, decode, encode, json_schema, read
from market_data.application.ports import Reading
from market_data.domain.errors import MalformedRecord
from market_data.domain.market import Market
from market_data.domain.normalized import LATEST_TIME, BookStatus, Levels, NormalizedBook, Proof, Reason
from market_data.domain.proof import OrderProof

_GOLDEN = Path(__file__).parent / "golden"
_V1 = sorted(_GOLDEN.glob("v1/*.json"))
_V2 = sorted(_GOLDEN.glob("v2/*.json"))
_RUN = "20240808T000000Z-1f2e3d"
_VALIDATOR = jsonschema.Draft7Validator(json.loads(json_schema()))

LIVE = NormalizedBook(
    exchange="binance",
    symbol="BTC-USDT",
    status=BookStatus.LIVE,
    reason=None,
    status_since=1723075200000000,
    bids=(("55133.99000000", "3.19263000"), ("55133.98000000", "0.00100000")),
    asks=(("55134.00000000", "2.65411000"), ("55134.01000000", "0.00011000"), ("55134.37000000", "0.10000000")),
    event_time=1723075200114000,
    received_time=1723075200131007,
    sequence=50123456789,
    epoch=1,
    run=_RUN,
    publish_seq=17,
    conflated=0,
)
GAP = attrs.evolve(
    LIVE,
    status=BookStatus.GAP,
    reason=Reason.SEQUENCE,
    status_since=1723075300000000,
    bids=(),
    asks=(),
    event_time=1723075299900000,
    received_time=1723075299950000,
    sequence=50123459999,
    publish_seq=700,
)
SYNCING = NormalizedBook(
    "binance", "ETH-USDT", BookStatus.SYNCING, None, 1723075199000000, (), (), None, None, None, 0, _RUN, 0, 0
)
BY_CHECKSUM = attrs.evolve(
    LIVE, exchange="kraken", symbol="BTC-USD", sequence=None, proof=Proof.CHECKSUM, proven_levels=2
)
UNPROVEN = attrs.evolve(BY_CHECKSUM, exchange="bitstamp", proof=Proof.NONE, proven_levels=0)


@st.composite
def books(draw: st.DrawFn) -> NormalizedBook:
    """Draw a book as the domain promises it."""
    status = draw(st.sampled_from(BookStatus))
    is_live = status is BookStatus.LIVE
    decimals = st.from_regex(r"[0-9]{1,12}(\.[0-9]{1,18})?", fullmatch=True)
    sides = st.lists(st.tuples(decimals, decimals), max_size=20).map(tuple) if is_live else st.just(())
    reasons = st.sampled_from(Reason)
    times = st.integers(0, 2**53)
    proof = draw(st.sampled_from(Proof))
    proven_levels = st.just(0) if proof is Proof.NONE else st.none() | st.integers(1, 2**31)
    return NormalizedBook(
        exchange=draw(st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)),
        symbol=draw(st.from_regex(r"[A-Z0-9]{1,12}-[A-Z0-9]{1,12}", fullmatch=True)),
        status=status,
        reason=None if is_live else draw(reasons | st.none() if status is BookStatus.SYNCING else reasons),
        status_since=draw(times),
        bids=draw(sides),
        asks=draw(sides),
        event_time=draw(times | st.none()),
        received_time=draw(times | st.none()),
        sequence=draw(st.integers(0, 2**63 - 1) | st.none()),
        epoch=draw(st.integers(1 if is_live else 0, 2**31)),
        run=draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(str.isprintable)),
        publish_seq=draw(st.integers(0, 2**53)),
        conflated=draw(st.integers(0, 2**31)),
        proof=proof,
        proven_levels=draw(proven_levels),
    )


@pytest.mark.parametrize(
    ("name", "book"),
    [
        pytest.param("live", LIVE, id="live"),
        pytest.param("gap", GAP, id="gap"),
        pytest.param("syncing_first", SYNCING),
        pytest.param("live_by_checksum", BY_CHECKSUM),
        pytest.param("live_unproven", UNPROVEN),
    ],
)
def test_encode_of_a_known_book_gives_the_golden_bytes(name: str, book: NormalizedBook) -> None:
    assert encode(book) == (_GOLDEN / "v2" / f"{name}.json").read_bytes()


@pytest.mark.parametrize(("name", "book"), [("live", LIVE), ("gap", GAP), ("syncing_first", SYNCING)])
def test_a_record_of_schema_1_is_read_as_proven_by_its_sequence(name: str, book: NormalizedBook) -> None:
    read = decode((_GOLDEN / "v1" / f"{name}.json").read_bytes())
    assert read == attrs.evolve(book, schema_version=1)
    assert (read.proof, read.proven_levels) == (Proof.SEQUENCE, None)


@pytest.mark.parametrize("golden", [*_V1, *_V2], ids=lambda path: f"{path.parent.stem} {path.stem}")
def test_golden_records_are_read_and_written_back_byte_for_byte(golden: Path) -> None:
    assert encode(decode(golden.read_bytes())) == golden.read_bytes()


def test_golden_records_hold_every_status() -> None:
    for goldens in (_V1, _V2):
        assert {decode(golden.read_bytes()).status for golden in goldens} == set(BookStatus)
    assert {decode(golden.read_bytes()).proof for golden in _V2} == set(Proof)


@pytest.mark.parametrize("golden", [*_V1, *_V2, _GOLDEN / "future.json"], ids=lambda path: path.stem)
def test_golden_records_fit_the_schema(golden: Path) -> None:
    _VALIDATOR.validate(json.loads(golden.read_bytes()))


def test_a_future_record_with_more_fields_is_read_without_them() -> None:
    assert decode((_GOLDEN / "future.json").read_bytes()) == attrs.evolve(
        LIVE, schema_version=3, proof=Proof.CHECKSUM, proven_levels=10
    )


def test_headers_name_schema_version_and_content_type() -> None:
    assert HEADERS == [
        ("schema", b"normalized_book"),
        ("schema_version", b"2"),
        ("content-type", b"application/json"),
    ]


def test_fields_stand_in_the_documented_order() -> None:
    assert list(json.loads(encode(LIVE))) == list(json.loads(json_schema())["properties"])


def test_schema_is_itself_valid() -> None:
    jsonschema.Draft7Validator.check_schema(json.loads(json_schema()))


@given(books())
def test_what_was_encoded_is_decoded_as_it_was(book: NormalizedBook) -> None:
    assert decode(encode(book)) == book


def _as_json(book: NormalizedBook) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Read the levels with another reader than ours."""
    fields = json.loads(encode(book))
    bids, asks = ([(price, size) for price, size in fields[side]] for side in ("bids", "asks"))
    return bids, asks


@given(books())
def test_levels_that_are_read_late_are_those_that_were_written_text_by_text(book: NormalizedBook) -> None:
    for written, unread in zip(_as_json(book), _sides(decode(encode(book))), strict=True):
        assert bool(unread) is bool(written)
        if written:
            assert unread[0] == written[0], "the best one, before the others were read"
        assert list(unread) == written
        assert unread == tuple(written)
        assert (len(unread), unread[-1:], unread[1:]) == (len(written), tuple(written[-1:]), tuple(written[1:]))
        if written:
            assert unread[0] == written[0]


@given(books())
def test_a_book_whose_levels_were_looked_at_is_written_like_one_whose_were_not(book: NormalizedBook) -> None:
    value = encode(book)
    seen, unseen = decode(value), decode(value)
    for side in _sides(seen):
        assert list(side) == [side[number] for number in range(len(side))]
    assert seen == unseen
    assert encode(seen) == encode(unseen) == value


def _sides(book: NormalizedBook) -> tuple[Levels, Levels]:
    return book.bids, book.asks


_DECIMAL = re.compile(r"[0-9]{1,40}(\.[0-9]{1,40})?")


def _whole_reading(side: bytes) -> list[tuple[str, str]] | None:
    """Read one side as a whole; None where it is none: no JSON, no pairs of texts, a level of no decimals."""
    try:
        levels = json.loads(side, parse_constant=float)
    except ValueError:
        return None
    if not isinstance(levels, list) or not all(
        isinstance(level, list) and len(level) == 2 and all(isinstance(text, str) for text in level) for level in levels
    ):
        return None
    if not all(_DECIMAL.fullmatch(text) for level in levels for text in level):
        return None
    return [(price, size) for price, size in levels]


_number = st.from_regex(rb"[0-9]{0,3}\.?[0-9]{0,3}", fullmatch=True) | st.sampled_from([b"1" * 40, b"1" * 41, b"1e5"])
_pair = st.tuples(_number, _number).map(lambda texts: b'["%b","%b"]' % texts)
_pieces = _pair | st.sampled_from([b"[", b"]", b",", b'"', b".", b"1", b" ", b"\\u0031", b'"1"', b"null", b"],["])
_sides_of_any_form = st.lists(_pair, max_size=23).map(lambda pairs: b"[" + b",".join(pairs) + b"]") | st.builds(
    lambda begin, pairs, piece, at: b"[" + b",".join([*begin, *pairs])[:at] + piece + b",".join(pairs)[at:] + b"]",
    st.lists(_pair, min_size=1, max_size=1),
    st.lists(_pair, max_size=3),
    _pieces,
    st.integers(0, 40),
)


@pytest.mark.parametrize("side", [b'"bids":', b'"asks":'], ids=["bids", "asks"])
@given(_sides_of_any_form)
def test_levels_are_refused_at_once_exactly_if_reading_them_as_a_whole_refuses_them(side: bytes, raw: bytes) -> None:
    value = re.sub(side + rb"\[.*?\]\]", lambda _: side + raw, encode(LIVE), count=1)
    expected = _whole_reading(raw)
    if expected is None:
        with pytest.raises(MalformedRecord):
            decode(value)
        return
    book = decode(value)
    found = book.bids if side == b'"bids":' else book.asks
    assert list(found) == expected


@given(books())
def test_every_encoded_book_fits_the_schema(book: NormalizedBook) -> None:
    _VALIDATOR.validate(json.loads(encode(book)))


@given(st.binary(max_size=200))
def test_any_bytes_give_a_book_or_a_malformed_record(value: bytes) -> None:
    with pytest.raises(MalformedRecord):
        decode(value)


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_a_record_with_one_field_changed_gives_a_book_or_a_malformed_record(data: st.DataObject) -> None:
    fields = json.loads(encode(LIVE))
    fields[data.draw(st.sampled_from(sorted(fields)))] = data.draw(_anything)
    try:
        book = decode(json.dumps(fields).encode("utf-8", "surrogatepass"))
    except MalformedRecord:
        return
    assert book.is_live or not (book.bids or book.asks)


@pytest.mark.parametrize("cut", range(0, len(encode(GAP)), 7))
def test_a_record_cut_short_is_malformed(cut: int) -> None:
    with pytest.raises(MalformedRecord):
        decode(encode(GAP)[:cut])


@pytest.mark.parametrize("missing", list(json.loads(json_schema())["properties"]))
def test_a_record_without_a_field_is_malformed_for_reader_and_schema(missing: str) -> None:
    fields = json.loads(encode(LIVE))
    del fields[missing]
    assert not _VALIDATOR.is_valid(fields)
    with pytest.raises(MalformedRecord, match=missing):
        decode(json.dumps(fields).encode())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"bids": [[55133.99, "1"]]}, id="a price that is a number"),
        pytest.param({"bids": [["55133.99"]]}, id="a level without size"),
        pytest.param({"bids": [["1", "1", "1"]]}, id="a level of three"),
        pytest.param({"bids": [["abc", "1"]]}, id="a price that is no number"),
        pytest.param({"asks": [["1e5", "1"]]}, id="a price with an exponent"),
        pytest.param({"asks": [["1", "-1"]]}, id="a negative size"),
        pytest.param({"asks": None}, id="a side that is null"),
        pytest.param({"publish_seq": "17"}, id="a number as text"),
        pytest.param({"publish_seq": 1.5}, id="a broken number"),
        pytest.param({"status": "halted"}, id="an unknown status"),
        pytest.param({"status": "gap", "reason": "boredom", "bids": [], "asks": []}, id="an unknown reason"),
        pytest.param({"status": "gap", "reason": "sequence"}, id="levels in a book with a gap"),
        pytest.param({"reason": "audit"}, id="a live book with a reason"),
        pytest.param({"schema_version": 0}, id="a version before the first"),
        pytest.param({"proof": "hope"}, id="an unknown proof"),
        pytest.param({"proof": "none"}, id="all levels proven by nothing"),
        pytest.param({"proof": "none", "proven_levels": 10}, id="some levels proven by nothing"),
        pytest.param({"proof": "checksum", "proven_levels": 0}, id="a checksum of no level"),
        pytest.param({"proven_levels": -1}, id="fewer proven levels than none"),
        pytest.param({"proven_levels": "10"}, id="proven levels as text"),
        pytest.param({"exchange": None}, id="no exchange"),
        pytest.param({"symbol": ""}, id="no symbol"),
        pytest.param({"symbol": "BTC-\x1b[2JUSD"}, id="a symbol that rules a terminal"),
        pytest.param({"run": "x" * 101}, id="a run's name without end"),
        pytest.param({"received_time": 253_402_300_800_000_000}, id="a time after the year 9999"),
        pytest.param({"status_since": -1}, id="a time before 1970"),
        pytest.param({"publish_seq": -1}, id="a negative count"),
        pytest.param({"sequence": -2}, id="a sequence below that of an empty book"),
        *(
            pytest.param({field: number}, id=f"{field} of {name}")
            for field in ("publish_seq", "conflated", "epoch", "sequence", "schema_version", "proven_levels")
            for name, number in (("65 bits", 2**63), ("400 digits", 10**399), ("4300 digits", 10**4299))
        ),
    ],
)
def test_a_record_against_the_contract_is_malformed_for_reader_and_schema(changes: dict[str, object]) -> None:
    fields = json.loads(encode(LIVE)) | changes
    assert not _VALIDATOR.is_valid(fields)
    with pytest.raises(MalformedRecord):
        decode(json.dumps(fields).encode())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"symbol": "BTCUSDT"}, id="a symbol in one word"),
        pytest.param({"bids": [["1", "1"], ["1e5", "1"]]}, id="a deeper price with an exponent"),
        pytest.param({"bids": [["1", "1"]] * 21}, id="21 levels"),
        pytest.param({"epoch": 0}, id="live before the first epoch"),
    ],
)
def test_the_schema_refuses_what_the_reader_leaves_to_it(changes: dict[str, object]) -> None:
    assert not _VALIDATOR.is_valid(json.loads(encode(LIVE)) | changes)


def test_the_largest_numbers_are_read_and_shown() -> None:
    largest = {"publish_seq": 2**63 - 1, "conflated": 2**63 - 1, "epoch": 2**63 - 1, "sequence": 2**63 - 1}
    latest = dict.fromkeys(("status_since", "event_time", "received_time"), LATEST_TIME)
    fields = json.loads(encode(LIVE)) | largest | latest
    _VALIDATOR.validate(fields)
    book = decode(json.dumps(fields).encode())
    assert book.publish_seq == 2**63 - 1
    stream, clock = io.StringIO(), HandClock()
    display, market = LinesDisplay(stream), Market(15.0, 6)
    quote = market.take(book, clock.now())
    assert quote is not None
    display.show([quote], market, Reading("", OrderProof(), clock.now()))
    assert stream.getvalue().startswith("9999-12-31 UTC\n23:59:59.999")


@pytest.mark.parametrize(
    "key",
    [None, b"", b"binance:ETH-USDT", b"BINANCE:BTC-USDT", b"binance:BTC-USDT ", b"\xff" * 1000],
    ids=["none", "empty", "another instrument", "other letters", "a space more", "no text"],
)
def test_a_record_whose_key_names_another_instrument_is_malformed(key: bytes | None) -> None:
    assert read(b"binance:BTC-USDT", encode(LIVE)) == LIVE
    with pytest.raises(MalformedRecord, match="expected the key binance:BTC-USDT") as caught:
        read(key, encode(LIVE))
    assert len(str(caught.value)) < 300


def test_a_record_with_what_is_no_utf_8_is_malformed() -> None:
    with pytest.raises(MalformedRecord):
        decode(encode(LIVE).replace(b"binance", b"bin\xffnce"))


def test_a_record_without_a_value_is_malformed() -> None:
    with pytest.raises(MalformedRecord, match="no value"):
        decode(None)


def test_a_record_nested_too_deep_is_malformed() -> None:
    with pytest.raises(MalformedRecord):
        decode(b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


def test_the_problem_of_a_huge_record_is_told_in_short() -> None:
    with pytest.raises(MalformedRecord) as caught:
        decode(json.dumps(json.loads(encode(LIVE)) | {"status": "x" * 10_000}).encode())
    assert len(str(caught.value)) <= 200
