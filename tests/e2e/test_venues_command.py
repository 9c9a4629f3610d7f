"""What ``venues`` says of each exchange."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.support.programs import run

from market_data.application.ports import Venue
from market_data.config import load_settings
from market_data.domain.continuity import Proof
from market_data.factories.venues import make_venue

pytestmark = pytest.mark.timeout(60)

SETTINGS = load_settings(environ={}).settings


def _venues() -> Mapping[str, Venue]:
    return {name: make_venue(name, stanza) for name, stanza in SETTINGS.venues.items()}


def test_each_exchange_is_an_object_with_all_that_its_dialect_declares(tmp_path: Path) -> None:
    ended = run("venues", "--json", folder=tmp_path)
    assert (ended.status, ended.err) == (0, "")
    found = {line["exchange"]: line for line in map(json.loads, ended.out.splitlines())}
    assert found.keys() == SETTINGS.venues.keys(), "those that are not enabled, too"
    for name, venue in _venues().items():
        continuity, stanza = venue.continuity, SETTINGS.venues[name]
        assert found[name] == {
            "exchange": name,
            "dialect": stanza.dialect,
            "is_followed": stanza.enabled,
            "loss_scope": continuity.scope,
            "proof": continuity.proof,
            "proven_levels": continuity.proven_levels,
            "is_loss_counted": continuity.is_loss_counted,
            "snapshot": continuity.seed,
            "window": continuity.window,
            "levels": continuity.levels,
            "keepalive_message_seconds": venue.ping_seconds,
            "blind_spots": list(continuity.blind_spots),
            "instruments_per_connection": stanza.instruments_per_connection,
            "messages_per_second": stanza.messages_per_second,
            "messages_per_hour": venue.requests_per_hour,
            "connections_per_second": stanza.connections_per_second,
            "requests_per_second": stanza.requests_per_second,
            "request_weight_per_minute": stanza.request_weight_per_minute,
        }


def test_people_get_a_row_an_exchange_and_below_what_none_of_them_can_tell(tmp_path: Path) -> None:
    ended = run("venues", "--set", "venues.coinbase.enabled=false", folder=tmp_path)
    assert ended.status == 0
    table, _, below = ended.out.partition("\n\n")
    titles, *rows = table.splitlines()
    assert titles.startswith("exchange    followed  a loss refutes  check ")
    cells = {row.split()[0]: " ".join(row.split()) for row in rows}
    assert cells.keys() == SETTINGS.venues.keys()
    assert cells["binance"].startswith(
        "binance yes instrument sequence known fetched whole book protocol 200 4 any 3,000 weight/"
    )
    assert cells["coinbase"].startswith(
        "coinbase no connection sequence known in band whole book protocol 10 6 any 4 requests/s"
    )
    assert below.startswith("undetectable:\n  binance ")
    for venue in _venues().values():
        assert all(spot in below for spot in venue.continuity.blind_spots)


def test_every_exchange_names_what_it_cannot_tell_and_proves_no_level_with_nothing() -> None:
    for name, venue in _venues().items():
        continuity = venue.continuity
        assert continuity.blind_spots, name
        assert (continuity.proof is Proof.NONE) is (continuity.proven_levels == 0), f"{name}: so the record wants it"


def test_a_wrong_setting_is_told_as_ever(tmp_path: Path) -> None:
    ended = run("venues", "--set", "venues.binance.dialect=okay", folder=tmp_path)
    assert ended.status == 2
    assert "venues.binance.dialect" in ended.err
    assert "Traceback" not in ended.err
