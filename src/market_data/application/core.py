"""The pure heart of a feed: everything that decides, between what comes in and what is to be done.

``FeedCore.handle(input, moment)`` takes one input (frames, a connection opened or closed, an answer or its failure,
time passing, the program stopping) and gives the effects: states to publish, books to fetch, messages to send, a
connection to close. It does no I/O and reads no clock, so a run's inputs fed back in order give the same effects.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

from market_data.application.ahead import ReadAhead
from market_data.application.answers import Answers
from market_data.application.carried import CarriedBooks
from market_data.application.clocks import ClockWatch
from market_data.application.hearing import Hearing
from market_data.application.inputs import (
    Closed,
    Dropped,
    Fetched,
    FetchFailed,
    Frames,
    HandOver,
    Input,
    Opened,
    Output,
    Released,
    Replaced,
    Started,
    Stopped,
    TakeOver,
    Ticked,
    Unopened,
)
from market_data.application.outgoing import Outgoing
from market_data.application.ports import Venue, VenueSession
from market_data.domain.book import BookFactory, OrderBook
from market_data.domain.effects import Effect, Isolate, Reconnect, Renew, Replace, Tell, without_outdated
from market_data.domain.errors import MalformedFrame
from market_data.domain.events import Accepted, Change, Departing, Event, Numbered, Refused, Snapshot, Unreadable
from market_data.domain.instrument import Instrument
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookState, BookStatus, Reason
from market_data.domain.rules import frames_of, rule_of
from market_data.domain.sync import BookSetup, BookSync, Standing, SyncSettings
from market_data.domain.tally import VenueTally

__all__ = ["FeedCore"]

_SPOKEN = (BookState, HandOver, Released)


class FeedCore:
    """One connection's worth of instruments of one venue, through any number of connections.

    A book whose own events make it be rebuilt again and again leaves, with a ``HandOver``, when its rebuild would cost
    the others of the connection theirs. What the connection goes on to say of it is counted, and means nothing.

    A core is withheld while another speaks for its instruments, whose connection is about to be closed: it gives no
    states and hands nothing over until it takes over, nor any more once it is replaced.
    """

    def __init__(
        self,
        venue: Venue,
        instruments: Sequence[Instrument],
        settings: SyncSettings,
        *,
        frame_silence_seconds: float,
        auctions: frozenset[str] = frozenset(),
        books: BookFactory = OrderBook,
        tally: VenueTally | None = None,
        is_withheld: bool = False,
    ) -> None:
        """``frame_silence_seconds`` bounds how long a connection that promises heartbeats, or owes the answer to a
        request, may say nothing at all; ``auctions`` holds the native ids of instruments whose books may cross
        legitimately; ``tally`` counts for the whole venue.
        """
        self._venue = venue
        self._effects: list[Effect] = []
        continuity = venue.continuity
        self._tally = tally or VenueTally()
        rule = rule_of(continuity)
        setups = (
            BookSetup(each, settings, self._effects, continuity, each.native in auctions, books, self._tally)
            for each in instruments
        )
        self._books = CarriedBooks([rule(setup) for setup in setups])
        self._answers = Answers(venue, self._books, self._effects)
        self._session: VenueSession | None = None
        self._ahead = ReadAhead()
        self._frames = frames_of(continuity)
        self._outgoing = Outgoing(venue)
        self._clocks = ClockWatch(settings, self._effects, self._tally)
        self._hearing = Hearing(venue, frame_silence_seconds)
        self._is_withheld = is_withheld
        self._is_departing = False
        """The venue is about to close the open connection."""

    @property
    def _syncs(self) -> Sequence[BookSync]:
        return self._books.syncs

    @property
    def instruments(self) -> Sequence[Instrument]:
        """What this feed carries."""
        return [sync.instrument for sync in self._syncs]

    @property
    def live(self) -> int:
        """How many of the books are live."""
        return sum(sync.status is BookStatus.LIVE for sync in self._syncs)

    def succeed(self, other: "FeedCore") -> None:
        """Go on with the records of a core that stood in for this one, for the instruments that both have."""
        self.resume(other.standings)

    @property
    def standings(self) -> Sequence[Standing]:
        """What has been said of each book so far."""
        return self._books.standings

    @property
    def books(self) -> CarriedBooks:
        """What it says is said by these."""
        return self._books

    @property
    def is_open(self) -> bool:
        """Whether a connection is open that is still read."""
        return self._session is not None

    def resume(self, standings: Iterable[Standing]) -> None:
        """Go on with what was said of these books, as far as they are this core's."""
        self._books.resume(standings)

    def handle(self, given: Input, now: Moment) -> list[Output]:
        """Take one input and say what is to be done, in order."""
        outputs = self._handle(given, now)
        return [each for each in outputs if not isinstance(each, _SPOKEN)] if self._is_withheld else outputs

    def _handle(self, given: Input, now: Moment) -> list[Output]:
        self._watch_leaps(now, is_open=not isinstance(given, (Closed, Replaced)))
        match given:
            case Frames():
                self._read(given.frames, now)
                if given.frames:
                    self._ahead.drop()
            case Ticked():
                return self._tick(now)
            case Fetched() | FetchFailed():
                held = self._answers.take(given, now)
                return [*held, *self._drain(now)]
            case Opened():
                return self._open(now)
            case Closed():
                self._close(given, now)
            case Dropped(keys):
                return self._drop(keys, now)
            case TakeOver():
                self._effects[:] = [each for each in self._effects if type(each) is not BookState]  # of a leap of time
                self._is_withheld = False
                self._books.take_over(given, now, is_open=self.is_open)
            case Replaced():
                self._session, self._is_withheld = None, True
            case Started() | Unopened() | Stopped():
                self._session = None
                self._books.tell_all(given, now)
        return self._drain(now)

    def reading(self, frame: bytes) -> Iterator[None]:
        """Read ahead a large frame that is about to be given, in steps of about a millisecond; nothing that is said
        changes by it. Meanwhile its bytes are to be taken for still coming: ``Frames`` without any, now and then.
        """
        return self._ahead.read(frame, self._session, self._books) if self._session is not None else iter(())

    # the connection

    def _open(self, now: Moment) -> list[Output]:
        self._session = self._venue.session(self.instruments)
        self._ahead.drop()
        self._frames = frames_of(self._venue.continuity)
        self._clocks.opened(now)
        self._hearing.opened(now)
        self._is_departing = False
        self._books.reopened()
        opening = self._outgoing.open(self._session, now)
        for sync in self._syncs:
            sync.opened(now)
        return [*self._drain(now), opening]

    def _close(self, given: Closed, now: Moment) -> None:
        self._session = None
        for sync in self._syncs:
            if not given.is_ours:
                sync.closed(given.reason, now)
            else:
                sync.detached(now)

    def _drop(self, keys: Sequence[str], now: Moment) -> list[Output]:
        """Let go of what is not wanted any more; the venue is told where its connection goes on without."""
        leaving = [sync for sync in self._syncs if sync.instrument.key in keys]
        for sync in leaving:
            sync.stopped(now)
        released = [Released(self._books.part(sync.instrument.key).standing) for sync in leaving]
        outputs = [*self._drain(now), *released]
        natives = [
            each for each in {sync.instrument.native: None for sync in leaving} if self._books.have_left((each,))
        ]
        if self._session is not None and natives and self._syncs:
            outputs.append(self._outgoing.leave(self._session, natives, now))
        return outputs

    def _tick(self, now: Moment) -> list[Output]:
        self._clocks.watch_skew(now)
        if self._session is not None and self._hearing.is_silent(now, self._outgoing.renewed_at):
            self._session = None
            seconds = round(now.mono - self._hearing.heard_at, 1)
            self._effects.append(Tell("the connection is silent", {"seconds": seconds}))
            for sync in self._syncs:
                sync.closed(Reason.SILENCE, now)
            self._effects.append(Reconnect(Reason.SILENCE))
        is_busy = self._session is not None and self._hearing.is_busy
        for sync in self._syncs:
            if is_busy:
                sync.beat(now)
            else:
                sync.tick(now)
        self._effects[:] = self._books.isolated_last(self._effects, is_withheld=self._is_withheld)
        if self._session is not None and all(sync.is_refused for sync in self._syncs):
            self._effects.append(Reconnect(Reason.REJECTED))
        outputs = self._drain(now)
        return outputs if self._session is None else [*outputs, *self._outgoing.ping(self._session, now)]

    def _watch_leaps(self, now: Moment, *, is_open: bool) -> None:
        """Take nothing for live that may have waited while the clocks leapt."""
        if not self._clocks.have_leapt(now) or self._session is None or not is_open:
            return
        for sync in self._syncs:
            sync.doubt(now)
        if any(isinstance(effect, Reconnect) for effect in self._effects):
            self._session = None

    # frames

    def _read(self, frames: Sequence[bytes], now: Moment) -> None:
        self._hear(now, is_whole=bool(frames))
        for frame in frames:
            session = self._session
            if session is None:
                return
            try:
                events = self._ahead.events if self._ahead.frame is frame else session.read(frame)
            except MalformedFrame as error:
                self._refuse_content(str(error), self._frames.whose(error.native), now)
                continue
            self._tally.events += len(events)
            problem = self._frames.find_problem(events)
            if problem is not None:
                self._refuse_content(problem, None, now)
                return
            for event in events:
                if type(event) is Change:
                    self._change(event, now)
                elif not self._mean(event, events, now):
                    return
            if len(events) > 1:
                for sync in self._books.touched_by(events):
                    sync.settle(now)
            elif events and isinstance(only := events[0], (Change, Snapshot)):
                for sync in self._books.by_native.get(only.native, ()):
                    sync.settle(now)

    def _hear(self, now: Moment, *, is_whole: bool) -> None:
        """Note that bytes came; while those of a large frame come, nobody is late for what may be behind it."""
        if self._hearing.is_busy or not is_whole:
            self._clocks.was_busy(now)
        seconds = self._hearing.hear(now, is_whole=is_whole)
        self._outgoing.heard()
        if seconds:
            for sync in self._syncs:
                sync.extend(seconds)

    def _change(self, change: Change, now: Moment) -> None:
        syncs = self._books.by_native.get(change.native)
        if syncs is None:
            self._stranger(change.native)
            return
        if change.event_time is not None:
            self._clocks.behind = now.received - change.event_time
        for sync in syncs:
            sync.change(change, now)

    def _mean(self, event: Event, frame: Sequence[Event], now: Moment) -> bool:
        """Act on what is rarer than a change; False when the connection cannot be used any more."""
        match event:
            case Numbered(number):
                if not self._frames.is_next(number):
                    self._refute(number, frame, now)
                    return False
            case Snapshot():
                if event.native not in self._books.by_native:
                    self._stranger(event.native)
                for sync in self._books.by_native.get(event.native, ()):
                    sync.snapshot(event, now)
            case Accepted():
                self._books.accept(event, now)
            case Unreadable(problem, natives):
                return self._refuse_content(problem, natives, now)
            case Refused():
                self._refused(event, now)
            case Departing():
                self._depart()
            case Change():
                self._change(event, now)
        return True

    def _depart(self) -> None:
        """Have the connection replaced, or given up where nobody relies on it yet."""
        if not self._is_departing:
            self._is_departing = True
            self._effects.append(Tell("the venue is about to close the connection", {}))
            self._effects.append(Reconnect(Reason.CONNECTION) if self._is_withheld else Replace())

    def _stranger(self, native: str) -> None:
        if not self._books.have_left((native,)):
            self._effects.append(Tell("the venue sent an instrument that was not asked for", {"native": native}))

    def _refute(self, number: int, frame: Sequence[Event], now: Moment) -> None:
        fields: dict[str, object] = {"expected": self._frames.expected, "received": number}
        self._effects.append(Tell("frames of the connection are missing or repeated", fields))
        self._session = None
        named = self._books.touched_by(frame)
        for sync in self._syncs:
            sync.refuse(Reason.SEQUENCE, now, was_depth=sync in named)

    def _refuse_content(self, problem: str, natives: Collection[str] | None, now: Moment) -> bool:
        """Refute the books that what could not be read belongs to, or all of the connection where nobody can tell, or
        names only who was not asked for; False when the connection cannot be used any more.
        """
        if natives is not None and self._books.have_left(natives):
            return True
        self._effects.append(Tell("a frame could not be read", {"problem": problem}))
        if natives is not None and not natives:
            return True
        named = [sync for native in natives or () for sync in self._books.by_native.get(native, ())]
        for sync in named or self._syncs:
            sync.refuse(Reason.MALFORMED, now, was_depth=bool(named))
        if not named:
            self._session = None
            self._effects.append(Reconnect(Reason.MALFORMED))
        return bool(named)

    def _refused(self, event: Refused, now: Moment) -> None:
        named = self._books.by_native.get(event.native, ()) if event.native is not None else ()
        self._effects.append(Tell("the venue refused a request", {"answer": event.message, "native": event.native}))
        for sync in named or self._syncs:
            sync.explain(Reason.REJECTED, now)
            sync.denied(now)

    def _drain(self, now: Moment) -> list[Output]:
        """Give the effects and forget them: one ``Reconnect`` at most and one ``Fetch`` of a book, renewals as messages
        when it is their turn.

        A connection that is being closed is not read any more: nothing of it stays live.
        """
        effects = self._effects
        if not self._outgoing.is_waiting and (
            not effects or (len(effects) == 1 and type(effects[0]) is BookState)
        ):  # nearly always
            outputs: list[Output] = [*effects]  # type: ignore[list-item]
            effects.clear()
            return outputs
        if any(isinstance(effect, Reconnect) for effect in self._effects):
            self._session = None
            for sync in self._syncs:
                if sync.status is BookStatus.LIVE:
                    sync.closed(Reason.CONNECTION, now)
                else:
                    sync.detached(now)
        outputs = []
        is_closing = False
        for effect in without_outdated(self._effects):
            if isinstance(effect, Renew):
                self._outgoing.renew(effect.instrument.native, even_if_live=effect.even_if_live)
            elif isinstance(effect, Isolate):
                outputs.append(HandOver(effect.instrument, self._books.part(effect.instrument.key).standing))
            elif not isinstance(effect, Reconnect):
                outputs.append(effect)
            elif not is_closing:
                is_closing = True
                outputs.append(effect)
        self._effects.clear()
        if self._session is not None and self._outgoing.is_waiting:
            renewal = self._outgoing.release(self._session, now, self._books.is_live)
            if renewal is not None:
                self._books.asked(renewal.natives, renewal.sent_at)
                outputs.append(renewal.send)
        return outputs
