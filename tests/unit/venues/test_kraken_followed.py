"""Real Kraken updates through the core: what is lost is told before a wrong level is published, and healed alone."""

import json
from collections.abc import Sequence
from decimal import Decimal

import attrs
import pytest
from tests.support.bounds import HandClock, bounds
from tests.support.captures import capture
from tests.support.engines import book_engine
from tests.support.kraken import KRAKEN, acknowledgement, best, book_frame, frames_of, kraken_at, narrowed

from market_data.application.core import FeedCore
from market_data.application.inputs import Frames, Input, Opened, Send, Started, Ticked
from market_data.application.ports import Venue
from market_data.domain.continuity import Window
from market_data.domain.effects import Reconnect
from market_data.domain.instrument import Instrument
from market_data.domain.levels import Level
from market_data.domain.normalized import BookState, BookStatus, Reason

_DEPTH = 10
_LOST_EVERY = 29


@attrs.define
class _Shown:
    """The book that the venue shows of one symbol, by its frames alone."""

    native: str
    sides: tuple[dict[str, str], dict[str, str]] = attrs.field(factory=lambda: ({}, {}))
    checksum: int = 0
    time: str = ""

    def take(self, book: dict[str, object], *, is_snapshot: bool) -> None:
        self.checksum, self.time = int(str(book["checksum"])), str(book["timestamp"])
        sides = ({}, {}) if is_snapshot else self.sides
        for side, name in zip(sides, ("bids", "asks"), strict=True):
            told = book[name]
            assert isinstance(told, list)
            side.update((level["price"], level["qty"]) for level in told)
        self.sides = self._best(*sides)

    @staticmethod
    def _best(bids: dict[str, str], asks: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        whole = [[level for level in side.items() if Decimal(level[1])] for side in (bids, asks)]
        return dict(best(whole[0], _DEPTH, -1)), dict(best(whole[1], _DEPTH, 1))

    @property
    def levels(self) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        return tuple(self.sides[0].items()), tuple(self.sides[1].items())

    @property
    def snapshot(self) -> bytes:
        return book_frame("snapshot", self.native, *self.levels, self.checksum, self.time)


@attrs.define
class _Followed:
    """A core on one connection, and the venue, which answers renewals at once."""

    core: FeedCore
    shown: dict[str, _Shown]
    clock: HandClock = attrs.field(factory=HandClock)
    states: list[BookState] = attrs.field(factory=list)
    is_open: bool = False

    def give(self, *given: Input) -> Sequence[BookState]:
        told: list[BookState] = []
        for each in given:
            for output in self.core.handle(each, self.clock.now()):
                if isinstance(output, BookState):
                    told.append(output)
                elif isinstance(output, Send) and self.is_open:
                    told += self._answer(output.messages)
                assert not isinstance(output, Reconnect)
        self.states += told
        return told

    def _answer(self, messages: Sequence[str]) -> Sequence[BookState]:
        told: list[BookState] = []
        for message in map(json.loads, messages):
            if message["method"] != "subscribe":
                continue
            for native in message["params"]["symbol"]:
                frames = [acknowledgement(native, _DEPTH, number=message["req_id"]), self.shown[native].snapshot]
                for frame in frames:
                    told += self.give(Frames([frame]))
        return told


@pytest.fixture(scope="module")
def real() -> list[bytes]:
    """Real updates of ten pairs in half a minute, as they are at depth ten, with their real checksums."""
    path = capture("kraken/v2_rerendered_book1000_20210417.gz")
    return [frame for frame in narrowed(frames_of(path), _DEPTH) if b'"book"' in frame[:30] and b'"data"' in frame]


def _follow(frames: Sequence[bytes], lost_every: int | None, venue: Venue = KRAKEN) -> tuple[_Followed, int, int]:
    """Give frames one by one and leave some out; count those left out, and those of them that were told."""
    natives = list(dict.fromkeys(json.loads(frame)["data"][0]["symbol"] for frame in frames))
    instruments = [Instrument("kraken", native.replace("/", "-"), native) for native in natives]
    core = FeedCore(venue, instruments, bounds(depth=_DEPTH), frame_silence_seconds=60.0, books=book_engine())
    followed = _Followed(core, {native: _Shown(native) for native in natives})
    followed.give(Started(), Opened())
    followed.is_open = True
    lost, left_out, told_of = dict.fromkeys(natives, False), 0, 0
    for number, frame in enumerate(frames):
        message = json.loads(frame, parse_float=str, parse_int=str)
        (book,) = message["data"]
        native, is_snapshot = book["symbol"], message["type"] == "snapshot"
        shown = followed.shown[native]
        shown.take(book, is_snapshot=is_snapshot)
        followed.clock.advance(0.05)
        followed.give(Ticked())
        if lost_every and not is_snapshot and number % lost_every == 0 and not any(lost.values()):
            lost[native] = True
            left_out += 1
            continue
        symbol = native.replace("/", "-")
        for state in followed.give(Frames([frame])):
            assert state.symbol == symbol, "another instrument was touched"
            if not state.is_live:
                assert lost[native]
                assert (state.status, state.reason) == (BookStatus.GAP, Reason.AUDIT)
                told_of += 1
        last = next(state for state in reversed(followed.states) if state.symbol == symbol)
        if last.is_live:
            assert (tuple(last.bids), tuple(last.asks)) == shown.levels, "a wrong level stands as live"
        lost[native] = False
    return followed, left_out, told_of


def test_real_updates_are_followed_level_by_level_and_none_is_taken_for_lost(real: list[bytes]) -> None:
    followed, _, told_of = _follow(real, None)
    assert told_of == 0
    assert len(followed.shown) == 10
    assert followed.core.live == 10
    assert max(state.epoch for state in followed.states) == 1


def test_a_lost_real_update_of_the_best_ten_is_told_before_a_level_is_published_and_healed_alone(
    real: list[bytes],
) -> None:
    followed, left_out, told_of = _follow(real, _LOST_EVERY)
    assert left_out > 90
    assert told_of > 0.85 * left_out  # the others were mended by the very next update, or while the book was rebuilt
    for _ in range(20):
        followed.clock.advance(0.5)
        followed.give(Ticked())
    assert followed.core.live == 10


@pytest.mark.parametrize(
    "planted",
    [{"digest": None}, {"window": Window.VENUE}],
    ids=["a checksum that is not looked at", "a book that is not cut"],
)
def test_what_ignores_the_checksum_or_does_not_cut_is_found(real: list[bytes], planted: dict[str, object]) -> None:
    venue = kraken_at(None)
    venue.continuity = attrs.evolve(venue.continuity, **planted)  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        _follow(real, _LOST_EVERY, venue)
