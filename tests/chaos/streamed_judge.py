"""What must be true of books whose streams are renewed one by one, beside what is true of all."""

from collections.abc import Sequence

import attrs
from tests.chaos.judge import Judge, Seen, Violation
from tests.chaos.streams import BitstampExchange, BybitExchange, KrakenExchange, OKXExchange, StreamedExchange
from tests.chaos.wire import Frame, Part

from market_data.domain.effects import Fetch, Purpose
from market_data.domain.normalized import BookState
from market_data.domain.sync import BookSync

__all__ = ["StreamedJudge"]

_MOST_SUBSCRIPTIONS = 14
_WITHIN_SECONDS = 10.0


@attrs.define
class StreamedJudge(Judge):
    """``reach`` is the version that a live book must show: that of the newest frame in order that reached the core; -1
    where nothing stands.
    """

    @property
    def stream(self) -> StreamedExchange:
        """The venue."""
        assert isinstance(self.exchange, StreamedExchange)
        return self.exchange

    @property
    def depth(self) -> int:
        return min(self.settings.depth, self.stream.levels)

    @property
    def known(self) -> int:
        return self.stream.levels

    # records

    def _version_of(self, i: int, state: BookState) -> int | None:
        return self._told(i, state.event_time if state.sequence is None else state.sequence)

    def _current(self, i: int, sync: BookSync) -> int | None:
        return self._told(i, sync._event_time if sync.sequence is None else sync.sequence)

    def _told(self, i: int, key: int | None) -> int | None:
        held = None if key is None else self.held.get((i, key))
        return held[0].version if held is not None else None

    def _show(self, seen: Seen, version: int) -> None:
        if version == seen.reach or version in seen.passed:
            return
        is_joined = seen.joins_from is not None and version >= seen.joins_from
        if not is_joined and version not in seen.may_be:
            raise Violation(f"live at version {version}, {seen.reach} is what stands")
        seen.reach = version

    def _is_false(self, i: int, seen: Seen, state: BookState) -> bool:
        key = state.event_time if state.sequence is None else state.sequence
        is_false = seen.is_tainted or (key is not None and (i, key) in self.held and self.held[i, key][1])
        return is_false and not isinstance(self.exchange, KrakenExchange)

    # inputs

    def opened(self) -> None:
        super().opened()
        for seen in self.seen.values():
            self._forget(seen)

    @staticmethod
    def _forget(seen: Seen) -> None:
        seen.reach = -1
        seen.may_be = set()
        seen.joins_from = None

    def reading(self, frames: Sequence[Frame]) -> list[str]:
        for i, seen in self.seen.items():
            sync = self._sync(i)
            if not sync._stands:
                seen.reach = -1
            elif seen.joins_from is not None:  # what it joined is its own to know; that it is true is judged
                current = self._current(i, sync)
                seen.reach, seen.joins_from = -1 if current is None else current, None
            seen.passed, seen.false_keys = {seen.reach}, set()
        return super().reading(frames)

    def _bad_number(self, part: Part, broken: list[str]) -> None:
        seen = self.seen[part.instrument]
        self._received(part.instrument)
        seen.alive_at = self.now.mono
        if self._is_passed_over(part):
            return
        self._forget(seen)
        broken[part.instrument] = "a level that is no number"

    def _is_passed_over(self, part: Part) -> bool:
        is_old = (part.time or 0) <= self.seen[part.instrument].said_at
        return is_old and isinstance(self.exchange, BitstampExchange)

    def _part(self, part: Part, broken: list[str]) -> None:
        seen, i = self.seen[part.instrument], part.instrument
        self._received(i)
        seen.alive_at = self.now.mono
        self._place(seen, part, broken)
        key = part.time if part.sequence is None else part.sequence
        if key is not None:
            if seen.is_tainted or part.is_false:
                seen.false_keys.add(key)
            self.held[i, key] = part, key in seen.false_keys

    def _place(self, seen: Seen, part: Part, broken: list[str]) -> None:
        """Find out what a part does to the book that stands, if anything."""
        time = part.time or 0
        if part.is_false or (part.is_astray and seen.reach < 0):  # to who joins a book to it, it lies
            seen.false_version = max(seen.false_version, part.version)
            seen.is_tainted |= seen.joins_from is not None
        if isinstance(self.exchange, BitstampExchange):
            if time > seen.said_at or (seen.reach < 0 and time == seen.said_at):
                self._take(seen, part, broken)
            elif seen.reach < 0:
                seen.may_be.add(part.version)
            return
        if part.since < 0:
            self._snapshot(seen, part, broken)
        elif seen.reach >= 0:
            self._update(seen, part, broken)
        elif seen.joins_from is not None and part.version >= seen.joins_from:
            seen.passed.add(part.version)  # it is shown where it joins, whatever comes behind it

    def _snapshot(self, seen: Seen, part: Part, broken: list[str]) -> None:
        if (part.time or 0) >= seen.said_at and part.version >= seen.reach:
            self._take(seen, part, broken)
        elif seen.reach >= 0:
            if self._may_have_crossed(seen, part.instrument):
                self._forget(seen)
                seen.passed.discard(part.version)
            else:
                self._lose(seen, part, broken, "a snapshot of before")
            seen.may_be.add(part.version)
        else:
            seen.may_be.add(part.version)

    def _may_have_crossed(self, seen: Seen, i: int) -> bool:
        """Tell whether a book of this read is one that nobody keeps, so that none may stand any more."""
        for version in seen.passed:
            bids, asks = self.exchange.markets[i].levels(max(version, 0), 1)
            if bids and asks and bids[0][0] >= asks[0][0]:
                return True
        return False

    def _take(self, seen: Seen, part: Part, broken: list[str]) -> None:
        self._forget(seen)
        self._stand(seen, part)
        seen.is_tainted = part.is_false and not isinstance(self.exchange, KrakenExchange)
        broken[part.instrument] = ""

    @staticmethod
    def _stand(seen: Seen, part: Part) -> None:
        seen.reach, seen.said_at, seen.number = part.version, part.time or seen.said_at, part.sequence
        seen.passed.add(part.version)

    def _update(self, seen: Seen, part: Part, broken: list[str]) -> None:
        time = part.time or 0
        if isinstance(self.exchange, KrakenExchange):
            if time < seen.said_at:
                self._lose(seen, part, broken, "a change of before")
            else:
                self._stand(seen, part)
        elif part.since == seen.reach and not part.is_astray and self._is_counted(seen, part):
            self._stand(seen, part)
            seen.is_tainted |= part.is_false
        elif part.version != seen.reach or part.is_astray or not self._is_counted(seen, part):
            self._lose(seen, part, broken, f"changes from {part.since} on, behind {seen.reach}")

    def _is_counted(self, seen: Seen, part: Part) -> bool:
        """Tell whether Bybit's count goes on, or repeats itself."""
        if not isinstance(self.exchange, BybitExchange) or seen.number is None or part.sequence is None:
            return True
        return part.sequence - seen.number in (0, 1)

    def _lose(self, seen: Seen, part: Part, broken: list[str], problem: str) -> None:
        self._forget(seen)
        broken[part.instrument] = problem

    def answered(self, i: int, fetch: Fetch, version: int, *, is_false: bool) -> None:
        if not self.awaits(i, fetch):
            return
        seen = self.seen[i]
        super().answered(i, fetch, version, is_false=is_false)
        if fetch.purpose is Purpose.SNAPSHOT and isinstance(self.exchange, OKXExchange):
            seen.joins_from = version
            seen.is_tainted = is_false or version < seen.false_version

    # after each input

    def ticked(self) -> None:
        super().ticked()
        for i, times in self.stream.asked.items():
            recent = [at for at in times if self.now.mono - at < _WITHIN_SECONDS]
            self.stream.asked[i] = recent
            if len(recent) > _MOST_SUBSCRIPTIONS:
                raise Violation(f"subscribed {len(recent)} times in {_WITHIN_SECONDS:.0f} s")
