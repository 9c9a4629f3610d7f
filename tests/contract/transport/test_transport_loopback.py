"""A transport that is to stay on this machine reaches nothing else, whatever it is asked for."""

import anyio
import pytest
from tests.contract.transport.conftest import MakeTransport

from market_data.application.ports import Request
from market_data.config import load_settings
from market_data.domain.errors import ConnectionFailed, RequestFailed
from market_data.domain.normalized import Reason

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]

_ELSEWHERE = ["stream.example.com", "192.0.2.1", "127.0.0.1.example.com", "localhost.example.com", "10.0.0.1", "[::2]"]


@pytest.mark.parametrize("host", _ELSEWHERE)
async def test_what_is_not_of_this_machine_is_refused_without_being_asked(
    make_transport: MakeTransport, host: str
) -> None:
    with anyio.fail_after(20):
        async with make_transport(loopback_only=True).open() as network:
            with pytest.raises(ConnectionFailed, match="loopback_only") as unopened:
                async with network.connect(f"ws://{host}:9/ws"):
                    pass
            with pytest.raises(RequestFailed, match="loopback_only") as unanswered:
                await network.get(Request(f"http://{host}:9/book"))
    assert (unopened.value.reason, unanswered.value.reason) == (Reason.REJECTED, Reason.REJECTED)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost"])
async def test_this_machine_is_asked(make_transport: MakeTransport, host: str) -> None:
    with anyio.fail_after(20):
        async with make_transport(loopback_only=True).open() as network:
            with pytest.raises(ConnectionFailed) as unopened:
                async with network.connect(f"ws://{host}:9/ws"):
                    pass
            with pytest.raises(RequestFailed) as unanswered:
                await network.get(Request(f"http://{host}:9/book"))
    assert (unopened.value.reason, unanswered.value.reason) == (Reason.UNAVAILABLE, Reason.UNAVAILABLE)


@pytest.mark.parametrize("environment", ["sandbox", "test"])
def test_environments_of_this_machine_stay_on_it(environment: str) -> None:
    assert load_settings(environment, environ={}).settings.transport.loopback_only


def test_the_others_do_not() -> None:
    assert not load_settings("local", environ={}).settings.transport.loopback_only
