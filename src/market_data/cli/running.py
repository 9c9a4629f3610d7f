"""Runs a job until it is done or a signal asks it to stop."""

import errno
import gc
import math
import os
import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from anyio.abc import TaskStatus

from market_data.cli.loops import Loop
from market_data.domain.errors import AppError
from market_data.logs import LogOutput

__all__ = ["advice_on", "end_on_signals", "run", "run_briefly"]

T = TypeVar("T")

_SECOND_SIGNAL_SECONDS = 1.0
_HANGUP: signal.Signals | None = getattr(signal, "SIGHUP", None)
_NO_ROOM = "could not write: {}, make room and start again"
_NO_HANDLES = "{}: raise the limit (ulimit -n) and start again"
_ADVICE = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _NO_ROOM),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), _NO_HANDLES),
}
"""What the machine lacks, and what to do about it."""


def run(
    job: Callable[[anyio.Event], Awaitable[T]],
    log: LogOutput,
    loop: Loop,
    reload: Callable[[], None] | None = None,
) -> T:
    """Run until it is done or a signal asks it to stop; a second signal, a moment later, ends it at once.

    One Ctrl-C may reach a process twice, by its terminal and by a wrapper that passes it on: that is one wish, not two.
    ``reload`` is what SIGHUP asks a program for that no terminal has a hold of: there it does not mean the end.

    Raises:
        AppError: what went wrong, where a person can do something about it.
        BrokenPipeError: nobody reads what is written any more.
        OSError: the machine lacks something, see ``advice_on``.
    """
    results: list[T] = []
    has_terminal = _has_terminal()

    async def main() -> None:
        stop = anyio.Event()
        async with anyio.create_task_group() as tasks:

            async def watch(*, task_status: TaskStatus[None]) -> None:
                with anyio.open_signal_receiver(*_stopping_signals()) as signals:
                    task_status.started()
                    stopped_at = math.inf
                    async for number in signals:
                        if number == _HANGUP and reload is not None and not has_terminal:
                            reload()
                        elif not stop.is_set():
                            stopped_at = anyio.current_time()
                            stop.set()
                        elif anyio.current_time() - stopped_at > _SECOND_SIGNAL_SECONDS:
                            tasks.cancel_scope.cancel()

            await tasks.start(watch)
            results.append(await job(stop))
            tasks.cancel_scope.cancel()

    gc.freeze()  # what the start made stays: looking at all of it again would hold everything up for 50 ms
    try:
        anyio.run(main, backend_options=loop.backend_options)
    except BaseExceptionGroup as group:
        raise _single(group) from group
    finally:
        end_on_signals()
        log.close()
    if not results:
        raise AppError("ended by a second signal before the end was clean")
    return results[0]


def run_briefly(job: Callable[[], Awaitable[T]], log: LogOutput, loop: Loop) -> T:
    """Run what ends by itself; a signal ends it at once.

    Raises:
        AppError: as ``run``, and when it was ended by a signal.
        BrokenPipeError: as ``run``.
    """
    results: list[T] = []

    async def until(stop: anyio.Event) -> None:
        async def give_up() -> None:
            await stop.wait()
            tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(give_up, name="stop")
            results.append(await job())
            tasks.cancel_scope.cancel()

    run(until, log, loop)
    if not results:
        raise AppError("interrupted")
    return results[0]


def end_on_signals() -> None:
    """Let every signal that asks for the end raise KeyboardInterrupt, while no job sees to them."""
    for number in _stopping_signals():
        signal.signal(number, _end)


def advice_on(error: BaseException) -> str | None:
    """Say what to do where the machine lacks room or file handles; None: it is another error."""
    if not isinstance(error, OSError) or error.errno not in _ADVICE:
        return None
    return _ADVICE[error.errno].format(os.strerror(error.errno).lower())


def _end(*_: object) -> None:
    raise KeyboardInterrupt


def _stopping_signals() -> list[signal.Signals]:
    """Ctrl-C, SIGTERM, and the closing of the terminal, unless nohup has said not to mind that one."""
    signals = [signal.SIGINT, signal.SIGTERM]
    if _HANGUP is not None and signal.getsignal(_HANGUP) is not signal.SIG_IGN:
        signals.append(_HANGUP)
    return signals


def _has_terminal() -> bool:
    """Tell whether there is a terminal whose closing is a wish for the end, whatever became of our streams."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | getattr(os, "O_NOCTTY", 0)))
    except OSError:
        return False
    return True


def _single(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Find the one error that a person can do something about; a bug stays what it is."""
    leaves: list[BaseException] = [group]
    while any(isinstance(leaf, BaseExceptionGroup) for leaf in leaves):
        leaves = [
            part for leaf in leaves for part in (leaf.exceptions if isinstance(leaf, BaseExceptionGroup) else (leaf,))
        ]
    ours = [leaf for leaf in leaves if isinstance(leaf, (AppError, BrokenPipeError)) or advice_on(leaf)]
    return ours[0] if len(ours) == len(leaves) else group
