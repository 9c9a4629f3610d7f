"""One YAML file or value: what is read, what is refused, and the line that is named."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.config.faults import Origin, SettingsError
from market_data.config.layers import Layer, overlay, parse_value, read_file


def read(folder: Path, text: str | bytes) -> Layer:
    file = folder / "some.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_file(file, "some.yaml")


def faults_of(folder: Path, text: str | bytes) -> list[str]:
    """Write all that is wrong with a file, fatal or not."""
    try:
        return [str(fault) for fault in read(folder, text).faults]
    except SettingsError as error:
        return str(error).splitlines()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("12", 12, id="whole number"),
        pytest.param("1_000", 1000, id="whole number with a separator"),
        pytest.param("-1.5", -1.5, id="fraction"),
        pytest.param("1e3", 1000.0, id="exponent without a point"),
        pytest.param(".5", 0.5, id="no digit before the point"),
        pytest.param("true", True, id="true"),
        pytest.param("False", False, id="False"),
        pytest.param("~", None, id="tilde is nothing"),
        pytest.param("", None, id="empty is nothing"),
        pytest.param("off", "off", id="off is text"),
        pytest.param("010", "010", id="no octal numbers"),
        pytest.param("10:30", "10:30", id="no sexagesimal numbers"),
        pytest.param("0x10", "0x10", id="no hexadecimal numbers"),
        pytest.param("1_", "1_", id="a separator at the end is text"),
        pytest.param("2024-08-08", "2024-08-08", id="a date is text"),
        pytest.param('"5"', "5", id="quoted number is text"),
        pytest.param("'true'", "true", id="quoted word is text"),
        pytest.param("[BTC-USDT, 2]", ["BTC-USDT", 2], id="list"),
        pytest.param("{a: {b: 1}}", {"a": {"b": 1}}, id="map in a map"),
        pytest.param("{on: 1, 5: 2}", {"on": 1, "5": 2}, id="names are always text"),
    ],
)
def test_a_value_is_read_by_the_core_rules_of_yaml_1_2(text: str, value: object) -> None:
    read = parse_value(text)

    assert read == value
    assert type(read) is type(value)


def test_every_value_knows_its_line(tmp_path: Path) -> None:
    layer = read(tmp_path, "a:\n  b: 1\n\n  c:\n    - 2\n    - 3\n")

    assert layer.values == {"a": {"b": 1, "c": [2, 3]}}
    assert layer.origins == {
        ("a",): Origin("some.yaml", 1),
        ("a", "b"): Origin("some.yaml", 2),
        ("a", "c"): Origin("some.yaml", 4),
        ("a", "c", 0): Origin("some.yaml", 5),
        ("a", "c", 1): Origin("some.yaml", 6),
    }


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "\ufeff# with a byte order mark"])
def test_a_file_without_values_is_an_empty_layer(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == Layer()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param("a: 1\nb: [1", "some.yaml:2: unreadable YAML: expected ',' or ']'", id="open bracket"),
        pytest.param("a: 1\n\tb: 2", "some.yaml:2: unreadable YAML: found character", id="tab"),
        pytest.param(
            "a: 1\n--- \nb: 2", "some.yaml:2: unreadable YAML: but found another document", id="two documents"
        ),
        pytest.param("- a\n- b", "some.yaml:1: expected a map of settings", id="list"),
        pytest.param("\n\njust words", "some.yaml:3: expected a map of settings", id="text"),
        pytest.param(b"a: 1\nb: \xff", "some.yaml:2: unreadable YAML: expected UTF-8 text", id="not UTF-8"),
        pytest.param("a: 1\nb: \x07", "some.yaml:2: unreadable YAML: a character that YAML does not allow", id="bell"),
        pytest.param(
            'a: "\\UFFFFFFFF"', "some.yaml: unreadable YAML: an escape that stands for no character", id="escape"
        ),
        pytest.param("a: &x 1\nb: *x", "some.yaml:1: unreadable YAML: anchors and aliases", id="anchor"),
        pytest.param("a: 1\nb: *x", "some.yaml:2: unreadable YAML: anchors and aliases", id="alias"),
        pytest.param("a: " + "[" * 30 + "]" * 30, "some.yaml:1: unreadable YAML: nested more than 20", id="deep"),
        pytest.param("a: 1\nb: 2\na: 3", "some.yaml:3: a: written twice, first in line 1", id="written twice"),
        pytest.param("a:\n  b: 2\n  b: 3", "some.yaml:3: a.b: written twice, first in line 2", id="twice below"),
        pytest.param("a: !!python/none x", "some.yaml:1: a: tags are not supported", id="tag"),
        pytest.param("a: !!set {b}", "some.yaml:1: a: tags are not supported", id="tag of a map"),
        pytest.param("a:\n  [b]: 1", "some.yaml:2: a: expected the name of a setting before ':'", id="list as a name"),
    ],
)
def test_what_can_not_be_read_is_told_in_one_line_with_its_place(tmp_path: Path, text: str | bytes, fault: str) -> None:
    (told,) = faults_of(tmp_path, text)

    assert told.startswith(fault)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^no\.yaml: cannot be read \(No such file or directory\)$"):
        read_file(tmp_path / "no.yaml", "no.yaml")


def test_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^it: cannot be read \(Is a directory\)$"):
        read_file(tmp_path, "it")


def test_the_rest_of_a_file_is_good_when_a_name_is_written_twice(tmp_path: Path) -> None:
    assert read(tmp_path, "a: 1\na: 2\nb: 3").values == {"a": 1, "b": 3}


def test_maps_merge_and_lists_replace(tmp_path: Path) -> None:
    under = read(tmp_path, "a: {b: 1, c: 2}\nd: [1, 2, 3]\ne: 5")
    over = read(tmp_path, "a: {c: 3, f: 4}\nd: [9]")

    merged = overlay(under, over)

    assert merged.values == {"a": {"b": 1, "c": 3, "f": 4}, "d": [9], "e": 5}
    assert under.values == {"a": {"b": 1, "c": 2}, "d": [1, 2, 3], "e": 5}


def test_a_merged_value_keeps_the_place_that_it_came_from() -> None:
    under = Layer(
        {"a": {"b": 1, "c": 2}}, {("a",): Origin("u", 1), ("a", "b"): Origin("u", 2), ("a", "c"): Origin("u", 3)}
    )
    over = Layer({"a": {"c": 3}}, {("a",): Origin("o", 1), ("a", "c"): Origin("o", 2)})

    merged = overlay(under, over)

    assert str(merged.origin_of(("a", "b"))) == "u:2"
    assert str(merged.origin_of(("a", "c"))) == "o:2"
    assert str(merged.origin_of(("a", "missing", "deep"))) == "o:1"


@given(st.text())
def test_any_text_is_a_value_or_a_readable_refusal(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_value(text)


@given(st.text(alphabet="ab01:-?,[]{}#&*!|>'\"%@`\\ \n\tUx~.e_", max_size=40))
def test_any_text_of_yaml_signs_is_a_value_or_a_readable_refusal(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_value(text)
