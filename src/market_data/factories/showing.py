"""What shows the market to browsers."""

from collections.abc import Callable

from market_data.adapters.web.addresses import split
from market_data.application.ports import Clock, Display, Telemetry
from market_data.config import Settings
from market_data.domain.across import Across
from market_data.domain.watch import Watch

__all__ = ["make_web_display"]


def make_web_display(
    settings: Settings, title: str, clock: Clock, telemetry: Telemetry, tell_address: Callable[[str], None]
) -> Display:
    """Offer a page; ``tell_address`` is called once it can be opened."""
    # no other view needs a web server, nor waits until one is loaded
    from market_data.adapters.web.display import WebDisplay, WebPlace  # noqa: PLC0415
    from market_data.adapters.web.gate import Access  # noqa: PLC0415

    web, market = settings.web, settings.market
    stale_after = market.stale_after_heartbeats * settings.book.heartbeat_seconds
    host, port = split(web.listen)
    token = web.token.reveal() if web.token is not None else None
    access = Access(host, web.allowed_hosts, web.cors_origins, token)
    return WebDisplay(
        WebPlace(port, access, web.max_clients),
        title,
        Watch(stale_after),
        Across(stale_after, proven_only=market.proven_only),
        clock,
        telemetry,
        tell_address,
    )
