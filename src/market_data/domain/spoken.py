"""What is said of one book: its status, its epoch, and its records, over any number of connections.

status         entered when                                                     left when
syncing        at the start; a connection is open again                         live, or as below
live           snapshot and stream are joined, not crossed, deep enough         any refutation below
gap            continuity lost; content refuted; depth not known                live again, or the socket is lost
stale          silent beyond the bound, probed in vain                          live again, or the socket is lost
disconnected   the socket was lost, could not be opened, or the program stops   a connection is open again
"""

from abc import ABC, abstractmethod

from market_data.domain.effects import Tell
from market_data.domain.levels import EMPTY, Ladder, is_same_ladder
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookState, BookStatus, Reason
from market_data.domain.standing import BookSetup, Said, Standing
from market_data.domain.waits import RebuildWaits

__all__ = ["SpokenBook", "status_of_lost"]

TRUSTED_AFTER_SECONDS = 60.0
"""A book live for so long was rebuilt well: what crosses then is a new trouble, not the old one."""


def status_of_lost(reason: Reason) -> BookStatus:
    """Say what a book is whose connection is gone."""
    match reason:
        case Reason.MALFORMED:
            return BookStatus.GAP
        case Reason.SILENCE:
            return BookStatus.STALE
        case _:
            return BookStatus.DISCONNECTED


class SpokenBook(ABC):
    """One instrument's status and record stream."""

    def __init__(self, setup: BookSetup) -> None:
        self._continuity = setup.continuity
        self.instrument = setup.instrument
        self.status = BookStatus.SYNCING
        self.reason: Reason | None = None
        self.epoch = 0
        self.sequence: int | None = None
        self._settings = setup.settings
        self._effects = setup.effects
        self._status_since = 0
        self._event_time: int | None = None
        self._received_time: int | None = None
        self._bids: Ladder = EMPTY
        self._asks: Ladder = EMPTY
        self._published_at = 0.0
        self._rebuild_waits = RebuildWaits(setup.settings.rebuild_max_seconds)
        self._live_since = 0.0

    def start(self, now: Moment) -> None:
        """The program starts: say that the instrument exists, unless another has said so."""
        if not self._status_since:
            self._status_since = now.wall
            self._publish(now)

    @property
    def standing(self) -> Standing:
        """What has been said of this book so far."""
        return Standing(
            self.instrument.key,
            self.status,
            self.reason,
            self._status_since,
            self._published_at,
            self.epoch,
            self.sequence,
            self._event_time,
            self._received_time,
            self._rebuild_waits.next_seconds,
        )

    def resume(self, standing: Standing) -> None:
        """Go on with the records of one that spoke for this book before."""
        self.status, self.reason = standing.status, standing.reason
        self._status_since, self._published_at = standing.status_since, standing.published_at
        self.epoch, self.sequence = standing.epoch, standing.sequence
        self._event_time, self._received_time = standing.event_time, standing.received_time
        self._rebuild_waits.resume(standing.rebuild_wait_seconds)

    @property
    def said(self) -> Said:
        """The same, and the levels of the last record."""
        return Said(self.standing, self._bids, self._asks)

    def is_abreast(self, other: Standing) -> bool:
        """Tell whether this book is live, and no older than what was said of it over another connection.

        Ids may step back, and a fetched book is as late as its request: where both are known, both must agree.
        """
        if self.status is not BookStatus.LIVE:
            return False
        ours, theirs = (self.sequence, self._event_time), (other.sequence, other.event_time)
        if ours[0] is not None and ours[0] == theirs[0]:
            return True
        known = [(one, two) for one, two in zip(ours, theirs, strict=True) if one is not None and two is not None]
        return all(one >= two for one, two in known) and (bool(known) or theirs == (None, None))

    def take_over(self, said: Said, reason: Reason, now: Moment, *, is_open: bool) -> None:
        """Go on with what was said over another connection, which is gone for ``reason``: live in both, it stays so.

        A book that is not live here is lost with that connection; one that is older than what was shown is rebuilt.
        """
        before, own, bids, asks = said.standing, self.standing, self._bids, self._asks
        is_abreast = self.is_abreast(before)
        self.resume(before)
        self._bids, self._asks = Ladder.of(said.bids), Ladder.of(said.asks)
        self._received_time = _later(before.received_time, own.received_time)
        if own.status is BookStatus.LIVE and not is_abreast:
            self._tell("a book is behind what was shown", ours=own.sequence, shown=before.sequence)
            self._lose(Reason.SEQUENCE, now)
            return
        if not is_abreast:
            self._event_time = _later(before.event_time, own.event_time)
            self._lose_with_other(own, reason, now, is_open=is_open)
            self._return_to(own.sequence)
            return
        self.sequence = before.sequence if own.sequence is None else own.sequence
        self._event_time = before.event_time if own.event_time is None else own.event_time
        if before.status is not BookStatus.LIVE:
            if before.status is not BookStatus.GAP:
                self._become(BookStatus.SYNCING, before.reason, now)
            self._bids, self._asks = bids, asks
            self.epoch += 1
            self._become(BookStatus.LIVE, None, now)
        elif not (is_same_ladder(bids, self._bids) and is_same_ladder(asks, self._asks)):
            self._bids, self._asks = bids, asks
            self._publish(now)

    def _lose_with_other(self, own: Standing, reason: Reason, now: Moment, *, is_open: bool) -> None:
        """Say that a book is lost with the connection that spoke for it, and then what it is on this one."""
        if self.status is BookStatus.LIVE:
            self._become(status_of_lost(reason), reason, now)
        why = own.reason or self.reason
        if own.status is not BookStatus.SYNCING:
            self._become(own.status, why, now)
        elif is_open and self.status is not BookStatus.GAP:
            self._become(BookStatus.SYNCING, why, now)

    @abstractmethod
    def _return_to(self, sequence: int | None) -> None:
        """Go on with ``sequence`` where it is the number of a book that is kept here, and not lost; the number at hand
        was shown elsewhere.
        """

    def explain(self, reason: Reason, now: Moment) -> None:
        """Say why a book that is not live does not become so."""
        if self.status is not BookStatus.LIVE:
            self._become(self.status, reason, now)

    def beat(self, now: Moment) -> None:
        """Time has passed in which nothing of this connection can be late: only say that the state goes on."""
        if now.mono - self._published_at >= self._settings.heartbeat_seconds:
            self._publish(now)

    @abstractmethod
    def _lose(self, reason: Reason, now: Moment) -> None:
        """Continuity is lost or content refuted: say ``gap`` and rebuild."""

    def _tell(self, message: str, **fields: object) -> None:
        self._effects.append(Tell(message, {"instrument": self.instrument.key, **fields}))

    def _become(self, status: BookStatus, reason: Reason | None, now: Moment) -> None:
        if status is self.status and reason is self.reason:
            return
        if status is not self.status:
            if self.status is BookStatus.LIVE and now.mono - self._live_since >= TRUSTED_AFTER_SECONDS:
                self._rebuild_waits.reset()
            self.status = status
            self._status_since = now.wall
        self.reason = reason
        if status is not BookStatus.LIVE:
            self._bids = self._asks = EMPTY
        self._publish(now)

    def _publish(self, now: Moment) -> None:
        self._published_at = now.mono
        self._effects.append(
            BookState(
                self.instrument.exchange,
                self.instrument.symbol,
                self.status,
                self.reason,
                self._status_since,
                self._bids,
                self._asks,
                self._event_time,
                self._received_time,
                self.sequence,
                self.epoch,
                self._continuity.proof,
                self._continuity.proven_levels,
            )
        )


def _later(time: int | None, other: int | None) -> int | None:
    return other if time is None or (other is not None and other > time) else time
