"""Reading books from Python, for other programs: typed, with the proof of order and completeness checked.

    async with read_books("localhost:19092", instruments=["binance:BTC-USDT"]) as books:
        async for book in books:
            if book.is_live:
                print(book.symbol, book.best_bid, book.best_ask, book.mid)
    print(books.proof.is_proven)

``iter_books`` is the same without async. Nothing of the surroundings is read unless it is asked for (``env``), and
nothing is logged until ``loguru.logger.enable("market_data")``.
"""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Generator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from anyio.from_thread import BlockingPortal, start_blocking_portal

from market_data.application.bounded import ReadingEnd
from market_data.application.overtime import OverTime
from market_data.application.ports import Clock, Delivered, Start
from market_data.application.proven import ProvenSubscription
from market_data.application.times import When, end_of, start_of
from market_data.config import Settings, SettingsError, load_defaults, load_settings
from market_data.domain.across import SymbolView
from market_data.domain.analytics import Fill
from market_data.domain.basis import Basis
from market_data.domain.errors import AppError, BrokerError, BrokerUnavailable, UsageError
from market_data.domain.instrument import key_of
from market_data.domain.market import Market
from market_data.domain.normalized import BookStatus, Level, Levels, NormalizedBook, Proof, Reason
from market_data.domain.proof import KeyProof, OrderProof
from market_data.domain.quote import Quote
from market_data.domain.rolling import Minute
from market_data.factories.reading import (
    make_clock,
    make_cluster,
    make_market,
    make_over_time,
    make_probe,
    make_subscriber,
    make_topic,
)
from market_data.logs.library import be_silent, library_telemetry

__all__ = [
    "AppError",
    "Basis",
    "BookStatus",
    "Books",
    "BooksIterator",
    "BrokerError",
    "BrokerUnavailable",
    "Fill",
    "KeyProof",
    "Level",
    "Levels",
    "Minute",
    "NormalizedBook",
    "OrderProof",
    "OverTime",
    "Proof",
    "Reason",
    "SettingsError",
    "SymbolView",
    "UsageError",
    "iter_books",
    "read_books",
]

be_silent()


class Books(AsyncIterator[NormalizedBook]):
    """Records in order, each once; endless unless ``until`` was given. ``proof`` says what is missing, doubled or out
    of order so far.

    Books that are not live come too, with their reason and without levels. So does a book whose producer has fallen
    silent, three heartbeats after its last record (``market.stale_after_heartbeats``), as ``stale``, ``silence``: that
    one is not in the topic, and has the numbers of the record before; the same is said of what another member of the
    group has from now on. Where several producers publish an instrument, the greatest run that still speaks is
    followed: once it has ended or fallen silent, an older one that goes on. Records of the others, and such as come
    after a later one, are left out and counted. Who reads more slowly than is published is handed every record as it
    was: how old it is says ``received_time``.
    """

    def __init__(
        self,
        subscription: ProvenSubscription,
        market: Market,
        clock: Clock,
        end: ReadingEnd | None = None,
        over_time: OverTime | None = None,
    ) -> None:
        self._subscription = subscription
        self._market = market
        self._clock = clock
        self._end = end
        self._over_time = over_time
        self._is_over = False
        self._ready: deque[tuple[Quote, Delivered | None]] = deque()

    @property
    def proof(self) -> OrderProof:
        """What the records seen so far show, by instrument and in all."""
        return self._subscription.proof

    @property
    def over_time(self) -> OverTime:
        """What minutes and venues side by side say.

        Raises:
            UsageError: ``read_books`` was not asked to keep it.
        """
        return _kept(self._over_time)

    async def __anext__(self) -> NormalizedBook:
        """Wait for the next record.

        Raises:
            BrokerError: reading cannot go on.
        """
        if not self._ready and not await self.wait():
            raise StopAsyncIteration
        return self.pop()

    async def wait(self) -> bool:
        """Wait until the next record is there; False: the end that was asked for is reached, nothing more comes.

        Raises:
            BrokerError: reading cannot go on.
        """
        while not self._ready and not self._is_over:
            delivered = await self._subscription.receive()
            if self._end is None:
                self._admit(delivered, is_past=False)
                continue
            self._admit([each for each in delivered if self._end.holds(each)], is_past=self._end.is_past)
            self._is_over = await self._subscription.has_come_to(self._end)
        return self.has_ready

    @property
    def has_ready(self) -> bool:
        """Tell whether the next record is there already."""
        return bool(self._ready)

    def pop(self) -> NormalizedBook:
        """Take the next record, which must be there (``has_ready``)."""
        return self._ready.popleft()[0].book

    def leave(self) -> None:
        """Leave what is not handed out to the next reader of the group."""
        self._subscription.leave(each for _, each in self._ready if each is not None)

    def _admit(self, delivered: Sequence[Delivered], *, is_past: bool) -> None:
        now = self._clock.now()
        self._keep(self._subscription.take(delivered, self._market, now))
        if is_past:  # what the topic held is asked for, not how old it is now
            return
        departed, expired = self._subscription.pass_time(self._market, now)
        self._keep([(quote, None) for quote in (*departed, *expired)])

    def _keep(self, taken: Sequence[tuple[Quote, Delivered | None]]) -> None:
        self._ready.extend(taken)
        if self._over_time is not None:
            self._over_time.take(quote for quote, _ in taken)


class BooksIterator(Iterator[NormalizedBook]):
    """``Books`` without async: what ``iter_books`` gives."""

    def __init__(self, books: Books, portal: BlockingPortal) -> None:
        self._books = books
        self._portal = portal

    @property
    def proof(self) -> OrderProof:
        """What the records seen so far show, by instrument and in all."""
        return self._books.proof

    @property
    def over_time(self) -> OverTime:
        """As ``Books.over_time``."""
        return self._books.over_time

    def __next__(self) -> NormalizedBook:
        """Wait for the next record.

        Raises:
            BrokerError: reading cannot go on.
        """
        if not self._books.has_ready and not self._wait():
            raise StopIteration
        return self._books.pop()

    def _wait(self) -> bool:
        waiting = self._portal.start_task_soon(self._books.wait)
        try:
            return waiting.result()
        except BaseException:  # Ctrl-C: what is waited for ends before the subscription does
            waiting.cancel()
            raise


@asynccontextmanager
async def read_books(
    brokers: str | None = None,
    *,
    instruments: Collection[str] | None = None,
    start: When = "latest",
    until: When | None = None,
    group: str | None = None,
    topic: str | None = None,
    env: str | None = None,
    config_files: Sequence[Path] = (),
    overrides: Sequence[str] = (),
    proven_only: bool | None = None,
    over_time: bool = False,
) -> AsyncGenerator[Books]:
    """Open the topic for reading.

    Args:
        brokers: ``host:port``, several with commas; by default ``kafka.brokers`` of the settings.
        instruments: ``exchange:symbol`` of those wanted; by default all.
        start: ``latest`` (the newest record of every instrument comes first), ``earliest``, a time (datetime or ISO
            text) or a span before now (timedelta or text such as ``-15m``).
        until: Where reading ends, by the times of publishing: ``latest`` (the end of the topic as it is now), a time or
            a span as above; a time to come is waited for. By default reading has no end.
        group: A consumer group to share the topic with; without one everything is read and nothing committed.
        topic: By default ``kafka.topics.books`` of the settings.
        env: Name of the settings' environment, as ``--env``. Settings are then looked for where the commands find
            them: ``config/`` of the working folder, ``.env`` and the environment, where passwords are. Without it they
            are the program's own defaults, whatever surrounds the caller.
        config_files: As ``--config``.
        overrides: As ``--set``.
        proven_only: Leave out books of which their venue can prove nothing (``proof`` is ``none``), and the levels of
            others that lie beyond ``proven_levels``. By default ``market.proven_only`` of the settings: all are read,
            and each says how it is proven.
        over_time: Keep what ``books.over_time`` answers from.

    Raises:
        UsageError: ``start``, ``until`` or ``instruments`` is none of these, or ``until`` is given with ``group``.
        SettingsError: with every fault of every source.
        BrokerUnavailable: no broker within ``kafka.connect_timeout_seconds``.
        BrokerError: a broker answers, and does not let us in or not read.
    """
    settings = _settings(brokers, topic, env, config_files, overrides)
    keys, clock = _keys(instruments), make_clock()
    begin, end = _span(start, until, clock.now().wall)
    if end is not None and group is not None:
        raise UsageError("until: a group shares the reading, so no member knows when it has come to an end")
    is_proven_only = settings.market.proven_only if proven_only is None else proven_only
    cluster, described = make_cluster(settings), make_topic(settings)
    bound = None if end is None else ReadingEnd(make_probe(cluster, described), clock, end)
    with library_telemetry(settings.log.repeat_seconds) as telemetry:
        async with make_subscriber(settings, cluster, described, telemetry).open(begin, group) as subscription:
            reader = ProvenSubscription(subscription, keys, telemetry, proven_only=is_proven_only)
            books = Books(
                reader, make_market(settings), clock, bound, make_over_time(settings, clock) if over_time else None
            )
            yield books
            books.leave()


@contextmanager
def iter_books(
    brokers: str | None = None,
    *,
    instruments: Collection[str] | None = None,
    start: When = "latest",
    until: When | None = None,
    group: str | None = None,
    topic: str | None = None,
    env: str | None = None,
    config_files: Sequence[Path] = (),
    overrides: Sequence[str] = (),
    proven_only: bool | None = None,
    over_time: bool = False,
) -> Generator[BooksIterator]:
    """Open the topic for reading without async; arguments and errors are those of ``read_books``.

        with iter_books("localhost:19092", start="-15m", until="latest") as books:
            mids = [(book.received_time, book.mid) for book in books if book.is_live]

    An event loop of its own runs in a thread until the end of the block.
    """
    opened = read_books(
        brokers,
        instruments=instruments,
        start=start,
        until=until,
        group=group,
        topic=topic,
        env=env,
        config_files=config_files,
        overrides=overrides,
        proven_only=proven_only,
        over_time=over_time,
    )
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(opened) as books:
        yield BooksIterator(books, portal)


def _kept(over_time: OverTime | None) -> OverTime:
    if over_time is None:
        raise UsageError(
            "over_time: nothing is kept of what was read unless read_books(..., over_time=True) asks for it"
        )
    return over_time


def _settings(
    brokers: str | None, topic: str | None, env: str | None, config_files: Sequence[Path], overrides: Sequence[str]
) -> Settings:
    chosen = list(overrides)
    if brokers is not None:
        chosen.append(f"kafka.brokers={brokers}")
    if topic is not None:
        chosen.append(f"kafka.topics.books={topic}")
    loaded = load_defaults(config_files, chosen) if env is None else load_settings(env, config_files, chosen)
    return loaded.settings


def _keys(instruments: Collection[str] | None) -> frozenset[str] | None:
    if isinstance(instruments, str):
        raise UsageError(f"instruments: expected a list such as ['binance:BTC-USDT'], received {instruments!r}")
    return None if instruments is None else frozenset(map(key_of, instruments))


def _span(start: When, until: When | None, now: int) -> tuple[Start, int | None]:
    try:
        begin = start_of(start, now)
    except UsageError as error:
        raise UsageError(f"start: {error}") from error
    try:
        return begin, None if until is None else end_of(until, now)
    except UsageError as error:
        raise UsageError(f"until: {error}") from error
