"""What the metrics of a reader are read from: its proof, its market, its subscription.

The sums are exact whatever keys a topic holds: an instrument without labels of its own counts as ``OTHER``, and what
was found of one that is forgotten goes on to count.
"""

from collections.abc import Collection, Iterator, Sequence

import attrs

from market_data.application import metrics
from market_data.application.measures import Sample
from market_data.application.metrics import MOST_INSTRUMENTS, OTHER, SAMPLED
from market_data.application.ports import Clock, Delivered, Pictures, Subscription, Telemetry
from market_data.domain.latency import SHOWN, passage
from market_data.domain.market import Market
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus
from market_data.domain.proof import Findings, KeyProof, OrderProof
from market_data.domain.quote import Quote

__all__ = ["Consumed", "Passages", "WorstAge"]

_WINDOW_SECONDS = 60.0
_MOST_EXCHANGES = 64
"""More names than these are none of exchanges."""
_MOST_UNSHOWN = 1000
"""Records whose showing is waited for; those that come while a picture stands still for long are not measured."""
_FINDINGS = {
    "records": metrics.CONSUMER_RECORDS,
    "holes": metrics.CONSUMER_HOLES,
    "doubles": metrics.CONSUMER_DOUBLES,
    "disorder": metrics.CONSUMER_DISORDER,
    "foreign": metrics.CONSUMER_FOREIGN,
}


@attrs.define
class WorstAge:
    """The longest that fresh data was old when it was read, in this minute and the last."""

    _began_at: float = 0.0
    _before: float = 0.0
    _now: float = 0.0

    def saw(self, quotes: Sequence[Quote], now: Moment) -> None:
        """Take what was just read."""
        oldest = min((quote.book.received_time or now.wall for quote in quotes if quote.is_fresh), default=now.wall)
        self._turn(now)
        self._now = max(self._now, (now.wall - oldest) / 1e6)

    def seconds(self, now: Moment) -> float:
        """Tell it; 0 where nothing fresh came."""
        self._turn(now)
        return max(self._before, self._now)

    def _turn(self, now: Moment) -> None:
        if (passed := now.mono - self._began_at) >= _WINDOW_SECONDS:
            self._before = self._now if passed < 2 * _WINDOW_SECONDS else 0.0
            self._began_at, self._now = now.mono, 0.0


@attrs.define
class Passages(Pictures):
    """How long records were on their way, hop by hop, to the picture that has them."""

    _telemetry: Telemetry
    _clock: Clock
    _exchanges: set[str] = attrs.field(factory=set)
    _seen: int = 0
    _unshown: list[tuple[str, float]] = attrs.field(factory=list)
    """Exchange, and when the record was here by the monotonic clock."""
    _drawn: list[tuple[str, float]] = attrs.field(factory=list)
    """The same of what is in a picture that cannot be seen yet."""

    def saw(self, taken: Sequence[tuple[Quote, Delivered]], now: Moment) -> None:
        """Take what was just read: what is live and has news."""
        for quote, each in taken:
            if not quote.is_fresh:
                continue
            if not self._seen % SAMPLED:
                exchange = self._label(quote.book.exchange)
                for hop, passed in passage(quote.book, each.stamp, each.timestamp, now.wall).items():
                    self._observe(exchange, hop.label, passed / 1e6)
                if len(self._unshown) + len(self._drawn) < _MOST_UNSHOWN:
                    self._unshown.append((exchange, now.mono))
            self._seen += 1

    def begin(self) -> None:
        self._drawn += self._unshown
        self._unshown.clear()

    def end(self) -> None:
        now = self._clock.now().mono
        for exchange, seen in self._drawn:
            self._observe(exchange, SHOWN, now - seen)
        self._drawn.clear()

    def _observe(self, exchange: str, hop: str, seconds: float) -> None:
        self._telemetry.observe(metrics.CONSUMER_LATENCY, seconds, exchange=exchange, hop=hop)

    def _label(self, exchange: str) -> str:
        if exchange not in self._exchanges:
            if len(self._exchanges) >= _MOST_EXCHANGES:
                return OTHER
            self._exchanges.add(exchange)
        return exchange


@attrs.define
class _Named:
    """An instrument with labels of its own."""

    proof: KeyProof
    forgotten: Findings = attrs.field(factory=Findings)
    """What was found of it before it was forgotten and seen again."""

    def go_on(self, proof: KeyProof) -> None:
        """Take it that it may have been forgotten meanwhile."""
        if proof is not self.proof:
            self.forgotten.add(self.proof.findings)
            self.proof = proof


class Consumed:
    """Of one run of ``consume``."""

    def __init__(self, proof: OrderProof, market: Market, configured: Collection[str]) -> None:
        """``configured`` are the keys that have labels of their own in any case."""
        self._proof = proof
        self._market = market
        self._configured = frozenset(configured)
        self._named: dict[str, _Named] = {}
        self._uninvited = 0
        self.worst_age = WorstAge()

    def measure(self, subscription: Subscription | None, now: Moment) -> Iterator[Sample]:
        """Give the metrics; ``subscription`` is None before there is one."""
        yield from self._measure_findings()
        yield metrics.CONSUMER_FORGOTTEN, (), self._proof.forgotten
        yield metrics.CONSUMER_WORST_AGE, (), self.worst_age.seconds(now)
        statuses = self._market.count()
        for status in BookStatus:
            yield metrics.CONSUMER_BOOKS, (status,), statuses[status]
        if subscription is None:
            return
        trouble = subscription.trouble
        yield metrics.CONSUMER_TROUBLE, (), 0.0 if trouble is None else trouble.seconds
        for partition, records in subscription.lags.items():
            yield metrics.CONSUMER_LAG, (str(partition),), records

    def _measure_findings(self) -> Iterator[Sample]:
        for key, proof in self._proof.keys.items():
            if key in self._named:
                self._named[key].go_on(proof)
            elif key in self._configured or self._uninvited < MOST_INSTRUMENTS:
                self._uninvited += key not in self._configured
                self._named[key] = _Named(proof)
        others = self._proof.findings
        for key, named in self._named.items():
            labels = (key.partition(":")[0], key)
            found = attrs.evolve(named.forgotten)
            found.add(named.proof.findings)
            others.subtract(found)
            for name, metric in _FINDINGS.items():
                yield metric, labels, getattr(found, name)
        for name, metric in _FINDINGS.items():
            yield metric, (OTHER, OTHER), getattr(others, name)
