"""Words, times and spans that say where reading begins and ends."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from market_data.application.ports import Start
from market_data.application.times import When, end_of, seconds_of, start_of
from market_data.domain.errors import UsageError

NOW = 1_795_405_030_445_854
MINUTE = 60_000_000


@pytest.mark.parametrize(
    ("when", "at"),
    [
        pytest.param("latest", "latest", id="the end"),
        pytest.param("earliest", "earliest", id="the beginning"),
        pytest.param("-15m", NOW - 15 * MINUTE, id="a span"),
        pytest.param("-1.5s", NOW - 1_500_000, id="a span with a fraction"),
        pytest.param(timedelta(minutes=15), NOW - 15 * MINUTE, id="a timedelta"),
        pytest.param(timedelta(minutes=-15), NOW - 15 * MINUTE, id="a timedelta below zero"),
        pytest.param("2026-11-22T10:00:00Z", 1_795_341_600_000_000, id="an ISO time"),
        pytest.param("2026-11-22T12:00:00.000001+02:00", 1_795_341_600_000_001, id="an ISO time of a zone, exactly"),
        pytest.param(datetime(2026, 11, 22, 10, tzinfo=UTC), 1_795_341_600_000_000, id="a datetime"),
        pytest.param(
            datetime(2026, 11, 22, 12, tzinfo=timezone(timedelta(hours=2))), 1_795_341_600_000_000, id="of a zone"
        ),
    ],
)
def test_reading_begins_at(when: When, at: str | int) -> None:
    assert start_of(when, NOW) == Start(at)


def test_a_time_without_a_zone_is_local() -> None:
    naive = datetime(2026, 11, 22, 10)  # noqa: DTZ001 - that is the point
    assert start_of(naive, NOW) == start_of(naive.astimezone(), NOW) == start_of("2026-11-22T10:00:00", NOW)


@pytest.mark.parametrize(
    "when",
    [
        "",
        "yesterday",
        "15m",
        "-15x",
        "-٣m",
        f"-{'9' * 400}d",
        "1969-12-31T23:59:59Z",
        "0001-01-01",
        "9999-12-31T23:59:59-14:00",
        "2027-01-01T00:00:00Z",
        timedelta.max,
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
    ],
    ids=str,
)
def test_what_is_no_beginning_is_told(when: When) -> None:
    with pytest.raises(UsageError, match=r"^expected .*, received"):
        start_of(when, NOW)


@pytest.mark.parametrize(("when", "hint"), [("15m", " (did you mean -15m?)"), ("15x", ""), ("yesterday", "")])
def test_a_span_without_its_minus_is_guessed_and_nothing_else(when: str, hint: str) -> None:
    with pytest.raises(UsageError) as told:
        start_of(when, NOW)
    assert str(told.value).endswith(f"received '{when}'{hint}")


def test_a_text_without_end_is_not_repeated_in_whole() -> None:
    with pytest.raises(UsageError) as told:
        start_of("9" * 5000 + "m", NOW)
    assert "did you mean -999" in str(told.value)
    assert len(str(told.value)) < 500


def test_where_reading_begins_is_said_as_a_word_or_in_milliseconds_of_utc() -> None:
    assert str(start_of("latest", NOW)) == "latest"
    assert str(Start(1_795_341_600_123_456)) == "2026-11-22T10:00:00.123Z"


def test_reading_ends_now_or_at_a_time_that_may_be_to_come() -> None:
    assert end_of("latest", NOW) == NOW
    assert end_of("-15m", NOW) == NOW - 15 * MINUTE
    assert end_of(datetime(2027, 1, 1, tzinfo=UTC), NOW) == 1_798_761_600_000_000
    with pytest.raises(UsageError, match="expected latest, an ISO time or a span"):
        end_of("earliest", NOW)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("0.5", 0.5), ("30s", 30), ("5m", 300), ("1.5h", 5400), ("2d", 172_800)],
)
def test_how_long_is_a_number_with_a_unit_or_of_seconds(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-30s", "30 s", "5min", "1e3", "nan", "inf", "9" * 400, "٣٠", "30s\n"])
def test_what_is_no_time_is_told_with_what_is_expected(text: str) -> None:
    with pytest.raises(UsageError, match="expected a time above 0 such as 30s, 5m or 1h, received '"):
        seconds_of(text)
