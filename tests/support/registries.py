"""Schema registries: a real one as a process, where the tool that runs one is at hand, and one that says as told."""

import http.server
import json
import os
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
from tests.support.brokers import free_port

__all__ = ["Asked", "ProcessRegistry", "answering", "missing", "process_registry"]

_SHARED = Path(__file__).resolve().parents[3] / "shared" / "tools" / "schema-registry"
_TOOL = Path(os.environ.get("SCHEMA_REGISTRY_TOOL") or _SHARED)
"""Runs a real registry as a process, where it is there: ``start [--port N]``, which prints its address, or ``stop``."""


def missing() -> str | None:
    """Say what is missing to run a registry as a process; None where all is there."""
    if not _TOOL.is_file():
        return "a program that starts a schema registry, as ../shared/tools/schema-registry does (SCHEMA_REGISTRY_TOOL)"
    if shutil.which("java") is None:
        return f"java 17 or newer, for {_TOOL.name}"
    return None


@attrs.define
class ProcessRegistry:
    """A real registry as a process of its own, empty at each start."""

    home: Path
    port: int = attrs.field(factory=free_port)
    url: str = ""

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.url = self._command("start", "--port", str(self.port)).split()[-1]

    def stop(self) -> None:
        """End it and wait until it is gone."""
        self._command("stop")
        until = time.monotonic() + 30
        while self._answers():
            assert time.monotonic() < until
            time.sleep(0.1)

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Ask it by hand; gives what its JSON says."""
        answer = httpx.request(method, self.url + path, json=body, timeout=30)
        assert answer.is_success, answer.text
        return answer.json()

    def _answers(self) -> bool:
        try:
            httpx.get(self.url, timeout=5)
        except httpx.TransportError:
            return False
        return True

    def _command(self, *words: str) -> str:
        environment = os.environ | {"REGISTRY_HOME": str(self.home)}
        with (self.home.parent / f"{self.home.name}-out").open(
            "w+"
        ) as out:  # a pipe would be held open by what it starts
            subprocess.run(
                [_TOOL, *words], env=environment, check=True, stdout=out, stderr=subprocess.STDOUT, timeout=110
            )
            out.seek(0)
            return out.read()


@contextmanager
def process_registry(home: Path) -> Iterator[ProcessRegistry]:
    """Run a registry, and end it."""
    registry = ProcessRegistry(home)
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()


@attrs.frozen
class Asked:
    """A question that a registry was asked."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@contextmanager
def answering(
    answer: Callable[[Asked], tuple[int, bytes]], *, tls: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[Asked]]]:
    """Answer each question as told; gives the address, and what was asked so far."""
    asked: list[Asked] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            question = Asked(
                self.command,
                self.path,
                {name.lower(): text for name, text in self.headers.items()},
                json.loads(body) if body else None,
            )
            asked.append(question)
            status, said = answer(question)
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            if status in (301, 302, 307):
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_PUT = _answer

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that gives up is what is tested."""

    with Server(("127.0.0.1", 0), Handler) as listening:
        if tls is not None:
            listening.socket = tls.wrap_socket(listening.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http{'' if tls is None else 's'}://127.0.0.1:{listening.server_port}", asked
        finally:
            listening.shutdown()
            thread.join()
