"""cryptofeed as a program: its Binance feed, its own Kafka sink; nothing of it is changed but addresses.

PORT BROKERS KEY top|changes INSTRUMENT…; ``top`` writes the best 20 levels at every change, ``changes`` is the sink as
it comes: the levels that changed, and after every 1,000 changes of an instrument its book.
"""

import argparse
import asyncio
from dataclasses import replace
from typing import ClassVar

from cryptofeed import FeedHandler
from cryptofeed.backends.kafka import BookKafka
from cryptofeed.connection import AsyncConnection, WebsocketEndpoint
from cryptofeed.defines import BINANCE, L2_BOOK
from cryptofeed.exchanges import Binance
from cryptofeed.symbols import Symbols

_DEPTH = 20


def _on_loopback(port: int) -> type[Binance]:
    class Loopback(Binance):
        websocket_endpoints: ClassVar = [WebsocketEndpoint(f"wss://127.0.0.1:{port}")]
        rest_endpoints: ClassVar = [replace(Binance.rest_endpoints[0], address=f"http://127.0.0.1:{port}")]

        def connect(self) -> list[tuple[AsyncConnection, object, object, object]]:
            """Leave TLS out, as all do here; it accepts no such address."""
            connections = super().connect()
            for connection, *_ in connections:
                connection.address = connection.address.replace("wss://", "ws://")
            return connections

    return Loopback


def main() -> None:
    """Follow and publish until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("brokers")
    parser.add_argument("key")
    parser.add_argument("way", choices=("top", "changes"))
    parser.add_argument("instruments", nargs="+")
    asked = parser.parse_args()
    natives = {name: name.replace("-", "") for name in asked.instruments}
    Symbols.set(BINANCE, natives, {"instrument_type": dict.fromkeys(natives, "spot")})
    is_top = asked.way == "top"
    sink = BookKafka(key=asked.key, snapshots_only=is_top, bootstrap_servers=asked.brokers)
    feed = _on_loopback(asked.port)(
        symbols=asked.instruments, channels=[L2_BOOK], callbacks={L2_BOOK: sink}, max_depth=_DEPTH if is_top else 0
    )
    handler = FeedHandler()
    asyncio.set_event_loop(asyncio.new_event_loop())  # it takes one that is there, which uvloop no longer makes unasked
    handler.add_feed(feed)
    handler.run()


if __name__ == "__main__":
    main()
