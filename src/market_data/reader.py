"""Reading books from Python, for other programs: typed, with the proof of order and completeness checked.

    async with read_books("localhost:19092", instruments=["binance:BTC-USDT"]) as books:
        async for book in books:
            if book.is_live:
                print(book.symbol, book.bids[0], book.asks[0])
    print(books.proof.is_proven)

Settings (TLS, passwords, topic) come from where the commands find them: YAML, ``.env`` and the environment.
"""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from market_data.application.ports import Clock, Delivered, Start
from market_data.application.proven import ProvenSubscription, quotes_of
from market_data.config import load_settings
from market_data.container import Container
from market_data.domain.errors import UsageError
from market_data.domain.instrument import key_of
from market_data.domain.market import Market
from market_data.domain.normalized import BookStatus, NormalizedBook, Reason
from market_data.domain.proof import KeyProof, OrderProof

__all__ = ["BookStatus", "Books", "KeyProof", "NormalizedBook", "OrderProof", "Reason", "read_books"]


class Books(AsyncIterator[NormalizedBook]):
    """Records in order, each once; endless. ``proof`` says what is missing, doubled or out of order so far.

    Books that are not live come too, with their reason and without levels. So does a book whose producer has fallen
    silent, three heartbeats after its last record (``market.stale_after_heartbeats``), as ``stale``, ``silence``: that
    one is not in the topic, and has the numbers of the record before; the same is said of what another member of the
    group has from now on. Records of a producer that another one has replaced, and such as come after a later one, are
    left out and counted. Who reads more slowly than is published is handed every record as it was: how old it is says
    ``received_time``.
    """

    def __init__(self, subscription: ProvenSubscription, market: Market, clock: Clock) -> None:
        self._subscription = subscription
        self._market = market
        self._clock = clock
        self._ready: deque[tuple[NormalizedBook, Delivered | None]] = deque()

    @property
    def proof(self) -> OrderProof:
        """What the records seen so far show, by instrument and in all."""
        return self._subscription.proof

    async def __anext__(self) -> NormalizedBook:
        """Wait for the next record.

        Raises:
            BrokerError: reading can not go on.
        """
        while not self._ready:
            delivered = await self._subscription.receive()
            now = self._clock.now()
            self._ready.extend((quote.book, each) for quote, each in quotes_of(delivered, self._market, now))
            silent = [
                *self._market.forget(self._subscription.departed(), now),
                *self._market.expire(now, self._subscription.behind()),
            ]
            self._ready.extend((quote.book, None) for quote in silent)
        return self._ready.popleft()[0]

    def leave(self) -> None:
        """Leave what is not handed out to the next reader of the group."""
        self._subscription.leave(each for _, each in self._ready if each is not None)


@asynccontextmanager
async def read_books(
    brokers: str | None = None,
    *,
    instruments: Collection[str] | None = None,
    start: str | datetime = "latest",
    group: str | None = None,
    topic: str | None = None,
    env: str | None = None,
    config_files: Sequence[Path] = (),
    overrides: Sequence[str] = (),
) -> AsyncGenerator[Books]:
    """Open the topic for reading.

    Args:
        brokers: ``host:port``, several with commas; by default ``kafka.brokers`` of the settings.
        instruments: ``exchange:symbol`` of those wanted; by default all.
        start: ``latest`` (the newest record of every instrument comes first), ``earliest``, or a time.
        group: A consumer group to share the topic with; without one everything is read and nothing committed.
        topic: By default ``kafka.topics.books`` of the settings.
        env: Name of the settings' environment, as ``--env``.
        config_files: As ``--config``.
        overrides: As ``--set``.

    Raises:
        UsageError: ``start`` or ``instruments`` is none of these.
        SettingsError: with every fault of every source.
        BrokerUnavailable: no broker within ``kafka.connect_timeout_seconds``.
        BrokerError: a broker answers, and does not let us in or not read.
    """
    chosen = list(overrides)
    if brokers is not None:
        chosen.append(f"kafka.brokers={brokers}")
    if topic is not None:
        chosen.append(f"kafka.topics.books={topic}")
    container = Container(settings=load_settings(env, config_files, chosen).settings)
    if isinstance(start, str) and start not in ("latest", "earliest"):
        raise UsageError(f"start: expected latest, earliest or a datetime, received {start!r}")
    at = start if isinstance(start, str) else int(start.timestamp() * 1_000_000)
    if isinstance(at, int) and at < 0:
        raise UsageError(f"start: expected a time after 1970, received {start}")
    if isinstance(instruments, str):
        raise UsageError(f"instruments: expected a list such as ['binance:BTC-USDT'], received {instruments!r}")
    keys = None if instruments is None else frozenset(map(key_of, instruments))
    async with container.subscriber().open(Start(at), group) as subscription:
        proven = ProvenSubscription(subscription, keys, container.telemetry())
        books = Books(proven, container.market(), container.clock())
        yield books
        books.leave()
