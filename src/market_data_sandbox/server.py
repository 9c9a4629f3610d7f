"""Puts a sandbox together and runs it: sources, exchanges, web servers, broker, and the settings that lead to them."""

import socket
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import attrs
import yaml
from starlette.applications import Starlette

from market_data_sandbox.broker import open_broker
from market_data_sandbox.captures import load_recordings
from market_data_sandbox.errors import InstrumentError, OutputError
from market_data_sandbox.exchanges.dialect import dialect_of
from market_data_sandbox.faults import Faults, load_script
from market_data_sandbox.market_source import MarketSource
from market_data_sandbox.options import Options, Venue
from market_data_sandbox.playing import Player
from market_data_sandbox.source import Source
from market_data_sandbox.truth import Truth
from market_data_sandbox.web import listen, web_server

__all__ = ["Endpoint", "Running", "serve"]


@attrs.frozen
class Endpoint:
    """Where one venue answers."""

    websocket_url: str
    """Binance: the base, to which a client adds `/stream`. Others: the whole URL."""
    rest_url: str
    """The base before `/api/v3/...`, or whatever the venue's paths begin with."""
    instruments: tuple[str, ...]
    """Canonical symbols of what it has to tell."""


@attrs.frozen
class Running:
    """A sandbox that answers."""

    endpoints: Mapping[Venue, Endpoint]
    """Of each venue that runs."""
    brokers: str | None
    """Address of the embedded broker, `host:port`; None without one."""
    settings_file: Path
    truth: Truth
    faults: Faults
    sources: Mapping[Venue, Source]
    """What stands behind each venue: a `MarketSource` or a `Player`."""

    @property
    def binance(self) -> Endpoint:
        """Tell where Binance answers."""
        return self.endpoints[Venue.BINANCE]

    @property
    def coinbase(self) -> Endpoint:
        """Tell where Coinbase answers."""
        return self.endpoints[Venue.COINBASE]

    async def capture_ended(self, venue: Venue) -> None:
        """Wait until a venue's recording has been played to its end; at once where there is none."""
        source = self.sources[venue]
        if isinstance(source, Player):
            await source.ended.wait()

    def settings(self) -> dict[str, object]:
        """Give the settings that lead an application here: to venues that run and have something to tell."""
        venues: dict[str, dict[str, object]] = {venue.value: {"enabled": False} for venue in Venue}
        for venue, endpoint in self.endpoints.items():
            venues[venue] = {"enabled": bool(endpoint.instruments), **_plain(endpoint)}
        if self.brokers is None:
            return {"venues": venues}
        # the embedded broker makes its topics itself, with four partitions
        return {"venues": venues, "kafka": {"brokers": self.brokers, "partitions": 4}}

    def addresses(self) -> dict[str, object]:
        """Give what the command prints."""
        return {
            **self._venues(),
            **self._kafka(),
            "settings_file": str(self.settings_file),
        }

    def _venues(self) -> dict[str, object]:
        return {venue.value: _plain(endpoint) for venue, endpoint in self.endpoints.items()}

    def _kafka(self) -> dict[str, object]:
        return {} if self.brokers is None else {"kafka": {"brokers": self.brokers}}


def _plain(endpoint: Endpoint) -> dict[str, object]:
    return {**attrs.asdict(endpoint), "instruments": list(endpoint.instruments)}


@asynccontextmanager
async def serve(options: Options) -> AsyncIterator[Running]:
    """Run a sandbox on 127.0.0.1 for as long as the context is open; what it gives already answers.

    Raises:
        SandboxError: A capture cannot be played, a fault script not be read, a port not be listened on, a file not
            be written, or the broker not be started.
    """
    try:
        async with _serve(options) as running:
            yield running
    except BaseExceptionGroup as group:
        # The one error that ended everything, an error of the caller's own block above all, goes on as it was.
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from group.exceptions[0].__cause__
        raise


@asynccontextmanager
async def _serve(options: Options) -> AsyncIterator[Running]:
    sources = _sources(options)
    truth = Truth.open(options.truth_capacity, options.truth_file)
    script = [fault for name in options.faults for fault in load_script(name)]
    faults = Faults(script, sources, options.seed)
    served = {venue: dialect_of(venue).open(venue, sources[venue], options, truth, faults) for venue in sources}
    async with AsyncExitStack() as stack:
        stack.callback(truth.close)
        sockets = {venue: stack.enter_context(listen(options.ports.get(venue, 0))) for venue in served}
        brokers = await stack.enter_async_context(open_broker()) if options.broker else None
        tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(tasks.cancel_scope.cancel)
        for venue, listener in sockets.items():
            await stack.enter_async_context(
                web_server(tasks, Starlette(routes=served[venue].routes), listener, options)
            )
        stack.callback(faults.close)
        tasks.start_soon(faults.run, name="faults")
        for venue, source in sources.items():
            stack.callback(source.close)
            tasks.start_soon(source.run, served[venue].exchange, name=f"{venue} source")
        settings_file = options.settings_file
        if settings_file is None:
            settings_file = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-"))) / "settings.yaml"
        running = Running(
            endpoints={venue: _endpoint(venue, sockets, sources, options) for venue in sources},
            brokers=brokers,
            settings_file=settings_file,
            truth=truth,
            faults=faults,
            sources=sources,
        )
        _write_settings(running)
        yield running


def _sources(options: Options) -> dict[Venue, Source]:
    if options.captures:
        players = {
            venue: recording.format.player(recording, options)
            for venue, recording in load_recordings(options.captures).items()
        }
        venues = dict.fromkeys((*options.venues, *players))
        return {venue: players.get(venue) or _market(venue, (), options) for venue in venues}
    if options.instruments is None:
        return {venue: _market(venue, dialect_of(venue).instruments, options) for venue in options.venues}
    return {venue: _market(venue, options.instruments.get(venue, ()), options) for venue in options.venues}


def _market(venue: Venue, symbols: Sequence[str], options: Options) -> MarketSource:
    dialect = dialect_of(venue)
    return MarketSource.open(
        venue,
        symbols,
        seed=options.seed,
        rate=options.rate if options.rate is not None else dialect.rate,
        depth=options.depth.get(venue, dialect.depth),
        number_text=dialect.number_text,
        size_decimals=dialect.size_decimals,
        clock_offset_seconds=options.clock_offset_seconds,
    )


def _endpoint(
    venue: Venue, sockets: Mapping[Venue, socket.socket], sources: Mapping[Venue, Source], options: Options
) -> Endpoint:
    port = sockets[venue].getsockname()[1]
    listed = tuple(listing.symbol for listing in sources[venue].listings)
    if options.captures and options.instruments is not None:
        wanted = options.instruments.get(venue, ())
        if missing := [symbol for symbol in wanted if symbol not in listed]:
            raise InstrumentError(venue, listed, missing[0])
        listed = tuple(wanted)
    return Endpoint(f"ws://127.0.0.1:{port}{dialect_of(venue).websocket_path}", f"http://127.0.0.1:{port}", listed)


def _write_settings(running: Running) -> None:
    path = running.settings_file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(running.settings(), sort_keys=False), encoding="utf-8")
    except OSError as error:
        raise OutputError(path, error.strerror) from error
