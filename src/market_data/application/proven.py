"""Reading with the proof checked: what ``consume`` shows and what other programs are handed comes through here."""

from collections.abc import Collection, Iterable, Sequence

import attrs

from market_data.application.bounded import ReadingEnd
from market_data.application.ports import Delivered, Subscription, Telemetry, Trouble
from market_data.domain.market import Arrival, Market
from market_data.domain.moment import Moment
from market_data.domain.printable import few
from market_data.domain.proof import OrderProof, Verdict
from market_data.domain.quote import Quote

__all__ = ["ProvenSubscription"]

_TROUBLE = {
    Verdict.HOLE: "records are missing",
    Verdict.DOUBLE: "a record came twice",
    Verdict.DISORDER: "records are out of order",
}
_NAMED = 3
"""Instruments that one line names; of more it says how many."""


class ProvenSubscription:
    """A subscription whose every record was checked; what was handed out before is left out.

    What shows its instrument at once when reading of a partition begins is handed out, seen before or not.
    """

    def __init__(
        self,
        subscription: Subscription,
        keys: Collection[str] | None,
        telemetry: Telemetry,
        proof: OrderProof | None = None,
        *,
        proven_only: bool = False,
    ) -> None:
        """``keys`` are the instruments wanted as ``exchange:symbol``; None: all.

        ``proven_only``: the topic is read as if nothing were in it but what its venue can prove. Books of which nothing
        is proven are left out, of others the levels beyond ``proven_levels``; the order is proven of all.
        """
        self._subscription = subscription
        self._keys = keys
        self._telemetry = telemetry
        self._proven_only = proven_only
        self.proof = proof or OrderProof()
        self._partitions: set[int] = set()
        """Where records came from."""
        self._behind: set[int] = set()
        """Where there may be more of before reading began."""
        self._is_overfull = False

    async def has_come_to(self, end: ReadingEnd) -> bool:
        """Tell whether all that a bounded reading asks for was received.

        Raises:
            BrokerError: the broker does not say where the end is.
        """
        return not self._subscription.is_reading_back and await end.is_reached(self._subscription.positions)

    async def receive(self) -> list[Delivered]:
        """Wait for records; safe to cancel. Trouble is told, counted in ``proof``, and the record handed out.

        Raises:
            BrokerError: reading cannot go on.
        """
        handed: list[Delivered] = []
        keys, check = self._keys, self.proof.check
        for each in await self._subscription.receive():
            book, partition = each.book, each.partition
            if keys is not None and book.key not in keys:
                continue
            self._partitions.add(partition)
            if each.is_past:
                self._behind.add(partition)
            verdict = check(book, each.offset, each.published_at, partition=partition, reading=each.reading)
            if verdict is not Verdict.NEXT:
                if verdict in _TROUBLE:
                    self._telemetry.warn(_TROUBLE[verdict], instrument=book.key)
                if verdict is Verdict.REREAD and not each.is_read_back:
                    continue
            if self._proven_only and book.proven_levels is not None:
                if not book.can_prove:
                    continue
                each = attrs.evolve(each, book=book.proven())  # noqa: PLW2901
            handed.append(each)
        return handed

    @property
    def trouble(self) -> Trouble | None:
        """As ``Subscription.trouble``."""
        return self._subscription.trouble

    def take(self, delivered: Sequence[Delivered], market: Market, now: Moment) -> list[tuple[Quote, Delivered]]:
        """Take records into the market, and give what is news to it, each with the record that it is of.

        Records of another producer than the one followed are counted in ``proof`` and told; so is going back to an
        older one.
        """
        taken: list[tuple[Quote, Delivered]] = []
        left_out: dict[str, list[str]] = {}
        gone_back: dict[str, list[str]] = {}
        for each in delivered:
            book = each.book
            quote = market.take(book, now, each.timestamp, _arrival_of(each))
            if quote is not None:
                taken.append((quote, each))
                if quote.is_return:
                    self.proof.go_back(book.key)
                    gone_back.setdefault(book.run, []).append(book.key)
            elif market.run_of(book.key) != book.run:
                self.proof.leave_out(book.key)
                left_out.setdefault(book.run, []).append(book.key)
        for run, keys in left_out.items():
            self._tell("another producer still publishes this instrument", run, keys)
        for run, keys in gone_back.items():
            self._tell("the newer producer has ended or is silent, following the older one again", run, keys)
        if (market.forgotten or self.proof.forgotten) and not self._is_overfull:
            self._is_overfull = True
            self._telemetry.warn("more instruments than are kept in mind, forgetting those not heard of for longest")
        return taken

    def pass_time(self, market: Market, now: Moment) -> tuple[list[Quote], list[Quote]]:
        """Take note that time has passed; gives the last words of what another member of the group has now, and what
        has fallen silent.
        """
        if departed := self._partitions.difference(self._subscription.partitions):
            self._partitions -= departed
        gone = market.forget(self._keys_in(departed), now)
        if caught_up := self._behind.difference(self._subscription.behind):
            self._behind -= caught_up
            market.catch_up(self._keys_in(caught_up))
        trouble = self.trouble
        return gone, market.expire(now, None if trouble is None else trouble.what)

    def leave(self, unused: Iterable[Delivered] = ()) -> None:
        """As ``Subscription.leave``."""
        self._subscription.leave(unused)

    def _keys_in(self, partitions: Collection[int]) -> list[str]:
        """Name the instruments of some partitions: looked up rarely, so that no record has to keep it."""
        return [key for key, proof in self.proof.keys.items() if proof.partition in partitions] if partitions else []

    def _tell(self, message: str, run: str, keys: Sequence[str]) -> None:
        """Say once for all instruments of a run what many records show; the log sums up what repeats."""
        names = list(dict.fromkeys(keys))
        self._telemetry.warn(message, run=run, instruments=few(names, _NAMED), records=len(keys))


def _arrival_of(each: Delivered) -> Arrival:
    if each.is_read_back:
        return Arrival.READ_BACK
    return Arrival.PAST if each.is_past else Arrival.NEW
