"""The address of the page, told and, where it is wanted, opened."""

import threading
import webbrowser
from collections.abc import Callable

from market_data.cli.output import say

__all__ = ["tell_address"]


def tell_address(*, opens: bool) -> Callable[[str], None]:
    """Make what is told the page's address."""

    def tell(address: str) -> None:
        say(f"the page is at {address}")
        if opens:
            # some browsers are waited for until they end
            threading.Thread(target=_open, args=(address,), name="browser", daemon=True).start()

    return tell


def _open(address: str) -> None:
    if not webbrowser.open(address):
        say("no browser could be opened here: open that address yourself", err=True)
