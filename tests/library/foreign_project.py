"""A project of somebody else that uses the reading API: it has an ``app``, settings and variables of its own."""

import os
import textwrap
from collections.abc import Mapping
from pathlib import Path

__all__ = ["environment_of", "make"]

FILES = {
    "app/__init__.py": "NAME = 'an app of their own'\n",
    "app/config.py": "VALUE = 1\n",
    "config/base.yaml": "database: {url: postgres://localhost}\n",
    "config/production.yaml": "debug: false\n",
    ".env": "THIS IS NOT A SETTING\nAPP__KAFKA__BROKERS=nowhere:1\nLOG_LEVEL=chatty\n",
}
VARIABLES = {"APP_ENV": "staging", "LOG_LEVEL": "chatty", "KAFKA_BROKERS": "nowhere:1", "APP__NO__SUCH": "1"}

READ_ASYNC = """
    import sys

    import anyio

    import app
    from market_data import read_books


    async def main(brokers: str) -> None:
        async with read_books(brokers, start="earliest", until="latest") as books:
            async for book in books:
                print(book.exchange, book.symbol, book.status, book.best_bid, book.best_ask, book.mid, book.spread)
        assert books.proof.is_proven


    assert app.NAME == "an app of their own"
    anyio.run(main, sys.argv[1])
"""
READ_SYNC = """
    import sys
    from datetime import timedelta
    from decimal import Decimal

    from market_data import BookStatus, NormalizedBook, iter_books

    with iter_books(sys.argv[1], start=timedelta(hours=1), until="latest", instruments=["coinbase:BTC-USD"]) as books:
        read: list[NormalizedBook] = list(books)
    assert books.proof.is_proven
    live = [book for book in read if book.status is BookStatus.LIVE]
    mids: list[Decimal] = [book.mid for book in live if book.mid is not None]
    for mid in mids:
        print(mid)
"""


def make(folder: Path) -> Path:
    """Write the project into a folder."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for name, text in {"read_async.py": READ_ASYNC, "read_sync.py": READ_SYNC}.items():
        (folder / name).write_text(textwrap.dedent(text).lstrip())
    return folder


def environment_of(**changes: str) -> Mapping[str, str]:
    """Give the project's own environment variables beside this machine's."""
    return {**os.environ, **VARIABLES, **changes}
