"""Exchanges that answer in one wrong way: tiny real servers on loopback."""

import http.server
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import attrs
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

__all__ = ["Refusing", "refusing", "speaking"]


@attrs.define
class Refusing:
    """A server that has one answer to everything."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    port: int = 0
    asked_at: list[float] = attrs.field(factory=list)
    """When each request came, monotonic seconds."""

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"


@contextmanager
def refusing(
    status: int, headers: Mapping[str, str] | None = None, body: bytes = b"", *, tls: ssl.SSLContext | None = None
) -> Iterator[Refusing]:
    """Answer every GET, WebSocket handshakes too, with a status."""
    server = Refusing(status, headers or {}, body)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked_at.append(time.monotonic())
            self.send_response(server.status)
            for name, text in server.headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(server.body)))
            self.end_headers()
            self.wfile.write(server.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that gives up is what is tested."""

    with Server(("127.0.0.1", 0), Handler) as listening:
        server.port = listening.server_port
        if tls is not None:
            listening.socket = tls.wrap_socket(listening.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()


@contextmanager
def speaking(talk: Callable[[ServerConnection], None]) -> Iterator[str]:
    """Open WebSockets and let ``talk`` say something on each; gives the ``ws://`` address."""

    def handle(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            talk(connection)

    with serve(handle, "127.0.0.1", 0, compression=None, max_size=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()
