"""The books that one connection carries, by the names that frames and answers give them, and those that have left."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from market_data.application.inputs import Started, Stopped, TakeOver, Unopened
from market_data.domain.effects import Effect, Isolate, Reconnect
from market_data.domain.events import Accepted, Change, Event, Snapshot
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus
from market_data.domain.sync import BookSync, Said, Standing

__all__ = ["CarriedBooks"]


class CarriedBooks:
    """Never grows; a book that leaves is spoken for by another core from then on."""

    def __init__(self, syncs: Sequence[BookSync]) -> None:
        self.syncs: Sequence[BookSync] = ()
        self.by_native: Mapping[str, Sequence[BookSync]] = {}
        """One market may be asked for under several names."""
        self.by_key: Mapping[str, BookSync] = {}
        self._departed: set[str] = set()
        """Native ids of which the open connection goes on to speak, though nobody here asks for them any more."""
        self._carry(syncs)

    def _carry(self, syncs: Sequence[BookSync]) -> None:
        by_native: dict[str, tuple[BookSync, ...]] = {}
        for sync in syncs:
            native = sync.instrument.native
            by_native[native] = (*by_native.get(native, ()), sync)
            sync.shares_connection = len(syncs) > 1
        self.syncs, self.by_native = tuple(syncs), by_native
        self.by_key = {sync.instrument.key: sync for sync in syncs}

    @property
    def standings(self) -> Sequence[Standing]:
        """What has been said of each so far."""
        return [sync.standing for sync in self.syncs]

    @property
    def said(self) -> Sequence[Said]:
        """The same, and the levels of each last record."""
        return [sync.said for sync in self.syncs]

    def are_live(self, others: Iterable[Standing]) -> bool:
        """Tell whether all of these are live here."""
        return all(self.by_key[each.key].status is BookStatus.LIVE for each in others)

    def are_abreast(self, others: Iterable[Standing]) -> bool:
        """Tell whether all of these are live here, and no older than what was said of them over another connection."""
        return all(self.by_key[each.key].is_abreast(each) for each in others)

    def resume(self, standings: Iterable[Standing]) -> None:
        """Go on with what was said of these books, as far as they are here."""
        for standing in standings:
            if standing.key in self.by_key:
                self.by_key[standing.key].resume(standing)

    def accept(self, event: Accepted, now: Moment) -> None:
        """The venue acknowledged what it sends."""
        for sync in self.syncs:
            if sync.instrument.native in event.natives:
                sync.accepted(now)
            elif event.is_all and event.natives:  # of none, something else was acknowledged
                sync.denied(now)

    def take_over(self, given: TakeOver, now: Moment, *, is_open: bool) -> None:
        """Speak for what others have spoken for; what they have handed over has left here, too."""
        said = {each.standing.key: each for each in given.said}
        for sync in self.syncs:
            if sync.instrument.key in said:
                sync.take_over(said[sync.instrument.key], given.reason, now, is_open=is_open)
            else:
                self.part(sync.instrument.key)

    def part(self, key: str) -> BookSync:
        """Let a book go."""
        leaving = self.by_key[key]
        self._carry([sync for sync in self.syncs if sync is not leaving])
        if leaving.instrument.native not in self.by_native:
            self._departed.add(leaving.instrument.native)
        return leaving

    def isolated_last(self, effects: Sequence[Effect], *, is_withheld: bool) -> list[Effect]:
        """Let go, at last, of those that are rebuilt alone, unless a new connection is due anyway or costs nobody, as
        it does where another core speaks for all.
        """
        leaving = [effect for effect in effects if isinstance(effect, Isolate)]
        others: list[Effect] = [effect for effect in effects if not isinstance(effect, Isolate)]
        if leaving and not any(isinstance(effect, Reconnect) for effect in others):
            if is_withheld or not any(sync.status in (BookStatus.LIVE, BookStatus.SYNCING) for sync in self.syncs):
                others.append(Reconnect(leaving[0].reason))
            else:
                others += leaving
        return others

    def tell_all(self, given: Started | Stopped | Unopened, now: Moment) -> None:
        """Tell every book what is so of all of them."""
        for sync in self.syncs:
            match given:
                case Started():
                    sync.start(now)
                case Unopened(reason):
                    sync.unopened(reason, now)
                case Stopped():
                    sync.stopped(now)

    def reopened(self) -> None:
        """On a new connection only what is left is asked for."""
        self._departed.clear()

    def touched_by(self, events: Iterable[Event]) -> Sequence[BookSync]:
        """Give those that a frame holds something of, each once."""
        natives = dict.fromkeys(event.native for event in events if isinstance(event, (Change, Snapshot)))
        return [sync for native in natives for sync in self.by_native.get(native, ())]

    def is_live(self, native: str) -> bool:
        """Tell whether all books of a stream are live."""
        return all(sync.status is BookStatus.LIVE for sync in self.by_native.get(native, ()))

    def asked(self, natives: Iterable[str], sent_at: float) -> None:
        """Tell the books of these streams until when they will have been asked for anew."""
        for native in natives:
            for sync in self.by_native.get(native, ()):
                sync.asked(sent_at)

    def have_left(self, natives: Collection[str]) -> bool:
        """Tell whether all of some that are named have left this connection."""
        return bool(natives) and self._departed.issuperset(natives)
