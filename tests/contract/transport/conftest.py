"""The implementations of the transport that the contract is tried on."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from market_data.adapters.clock import SystemClock
from market_data.adapters.transport.network import HttpTransport
from market_data.adapters.transport.settings import TransportSettings
from market_data.application.ports import Transport

SETTINGS = TransportSettings(
    connect_timeout_seconds=2.0,
    request_timeout_seconds=2.0,
    max_frame_bytes=8 * 1024 * 1024,
    max_pending_frames=10_000,
    max_pending_bytes=32 * 1024 * 1024,
    ping_interval_seconds=30.0,
    ping_timeout_seconds=30.0,
    max_wait_seconds=30.0,
    max_ban_seconds=259_200.0,
)

MakeTransport = Callable[..., Transport]


@pytest.fixture(params=["httpx-ws"])
def make_transport(request: pytest.FixtureRequest) -> MakeTransport:
    """Make a transport with other bounds than the usual."""
    makers = {"httpx-ws": HttpTransport}

    def make(**changes: Any) -> Transport:
        return makers[request.param](attrs.evolve(SETTINGS, **changes), SystemClock())

    return make
