"""A run over sockets is taken down and fed back: the same effects."""

from pathlib import Path

import anyio
import pytest
from dependency_injector import providers
from tests.support.waiting import until
from tests.support.watching import MemoryPublisher

from market_data.adapters.inputlog import read_input_log
from market_data.application.inputlog import replay
from market_data.application.inputs import Closed, Fetched, Frames, Stopped
from market_data.config import load_settings
from market_data.container import Container
from market_data.domain.normalized import BookState, BookStatus, NormalizedBook
from market_data.factories.producing import make_logged_core
from market_data_sandbox import Fault, FaultKind, Options, serve


@pytest.mark.timeout(60)
async def test_a_run_over_sockets_is_fed_back_to_the_same_effects(tmp_path: Path, anyio_backend: str) -> None:
    assert anyio_backend == "asyncio"
    records: list[NormalizedBook] = []
    async with serve(Options(broker=False)) as running:
        settings = load_settings("sandbox", [running.settings_file], [], environ={}).settings
        container = Container(settings=settings)
        container.publisher.override(providers.Object(MemoryPublisher(records.append)))
        container.input_log_folder.override(tmp_path)
        stop = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(container.producer().run, stop)
            await until(lambda: _live_epochs(records) and min(_live_epochs(records).values()) >= 1, 30)
            for venue in running.endpoints:
                running.faults.inject(Fault(fault=FaultKind.CLOSE, venue=venue))
            await until(lambda: min(_live_epochs(records).values()) >= 2, 30)
            stop.set()
    replayed: list[BookState] = []
    seen: set[type] = set()
    for path in sorted(tmp_path.iterdir()):
        logged = read_input_log(path)
        for each in replay(make_logged_core(logged), logged.inputs):
            assert each.is_same, f"{path.name}: {each.logged}"
            seen.add(type(each.logged.given))
            replayed += [output for output in each.outputs if isinstance(output, BookState)]
    assert seen >= {Frames, Fetched, Closed, Stopped}
    for key in {record.key for record in records}:
        ours = [state for state in replayed if state.key == key]
        published = [record for record in records if record.key == key]
        assert [_meaning(state) for state in ours] == [_meaning(record) for record in published]


def _live_epochs(records: list[NormalizedBook]) -> dict[str, int]:
    return {record.key: record.epoch if record.status is BookStatus.LIVE else 0 for record in records}


def _meaning(state: BookState) -> tuple[object, ...]:
    return (state.status, state.reason, state.status_since, state.bids, state.asks, state.sequence, state.epoch)
