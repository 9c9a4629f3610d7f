r"""The input log as files: JSON lines, one file a core, compressed.

    {"schema":"inputs 1","program":"0.1.0","run":"…","venue":{"name":"binance","dialect":"binance",…},"setup":{…}}
    {"kind":"opened","wall":1787529700000000,"mono":100.25}
    {"did":2774211236}
    {"kind":"frames","wall":…,"mono":…,"frames":["{\"stream\":…}","…"]}

A line with ``did`` is the digest of the effects of the line before it; none follows an input without effects. A frame
or body that is no UTF-8 stands as ``{"base64":"…"}``. Compressed data is handed to the system every second and at the
end, so a program that is killed loses the last second at most. Writing blocks; a disk that cannot keep up delays
frames, so this is for looking into trouble, not for every day.
"""

import gzip
import zlib
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import attrs
import msgspec

from market_data.application.inputlog import CoreSetup, InputLog, InputRecorder, Logged, NoInputLog, digest
from market_data.application.inputs import (
    Closed,
    Dropped,
    Fetched,
    FetchFailed,
    Frames,
    Input,
    Opened,
    Output,
    Replaced,
    Started,
    Stopped,
    TakeOver,
    Ticked,
    Unopened,
)
from market_data.application.ports import Telemetry
from market_data.domain.errors import UsageError
from market_data.domain.moment import Moment
from market_data.domain.printable import shortened
from market_data.domain.standing import Said

__all__ = ["FileInputLog", "LoggedCore", "read_input_log"]

_SCHEMA = "inputs 1"
_SUFFIX = ".jsonl.gz"
_FLUSH_SECONDS = 1.0
_QUICK = 1
"""The least compression."""
_KINDS: Mapping[str, type[Input]] = {
    "started": Started,
    "opened": Opened,
    "frames": Frames,
    "closed": Closed,
    "unopened": Unopened,
    "fetched": Fetched,
    "fetch_failed": FetchFailed,
    "ticked": Ticked,
    "stopped": Stopped,
    "dropped": Dropped,
    "take_over": TakeOver,
    "replaced": Replaced,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


class _Coded(msgspec.Struct):
    """A payload that is no UTF-8."""

    base64: bytes


_Payload = str | _Coded


class _Header(msgspec.Struct):
    program: str
    run: str
    venue: dict[str, Any]
    setup: CoreSetup


class _Did(msgspec.Struct):
    did: int | None = None


class _Kind(msgspec.Struct):
    kind: str
    frames: list[_Payload] | None = None
    body: _Payload | None = None


class FileInputLog(InputLog):
    """Writes a folder of logs; when it cannot, or it is full, it says so once and the run goes on without."""

    def __init__(
        self,
        folder: Path,
        venues: Mapping[str, Mapping[str, object]],
        *,
        program: str,
        run: str,
        max_bytes: int,
        telemetry: Telemetry,
    ) -> None:
        """``venues`` holds what makes each venue, by name; ``max_bytes`` bounds each file, before compression."""
        self._folder = folder
        self._venues = venues
        self._program = program
        self._run = run
        self._max_bytes = max_bytes
        self._telemetry = telemetry
        self._begun = 0
        self._has_told = False

    def begin(self, setup: CoreSetup) -> InputRecorder:
        self._begun += 1
        path = self._folder / f"{self._run}-{setup.exchange}-{self._begun}{_SUFFIX}"
        header = {
            "schema": _SCHEMA,
            "program": self._program,
            "run": self._run,
            "venue": self._venues[setup.exchange],
            "setup": {**attrs.asdict(setup), "auctions": sorted(setup.auctions)},
        }
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = cast("BinaryIO", gzip.open(path, "xb", compresslevel=_QUICK))  # noqa: SIM115 - open for the run
            return _FileRecorder(file, path, header, self)
        except OSError as error:
            self.give_up(path, str(error))
            return NoInputLog()

    def give_up(self, path: Path, problem: str) -> None:
        """Say once that a log ends before its run."""
        if not self._has_told:
            self._has_told = True
            self._telemetry.warn("the input log is given up", path=str(path), problem=problem)

    @property
    def max_bytes(self) -> int:
        """How much a file may hold, before compression."""
        return self._max_bytes


class _FileRecorder(InputRecorder):
    """One file."""

    def __init__(self, file: BinaryIO, path: Path, header: Mapping[str, object], log: FileInputLog) -> None:
        self._file: BinaryIO | None = file
        self._path = path
        self._log = log
        self._left = log.max_bytes
        self._flushed_at = 0.0
        self._is_last = False
        self._write(header)

    def take(self, given: Input, moment: Moment) -> None:
        if self._file is None:
            return
        self._is_last = isinstance(given, (Stopped, Replaced))
        self._write(
            {"kind": _NAMES[type(given)], **_clocks(moment), **_fields_of(given)},
            is_flushed=moment.mono - self._flushed_at >= _FLUSH_SECONDS,
        )
        if moment.mono - self._flushed_at >= _FLUSH_SECONDS:
            self._flushed_at = moment.mono

    def gave(self, outputs: Sequence[Output]) -> None:
        if self._file is None:
            return
        if outputs:
            self._write({"did": digest(outputs)})
        if self._is_last:
            self._end()

    def _write(self, line: Mapping[str, object], *, is_flushed: bool = False) -> None:
        if self._file is None:
            return
        content = msgspec.json.encode(line) + b"\n"
        self._left -= len(content)
        if self._left < 0:
            self._log.give_up(self._path, f"it would hold more than {self._log.max_bytes} bytes")
            self._end()
            return
        try:
            self._file.write(content)
            if is_flushed:
                self._file.flush()
        except OSError as error:
            self._log.give_up(self._path, str(error))
            self._end()

    def _end(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:
                self._log.give_up(self._path, str(error))


@attrs.frozen
class LoggedCore:
    """A log that was read; ``inputs`` are read as they are taken, once."""

    program: str
    run: str
    venue: Mapping[str, Any]
    setup: CoreSetup
    inputs: Iterator[Logged]


def read_input_log(path: Path) -> LoggedCore:
    """Read a log; one that was cut off ends where it was cut.

    Raises:
        UsageError: it is no input log, or one of another schema; so may reading its inputs.
    """
    lines = _lines(path)
    header = next(lines, None)
    if header is None or header.get("schema") != _SCHEMA:
        raise UsageError(f"{path}: expected an input log ({_SCHEMA}), received {str(header)[:80]}")
    try:
        read = msgspec.convert(header, _Header)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}: line 1: {shortened(str(error))}") from error
    instruments, standings = tuple(read.setup.instruments), tuple(read.setup.standings)
    setup = attrs.evolve(read.setup, instruments=instruments, standings=standings)
    return LoggedCore(read.program, read.run, read.venue, setup, _inputs(path, lines))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        file = gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # noqa: SIM115 - as it is read
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    with file:
        try:
            for line in file:
                yield msgspec.json.decode(line, type=dict[str, Any])
        except (EOFError, OSError, zlib.error, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return  # the program was killed while it wrote


def _inputs(path: Path, lines: Iterator[dict[str, Any]]) -> Iterator[Logged]:
    waiting: tuple[Input, Moment] | None = None
    for number, line in enumerate(lines, start=2):
        try:
            did = msgspec.convert(line, _Did).did
            read = (_input_of(line), msgspec.convert(line, Moment)) if did is None else None
        except msgspec.ValidationError as error:
            raise UsageError(f"{path}: line {number}: {shortened(str(error))}") from error
        if waiting is not None:
            yield Logged(*waiting, digest(()) if did is None else did)
        waiting = read
    if waiting is not None:
        yield Logged(*waiting, None)


def _clocks(moment: Moment) -> dict[str, object]:
    clocks: dict[str, object] = {"wall": moment.wall, "mono": moment.mono}
    return clocks if moment.read is None else {**clocks, "read": moment.read}


def _fields_of(given: Input) -> dict[str, object]:
    match given:
        case Frames(frames):
            return {"frames": [_text_of(frame) for frame in frames]}
        case Closed() | Unopened() | Dropped():
            return attrs.asdict(given)
        case Fetched(fetch, body):
            return {"fetch": attrs.asdict(fetch), "body": _text_of(body)}
        case FetchFailed(fetch, reason, retry_after):
            return {"fetch": attrs.asdict(fetch), "reason": reason, "retry_after_seconds": retry_after}
        case TakeOver(said, reason):
            return {"said": [_said(each) for each in said], "reason": reason}
        case Started() | Opened() | Ticked() | Stopped() | Replaced():
            return {}


def _said(said: Said) -> dict[str, object]:
    return {"standing": attrs.asdict(said.standing), "bids": list(said.bids), "asks": list(said.asks)}


def _input_of(line: dict[str, Any]) -> Input:
    kind = msgspec.convert(line, _Kind)
    if kind.kind not in _KINDS:
        raise msgspec.ValidationError(f"expected one of {', '.join(_KINDS)}, received {kind.kind[:40]!r}")
    payloads = {
        name: _bytes_of(each) for name, each in (("frames", kind.frames), ("body", kind.body)) if each is not None
    }
    return msgspec.convert({**line, **payloads}, _KINDS[kind.kind])


def _text_of(payload: bytes) -> object:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(payload).decode()}


def _bytes_of(payload: "_Payload | list[_Payload]") -> bytes | list[bytes]:
    match payload:
        case str():
            return payload.encode()
        case _Coded():
            return payload.base64
        case _:
            return [each.encode() if isinstance(each, str) else each.base64 for each in payload]
