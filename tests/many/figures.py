"""What one exchange was asked for and what came of it; and what of that is not as promised."""

from collections import Counter
from collections.abc import Sequence

import attrs

from market_data.domain.normalized import BookStatus, NormalizedBook

__all__ = ["Figures", "busiest"]

_MINUTE = 60.0
_PACE_SECONDS = 10.0


@attrs.define
class Figures:
    """Moments are seconds since the start."""

    exchange: str
    instruments: int
    instruments_per_connection: int
    messages_per_second: float
    weight_per_minute: int
    burst: float
    """So much weight may go at once, above what a minute allows."""
    connected: list[float] = attrs.field(factory=list)
    sent: list[tuple[float, str]] = attrs.field(factory=list)
    asked: list[tuple[float, int]] = attrs.field(factory=list)
    """Moment and weight of every request."""
    refused: Counter[str] = attrs.field(factory=Counter)
    """Requests and connections that failed, by what was said."""
    live: set[str] = attrs.field(factory=set)
    all_live_at: float | None = None
    records: int = 0
    live_records: int = 0
    gaps: int = 0
    lost: Counter[str] = attrs.field(factory=Counter)
    """Records that were not live of books that had been, but for the last words of a run."""
    merged: int = 0
    missing: int = 0
    _seen: set[str] = attrs.field(factory=set)
    _next: Counter[str] = attrs.field(factory=Counter)

    def take(self, book: NormalizedBook, now: float) -> None:
        """Count one record."""
        self.records += 1
        self.missing += abs(book.publish_seq - self._next[book.key])
        self._next[book.key] = book.publish_seq + 1
        self.merged += book.conflated
        if book.is_live:
            self.live_records += 1
            self.live.add(book.key)
            self._seen.add(book.key)
            if self.all_live_at is None and len(self.live) == self.instruments:
                self.all_live_at = now
        elif book.reason != "shutdown":
            self.live.discard(book.key)
            self.gaps += book.status == BookStatus.GAP
            if book.key in self._seen:
                self.lost[f"{book.status} {book.reason}"] += 1

    @property
    def fewest(self) -> int:
        """How many connections its instruments need."""
        return -(-self.instruments // self.instruments_per_connection)

    @property
    def renewals(self) -> int:
        """How many messages left streams to ask for them anew."""
        return sum("unsubscribe" in text.lower() for _, text in self.sent)

    @property
    def most_weight(self) -> float:
        """The most that was spent in any minute."""
        return busiest(self.asked, _MINUTE)

    @property
    def most_messages(self) -> float:
        """The most that were sent in any second, over ten of them."""
        return busiest([(at, 1) for at, _ in self.sent], _PACE_SECONDS) / _PACE_SECONDS

    def problems(self) -> list[str]:
        """Name what is not as promised."""
        wrong = {
            f"{self.instruments - len(self.live)} of {self.instruments} instruments are not live": len(self.live)
            < self.instruments,
            f"{self.gaps} false gaps": self.gaps,
            f"live books were given up: {dict(self.lost)}": self.lost,
            f"{self.merged} records were merged": self.merged,
            f"{self.missing} records are missing": self.missing,
            f"{len(self.connected)} connections instead of {self.fewest}": len(self.connected) != self.fewest,
            f"refusals: {dict(self.refused)}": self.refused,
            f"{self.most_weight} of {self.weight_per_minute} weight in a minute": self.most_weight
            > self.weight_per_minute + self.burst,
            f"{self.most_messages} messages a second": self.most_messages > self.messages_per_second,
        }
        return [f"{self.exchange}: {problem}" for problem, is_so in wrong.items() if is_so]


def busiest(moments: Sequence[tuple[float, float]], seconds: float) -> float:
    """Give the most that falls into any span of so many seconds; moments are in order."""
    most = total = 0.0
    first = 0
    for at, amount in moments:
        total += amount
        while moments[first][0] <= at - seconds:
            total -= moments[first][1]
            first += 1
        most = max(most, total)
    return most
