"""Times on the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data_sandbox.times import format_microseconds, format_rfc3339, parse_rfc3339


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        pytest.param("2026-08-24T22:34:13.82310097Z", 1787610853_823100970, id="eight digits"),
        pytest.param("2026-08-24T22:34:13Z", 1787610853_000000000, id="no digits"),
        pytest.param("2026-08-25T00:34:13.5+02:00", 1787610853_500000000, id="another zone"),
        pytest.param("1970-01-01T00:00:00Z", 0, id="none"),
    ],
)
def test_a_time_is_read_to_the_nanosecond(text: str, time_ns: int) -> None:
    assert parse_rfc3339(text) == time_ns


def test_year_one_is_before_all_times_and_what_is_no_time_is_told() -> None:
    assert parse_rfc3339("0001-01-01T00:00:00.000000Z") < 0
    with pytest.raises(ValueError, match="expected an RFC 3339 time"):
        parse_rfc3339("yesterday")


@given(st.integers(0, 2**62))
def test_what_is_written_is_read_again(time_ns: int) -> None:
    assert parse_rfc3339(format_rfc3339(time_ns)) == time_ns
    assert parse_rfc3339(format_rfc3339(time_ns, digits=6)) == time_ns // 1000 * 1000
    assert parse_rfc3339(format_microseconds(time_ns)) == time_ns // 1000 * 1000


def test_six_digits_keep_their_zeros() -> None:
    assert format_microseconds(1787610853_345080_999) == "2026-08-24T22:34:13.345080Z"
