"""What an operator is told of a large frame on a slow line."""

from tests.support.network import FakeTelemetry

from market_data.application.ports import Received
from market_data.application.progress import FrameProgress
from market_data.domain.moment import Moment


def test_a_large_frame_is_told_after_three_seconds_and_then_ever_more_rarely() -> None:
    telemetry = FakeTelemetry()
    progress = FrameProgress(telemetry, "coinbase")
    for tenth in range(600):
        progress.saw(Received([], Moment(0, 100 + tenth / 10), 20_000 * (tenth + 1)))
    assert [fields["seconds"] for _, fields in telemetry.notes] == [3.0, 6.0, 12.0, 24.0, 48.0]
    assert telemetry.notes[0] == (
        "a large frame is arriving",
        {"exchange": "coinbase", "megabytes": 0.62, "seconds": 3.0},
    )


def test_a_frame_that_is_whole_ends_the_telling_and_the_next_begins_anew() -> None:
    telemetry = FakeTelemetry()
    progress = FrameProgress(telemetry, "coinbase")
    for second in range(20):  # a frame is whole every second, and a part of the next one with it
        progress.saw(Received([], Moment(0, second + 0.5), 1000))
        progress.saw(Received([b"{}"], Moment(0, second + 1.0), 1000))
    progress.saw(Received([b"{}"], Moment(0, 30.0), 0))
    for second in range(40, 43):
        progress.saw(Received([], Moment(0, float(second)), 1000))
    assert telemetry.notes == []
