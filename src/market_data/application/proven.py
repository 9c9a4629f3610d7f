"""Reading with the proof checked: what ``consume`` shows and what other programs are handed comes through here."""

from collections.abc import Collection, Iterable, Sequence

from market_data.application.bounded import ReadingEnd
from market_data.application.ports import Delivered, Subscription, Telemetry
from market_data.domain.market import Market, Quote
from market_data.domain.moment import Moment
from market_data.domain.proof import OrderProof, Verdict

__all__ = ["ProvenSubscription", "quotes_of"]

_TROUBLE = {
    Verdict.HOLE: "records are missing",
    Verdict.DOUBLE: "a record came twice",
    Verdict.DISORDER: "records are out of order",
    Verdict.FOREIGN: "another producer still publishes this instrument",
}


class ProvenSubscription:
    """A subscription whose every record was checked; what was handed out before, or is of an older run, is left out.

    What shows its instrument at once when reading of a partition begins is handed out, seen before or not.
    """

    def __init__(
        self,
        subscription: Subscription,
        keys: Collection[str] | None,
        telemetry: Telemetry,
        proof: OrderProof | None = None,
    ) -> None:
        """``keys`` are the instruments wanted as ``exchange:symbol``; None: all."""
        self._subscription = subscription
        self._keys = keys
        self._telemetry = telemetry
        self.proof = proof or OrderProof()
        self._partitions: dict[str, int] = {}
        self._readings: dict[str, int] = {}

    async def has_come_to(self, end: ReadingEnd) -> bool:
        """Tell whether all that a bounded reading asks for was received.

        Raises:
            BrokerError: the broker does not say where the end is.
        """
        return not self._subscription.is_reading_back and await end.is_reached(self._subscription.positions)

    async def receive(self) -> list[Delivered]:
        """Wait for records; safe to cancel. Trouble is told, counted in ``proof``, and the record handed out.

        Raises:
            BrokerError: reading can not go on.
        """
        handed: list[Delivered] = []
        for each in await self._subscription.receive():
            book = each.book
            if self._keys is not None and book.key not in self._keys:
                continue
            self._follow(each)
            verdict = self.proof.check(book, each.offset, each.timestamp, partition=each.partition)
            if verdict in _TROUBLE:
                self._telemetry.warn(_TROUBLE[verdict], instrument=book.key)
            is_foreign = book.run < self.proof.keys[book.key].newest_run
            if (verdict is not Verdict.REREAD or each.is_read_back) and not is_foreign:
                handed.append(each)
        return handed

    def leave(self, unused: Iterable[Delivered] = ()) -> None:
        """As ``Subscription.leave``."""
        self._subscription.leave(unused)

    def _follow(self, each: Delivered) -> None:
        """Take note of where an instrument is read."""
        key = each.book.key
        if self._readings.get(key, each.reading) != each.reading:
            self.proof.interrupt(key)
        self._readings[key] = each.reading
        self._partitions[key] = each.partition

    def behind(self) -> Collection[str]:
        """Name the instruments of which records are still to come that were there before reading began."""
        behind = self._subscription.behind
        return [key for key, partition in self._partitions.items() if partition in behind] if behind else ()

    def departed(self) -> list[str]:
        """Name the instruments whose partitions went to another member of the group since the last call."""
        ours = self._subscription.partitions
        gone = [key for key, partition in self._partitions.items() if partition not in ours]
        for key in gone:
            del self._partitions[key]
        return gone


def quotes_of(delivered: Sequence[Delivered], market: Market, now: Moment) -> list[tuple[Quote, Delivered]]:
    """Take records into the market, and give what is news to it, each with the record that it is of."""
    taken = (
        (
            market.take(
                each.book,
                now,
                each.timestamp if each.is_past else None,
                is_shown_as_it_was=not each.is_read_back,
            ),
            each,
        )
        for each in delivered
    )
    return [(quote, each) for quote, each in taken if quote is not None]
