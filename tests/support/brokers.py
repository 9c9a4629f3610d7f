"""A real broker as a process of its own, where the tool that runs one is at hand."""

import itertools
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import attrs

__all__ = ["NAMED", "ProcessBroker", "can_limit", "free_port", "missing", "process_broker"]

_SHARED = Path(__file__).resolve().parents[3] / "shared" / "tools" / "kafka-broker"
_TOOL = Path(os.environ.get("KAFKA_BROKER_TOOL") or _SHARED)
"""Runs a real broker as a process, where it is there: ``start [--port N] [--property K=V]``, ``stop``, ``kill``, …"""

_BACK_SOON = ("broker.session.timeout.ms=3000", "broker.heartbeat.interval.ms=500")
"""A broker that was killed is let in again once its last session is over: by default after nine seconds."""


_JARS = Path(os.environ.get("KAFKA_JARS") or Path.home() / ".cache" / "kafka-jars")
"""Where that program puts Kafka's own jars."""

NAMED = "docker-compose up -d redpanda, then TEST_KAFKA_BROKERS=localhost:19092"
"""How to get a broker for the tests that neither end, pause nor configure it."""

_ADVICE = f"(set KAFKA_BROKER_TOOL; for the tests that need a broker and no more: {NAMED})"


def missing() -> str | None:
    """Say what is missing to run a broker as a process, and what to do without it; None where all is there."""
    if not _TOOL.is_file():
        return f"a program that starts and ends one, as ../shared/tools/kafka-broker does {_ADVICE}"
    if shutil.which("java") is None:
        return f"java 17 or newer, for {_TOOL.name} {_ADVICE}"
    return None


def can_limit() -> bool:
    """Tell whether readers can be slowed down: that takes Kafka's own command beside the broker."""
    return any(_JARS.glob("kafka_*.jar"))


def free_port() -> int:
    """Find a port with a free neighbour above."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


@attrs.define
class ProcessBroker:
    """A real broker as a process of its own, that can crash, hang and come back with its data."""

    home: Path
    port: int = attrs.field(factory=free_port)
    properties: tuple[str, ...] = ()

    @property
    def brokers(self) -> str:
        """Its address."""
        return f"127.0.0.1:{self.port}"

    def command(self, *words: str) -> None:
        """Run the tool."""
        environment = os.environ | {"KAFKA_HOME": str(self.home)}
        subprocess.run([_TOOL, *words], env=environment, check=True, capture_output=True, timeout=90)

    def limit_readers(self, bytes_a_second: int | None) -> None:
        """Let every client read no more than so much; None: as much as it wants."""
        change = ["--add-config", f"consumer_byte_rate={bytes_a_second}"]
        if bytes_a_second is None:
            change = ["--delete-config", "consumer_byte_rate"]
        whose = ["--entity-type", "clients", "--entity-default"]
        command = ["java", "-cp", f"{_JARS}/*", "kafka.admin.ConfigCommand", "--bootstrap-server", self.brokers]
        subprocess.run([*command, "--alter", *change, *whose], check=True, capture_output=True, timeout=90)

    def start(self) -> None:
        """Start it, again after an end, and wait until it answers."""
        properties = itertools.chain.from_iterable(("--property", line) for line in (*_BACK_SOON, *self.properties))
        self.command("start", "--port", str(self.port), *properties)

    async def does(self, word: str) -> None:
        """Start, stop, kill, pause or resume it, without holding the loop."""
        await anyio.to_thread.run_sync(self.start if word == "start" else lambda: self.command(word))


@contextmanager
def process_broker(home: Path, *properties: str, port: int | None = None) -> Iterator[ProcessBroker]:
    """Run a broker, and end it and its data."""
    broker = ProcessBroker(home, port or free_port(), properties)
    broker.start()
    try:
        yield broker
    finally:
        broker.command("kill")
        broker.command("wipe")
