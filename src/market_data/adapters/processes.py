"""Children as processes of the operating system, each with its log in one folder."""

import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from os import SEEK_END
from pathlib import Path
from typing import BinaryIO

import anyio
import attrs
import msgspec
from anyio.abc import Process

from market_data.application.children import Child, ChildFailed, Children, Warned
from market_data.domain.errors import UsageError

__all__ = ["ProcessChildren"]

_LAST_LINES = 5
_LAST_BYTES = 16_384
_KILL_SECONDS = 2.0
_LEVELS = ("WARNING", "ERROR", "CRITICAL")
_OWN_NAMES = ("time", "level", "message")


@attrs.define(eq=False)
class ProcessChildren(Children):
    """Starts ``python -m MODULE …`` in sessions of their own, so that the terminal's signals do not reach them.

    They are guarded: where this program is killed, they end by themselves.
    """

    folder: Path
    """Their working folder, and where ``NAME.log`` holds what they say."""
    environ: Mapping[str, str]
    """Their environment variables."""
    stop_seconds: float
    """How long a child may take to end when it is asked to; then it is killed."""

    def start(self, name: str, arguments: Sequence[str]) -> AbstractAsyncContextManager[Child]:
        return self._started(name, arguments)

    @asynccontextmanager
    async def _started(self, name: str, arguments: Sequence[str]) -> AsyncGenerator[Child]:
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            process = await anyio.open_process(
                [sys.executable, "-m", "market_data.adapters.guarded", *arguments],
                stdin=subprocess.PIPE,
                stderr=output,
                cwd=self.folder,
                env=self.environ,
                start_new_session=True,
            )
            child = _ProcessChild(name, process, log, self.stop_seconds)
            failure: BaseException | None = None
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(child.listen, output, name=f"stdout of {name}")
                    try:
                        yield child
                    finally:
                        await child.end()
                        tasks.cancel_scope.cancel()
            except BaseExceptionGroup as group:
                failure = group.exceptions[0] if len(group.exceptions) == 1 else group
            if failure is not None:
                raise failure  # out here, so that it keeps its own cause and gets no other


class _ProcessChild(Child):
    def __init__(self, name: str, process: Process, log: Path, stop_seconds: float) -> None:
        self.name = name
        self._process = process
        self._log = log
        self._stop_seconds = stop_seconds
        self._is_stopping = False
        self._first_line: str | None = None
        self._spoke = anyio.Event()
        self._heard = 0
        """Bytes of its log."""

    async def listen(self, output: BinaryIO) -> None:
        """Read its stdout to the end: the first line is kept, all goes to its log."""
        stdout, line = self._process.stdout, b""
        if stdout is None:
            return
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
            async for chunk in stdout:
                output.write(chunk)
                output.flush()
                if self._first_line is None:
                    line += chunk
                    if b"\n" in line:
                        self._first_line = line.partition(b"\n")[0].decode("utf-8", "replace")
                        self._spoke.set()
        self._spoke.set()

    async def first_line(self) -> str:
        await self._spoke.wait()
        if self._first_line is None:
            await self._process.wait()
            raise self._failure()
        return self._first_line

    def warnings(self) -> Sequence[Warned]:
        with self._log.open("rb") as file:
            end = file.seek(0, SEEK_END)
            begin = max(self._heard, end - _LAST_BYTES)
            file.seek(begin)
            lines = file.read(end - begin).split(b"\n")
        self._heard = end - len(lines[-1])  # which may not be over yet
        return [warned for line in lines[:-1] if (warned := _warned(line)) is not None]

    async def watch(self) -> None:
        await self._process.wait()
        if not self._is_stopping:
            raise self._failure()

    async def stop(self) -> None:
        if self._process.returncode is not None:
            raise self._failure()
        self._is_stopping = True
        self._signal("terminate")
        with anyio.move_on_after(self._stop_seconds) as waiting:
            await self._process.wait()
        if waiting.cancelled_caught:
            self._signal("kill")
            await self._process.wait()
            raise ChildFailed(
                self.name, f"did not end within {self._stop_seconds:g} s and was killed", log=str(self._log)
            )
        if self._process.returncode not in (0, -signal.SIGTERM):  # the latter before it could see to signals
            raise self._failure()

    async def end(self) -> None:
        """See that it is gone, whatever happens."""
        self._is_stopping = True
        with anyio.CancelScope(shield=True):
            if self._process.returncode is None:
                self._signal("terminate")
                with anyio.move_on_after(_KILL_SECONDS):
                    await self._process.wait()
            if self._process.returncode is None:
                self._signal("kill")
                await self._process.wait()
            with anyio.move_on_after(1.0):
                await self._process.aclose()

    def _signal(self, verb: str) -> None:
        with suppress(ProcessLookupError):
            if verb == "kill":
                self._process.kill()
            else:
                self._process.terminate()

    def _failure(self) -> ChildFailed:
        status = self._process.returncode
        how = f"was ended by signal {-status}" if status is not None and status < 0 else f"ended with status {status}"
        is_misuse = status == UsageError.exit_status
        return ChildFailed(self.name, how, last_lines=_tail(self._log), log=str(self._log), is_misuse=is_misuse)


def _warned(line: bytes) -> Warned | None:
    """Read a line of a log that is JSON; None where it is no warning of the program's own."""
    try:
        fields = msgspec.json.decode(line, type=dict[str, object])
    except msgspec.MsgspecError:
        return None
    if fields.get("level") not in _LEVELS or "logger" in fields or "exception" in fields:
        return None
    told = {name: value for name, value in fields.items() if name not in _OWN_NAMES}
    return Warned(str(fields.get("message", "")), told)


def _tail(log: Path) -> list[str]:
    """Give the last lines of a log."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LAST_BYTES))
        text = file.read().decode("utf-8", "replace")
    return [line for line in text.splitlines() if line.strip()][-_LAST_LINES:]
