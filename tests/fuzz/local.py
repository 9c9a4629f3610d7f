"""What a person writes: settings in files, variables, options; logs to look into; the sandbox's scripts and captures.

Text comes as the system hands it over: bytes that are no UTF-8 stand in it as lone surrogates.
"""

import gzip
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import yaml
from tests.fuzz.readers import Read, Reader, of_function
from tests.support.captures import excerpt, lines

from market_data.adapters.inputlog import read_input_log
from market_data.cli.options import parse_instruments, parse_shard, parse_start
from market_data.config.faults import SettingsError
from market_data.config.layers import Layer, overlay, read_file
from market_data.config.load import find_folder
from market_data.config.sources import from_options, from_variables, read_variables, without_secrets
from market_data.config.structure import structured
from market_data.domain.errors import UsageError
from market_data_sandbox.captures import load_recordings
from market_data_sandbox.errors import CaptureError, FaultError
from market_data_sandbox.faults.script import load_script

__all__ = ["READERS"]

_ROOT = Path(__file__).resolve().parents[2]
_MEMORY = Path("/dev/shm")  # noqa: S108 - a disk would take longer than most readers
_MOST_SEED_BYTES, _SEED_SETTINGS, _SEED_FAULTS = 400, 3, 2
"""Of YAML, which takes a millisecond for 30 lines: a small piece breaks in as many ways as a large one."""
_WORDS = (
    b"kafka",
    b"brokers",
    b"venues",
    b"binance",
    b"instruments",
    b"APP__",
    b"true",
    b"- ",
    b": ",
    b"#",
    b"|",
    b"!!",
)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape").replace("\0", "")


def _from_text(parse: Callable[[str], object]) -> Read:
    return lambda content: parse(_text(content))


def _from_file(read: Callable[[Path], object], name: str = "input") -> Callable[[], AbstractContextManager[Read]]:
    """Give what is fed by way of a file, which is made once and written anew for each input."""

    @contextmanager
    def opened() -> Iterator[Read]:
        with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
            path = Path(folder) / name

            def feed(content: bytes) -> None:
                path.write_bytes(content)
                read(path)

            yield feed

    return opened


# settings


def _base() -> Layer:
    folder = find_folder(_ROOT)
    return overlay(read_file(folder / "base.yaml", "base"), read_file(folder / "local.yaml", "local"))


def _yaml() -> list[bytes]:
    files = sorted((_ROOT / "config").glob("*.yaml"))
    return [*map(_beginning, files), *_sections(yaml.safe_load((_ROOT / "config" / "base.yaml").read_bytes()))]


def _beginning(path: Path) -> bytes:
    return path.read_bytes()[:_MOST_SEED_BYTES].rpartition(b"\n")[0]


def _sections(tree: Mapping[str, object], *above: str) -> Iterator[bytes]:
    """Write the settings of each section, a few at a time, below the sections around it."""
    plain = [(name, value) for name, value in tree.items() if not isinstance(value, dict)]
    for at in range(0, len(plain), _SEED_SETTINGS):
        piece: object = dict(plain[at : at + _SEED_SETTINGS])
        for name in reversed(above):
            piece = {name: piece}
        yield yaml.safe_dump(piece).encode()
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _sections(value, *above, name)


@contextmanager
def _files() -> Iterator[Read]:
    base = _base()
    with _from_file(lambda path: structured(overlay(base, without_secrets(read_file(path, "input")))))() as feed:
        yield feed


def _environment(text: str, base: Layer, dotenv: Path) -> None:
    environ = {name: value for name, sign, value in (line.partition("=") for line in text.split("\n")) if sign and name}
    _laid(environ, base, dotenv)


def _laid(environ: Mapping[str, str], base: Layer, dotenv: Path) -> None:
    variables, broken = read_variables(environ, dotenv)
    layer = overlay(base, broken)
    structured(overlay(layer, from_variables(variables, layer.values)))


@contextmanager
def _variables() -> Iterator[Read]:
    base = _base()
    yield lambda content: _environment(_text(content), base, Path("/nonexistent/.env"))


@contextmanager
def _dotenv() -> Iterator[Read]:
    base = _base()
    with _from_file(lambda path: _laid({}, base, path), ".env")() as feed:
        yield feed


@contextmanager
def _options() -> Iterator[Read]:
    base = _base()
    yield lambda content: structured(overlay(base, from_options([_text(content)], base.values)))


# logs, scripts, captures


def _input_log(path: Path) -> None:
    for _ in read_input_log(path).inputs:
        pass


def _input_logs() -> list[bytes]:
    header = (
        b'{"schema":"inputs 1","program":"0.1.0","run":"r1","venue":{"name":"binance"},"setup":{"exchange":"binance",'
        b'"instruments":[{"exchange":"binance","symbol":"BTC-USDT","native":"BTCUSDT"}],"auctions":["ETHUSDT"],"sync":{'
        b'"depth":3,"heartbeat_seconds":5.0,"first_data_timeout_seconds":10.0,"stream_silence_seconds":15.0,'
        b'"join_quiet_seconds":1.0,"max_buffered_events":50,"reseed_below_levels":6,"snapshot_limit":10,'
        b'"snapshot_retry_initial_seconds":0.5,"snapshot_retry_max_seconds":8.0,"crossed_limit":3,"audit_seconds":0.0},'
        b'"frame_silence_seconds":10.5,"standings":[{"key":"binance:BTC-USDT","status":"disconnected","reason":null,'
        b'"status_since":1,"published_at":99.5}],"seed":1}}'
    )
    fetch = (
        b'"fetch":{"instrument":{"exchange":"binance","symbol":"BTC-USDT","native":"BTCUSDT"},"purpose":"probe",'
        b'"levels":100,"serial":7,"within_seconds":5.0}'
    )
    steps = [
        b'{"kind":"started","wall":1787529700000000,"mono":100.25}',
        b'{"did":2774211236}',
        b'{"kind":"frames","wall":1787529700000001,"mono":100.5,"frames":["{}",{"base64":"//4A"}]}',
        b'{"kind":"closed","wall":1787529700000002,"mono":100.5,"reason":"connection","is_ours":false}',
        b'{"kind":"fetched","wall":1787529700000003,"mono":100.5,' + fetch + b',"body":"{}"}',
        b'{"kind":"fetch_failed","wall":1,"mono":1.5,' + fetch + b',"reason":"rejected","retry_after_seconds":null}',
    ]
    whole = b"\n".join([header, *steps])
    return [header, whole, whole, *(header + b"\n" + step for step in steps)]


def _captured() -> list[bytes]:
    binance = [line for line in lines(excerpt("binance_btcusdt_excerpt.gz")) if len(line) < 3000]
    coinbase = [line for line in lines(excerpt("coinbase_ten_products_excerpt.gz")) if len(line) < 3000]
    stamped = b"\n".join(b"1723161253937085768 " + line for line in binance[:3])
    found = [stamped, b"\n".join(binance[:3]), b"\n".join(coinbase[:5]), binance[0], coinbase[0]]
    return [*found, gzip.compress(stamped, mtime=0)]


def _scripts() -> list[bytes]:
    folder = _ROOT / "src" / "market_data_sandbox" / "faults" / "scripts"
    entries = [line for path in sorted(folder.glob("*.yaml")) for line in path.read_bytes().split(b"\n")]
    return [b"\n".join(entries[at : at + _SEED_FAULTS]) for at in range(0, len(entries), _SEED_FAULTS)]


READERS: Sequence[Reader] = (
    Reader("settings file", _files, _yaml, (SettingsError,), _WORDS, short=30),
    Reader(
        "environment",
        _variables,
        lambda: [b"KAFKA_BROKERS=localhost:9092\nLOG_LEVEL=INFO", b"APP__VENUES__BINANCE__INSTRUMENTS=[BTC-USDT]"],
        (SettingsError,),
        _WORDS,
        short=30,
    ),
    Reader(
        "dotenv",
        _dotenv,
        lambda: [(_ROOT / ".env.example").read_bytes(), b"export KAFKA_BROKERS='a:1' # x\nAPP__BOOK__DEPTH=\"20\""],
        (SettingsError,),
        _WORDS,
        short=30,
    ),
    Reader(
        "option --set",
        _options,
        lambda: [b"log.level=DEBUG", b"venues.binance.instruments=[BTC-USDT, ETH-USDT]", b"book.depth=20"],
        (SettingsError,),
        _WORDS,
        short=30,
    ),
    of_function(
        "option --from",
        _from_text(parse_start),
        lambda: [b"latest", b"earliest", b"-15m", b"2024-08-08T00:00:00Z", b"2024-08-08T00:00:00.123456+02:00"],
        UsageError,
        tokens=(b"W", b"T", b"Z", b"+00:00", b"-14:00", b"0001", b"9999", b"d", b"h"),
    ),
    of_function(
        "option --instruments",
        _from_text(parse_instruments),
        lambda: [b"binance:BTC-USDT,coinbase:BTC-USD", b" Binance:btc-usdt ", "binance:币安人生-USDT".encode()],
        UsageError,
    ),
    of_function("option --shard", _from_text(parse_shard), lambda: [b"1/3", b"2/2"], UsageError),
    Reader("input log", _from_file(_input_log, "log.jsonl"), _input_logs, (UsageError,), short=500),
    Reader(
        "input log, zipped",
        _from_file(_input_log, "log.jsonl.gz"),
        lambda: [gzip.compress(log, mtime=0) for log in _input_logs()],
        (UsageError,),
        short=300,
    ),
    Reader("fault script", _from_file(lambda path: load_script(str(path))), _scripts, (FaultError,), _WORDS, short=50),
    Reader("capture", _from_file(lambda path: load_recordings([path])), _captured, (CaptureError,), short=300),
)
