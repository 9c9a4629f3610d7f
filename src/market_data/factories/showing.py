"""What shows the market to a person: on a terminal, or in a browser."""

from collections.abc import Callable

from market_data.adapters.console.board import MessageBoard
from market_data.adapters.console.terminal.display import TerminalDisplay
from market_data.adapters.web.addresses import split
from market_data.application.ports import Clock, Display, Telemetry
from market_data.config import Settings
from market_data.domain.across import Across
from market_data.domain.watch import Watch

__all__ = ["make_screen", "make_web_display"]


def make_screen(settings: Settings, title: str, board: MessageBoard) -> TerminalDisplay:
    """Show it on a terminal."""
    return TerminalDisplay(title, board, *_memory(settings), reduced_motion=settings.view.reduced_motion)


def make_web_display(
    settings: Settings, title: str, clock: Clock, telemetry: Telemetry, tell_address: Callable[[str], None]
) -> Display:
    """Offer a page; ``tell_address`` is called once it can be opened."""
    # no other view needs a web server, nor waits until one is loaded
    from market_data.adapters.web.display import WebDisplay, WebPlace  # noqa: PLC0415
    from market_data.adapters.web.gate import Access  # noqa: PLC0415

    web = settings.web
    host, port = split(web.listen)
    token = web.token.reveal() if web.token is not None else None
    access = Access(host, web.allowed_hosts, web.cors_origins, token)
    return WebDisplay(
        WebPlace(port, access, web.max_clients),
        title,
        *_memory(settings),
        clock,
        telemetry,
        tell_address,
    )


def _memory(settings: Settings) -> tuple[Watch, Across]:
    """Remember what is shown, and compare the venues."""
    stale_after = settings.market.stale_after_heartbeats * settings.book.heartbeat_seconds
    return Watch(stale_after), Across(stale_after, proven_only=settings.market.proven_only)
