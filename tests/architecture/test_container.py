"""The composition root can make everything that it knows, for every settings file of the project."""

from pathlib import Path
from typing import Any

import pytest
from dependency_injector import providers

from market_data.adapters.venues import DIALECTS
from market_data.application.consume import Consumer
from market_data.application.outbox import OutboxPolicy
from market_data.application.ports import Clock, Display, Publisher, Subscriber, Telemetry, Transport
from market_data.application.produce import Producer
from market_data.config import Settings, SettingsError, load_settings
from market_data.container import Container
from market_data.domain.errors import UsageError
from market_data.domain.market import Market

_ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = sorted(path.stem for path in (_ROOT / "config").glob("*.yaml") if path.stem != "base")
VIEWS = ("lines", "json", "table", "web")
KINDS = {
    "clock": Clock,
    "telemetry": Telemetry,
    "transport": Transport,
    "publisher": Publisher,
    "subscriber": Subscriber,
    "producer": Producer,
    "consumer": Consumer,
    "display": Display,
    "market": Market,
}


def settings_of(environment: str, *overrides: str) -> Settings:
    """Load the project's own settings, without this machine's environment."""
    return load_settings(environment, overrides=overrides, environ={}, folder=_ROOT / "tests").settings


def container_of(environment: str, *overrides: str) -> Any:
    return Container(settings=settings_of(environment, *overrides))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_provider_can_be_made_for_every_settings_file(environment: str) -> None:
    container = container_of(environment)
    assert len(container.providers) > 15
    for name, provider in container.providers.items():
        made = provider()
        assert made is not None or name in ("shard", "input_log_folder"), name
        if name in KINDS and not getattr(KINDS[name], "_is_protocol", False):
            assert isinstance(made, KINDS[name])
        elif name in KINDS:
            assert KINDS[name] in type(made).__mro__, f"{name} is no {KINDS[name].__name__}"


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_can_be_made(view: str) -> None:
    container = container_of("test")
    container.view.override(view)
    assert Display in type(container.display()).__mro__


def test_every_view_is_tried() -> None:
    display = container_of("test").display
    assert isinstance(display, providers.Selector)
    assert set(display.providers) == set(VIEWS)


def test_services_are_made_once_and_runs_each_time() -> None:
    container = container_of("test")
    assert container.publisher() is container.publisher()
    assert container.outbox() is container.outbox()
    assert container.producer() is not container.producer()
    assert container.run() == container.run()


def test_runs_are_named_so_that_later_ones_sort_behind() -> None:
    first, second = container_of("test").run(), container_of("test").run()
    assert first < second
    assert first != second


def test_a_venue_that_is_off_or_follows_nothing_is_not_planned() -> None:
    others = [f"venues.{name}.enabled=false" for name in settings_of("test").venues if name != "coinbase"]
    plans = container_of("test", *others, "venues.coinbase.instruments=[ETH-USD]").plans()
    assert [(plan.venue.name, list(plan.symbols)) for plan in plans] == [("coinbase", ["ETH-USD"])]


def test_a_venue_is_made_by_its_dialect_under_its_own_name() -> None:
    stanzas = settings_of("test").venues
    plans = container_of("test", *(f"venues.{name}.enabled=true" for name in stanzas)).plans()
    assert {plan.venue.name: type(plan.venue) for plan in plans} == {
        name: DIALECTS[stanza.dialect] for name, stanza in stanzas.items()
    }


def test_every_dialect_has_a_stanza_that_is_tried() -> None:
    assert {stanza.dialect for stanza in settings_of("test").venues.values()} == set(DIALECTS)


def test_a_dialect_that_is_none_is_said_with_those_that_there_are() -> None:
    known = ", ".join(DIALECTS)
    said = rf"venues\.binance\.dialect: expected one of {known}, received binanse \(did you mean binance\?\)"
    with pytest.raises(SettingsError, match=said):
        container_of("test", "venues.binance.dialect=binanse")


def test_live_feeds_can_not_wait_for_the_broker() -> None:
    container = container_of("test", f"outbox.policy={OutboxPolicy.BLOCK}")
    with pytest.raises(UsageError, match="block is for replays"):
        container.outbox()
