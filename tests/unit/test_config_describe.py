"""Effective settings as a person reads them."""

from pathlib import Path

import attrs
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market_data.config import LoadedSettings, describe, differences, load_settings, render
from market_data.config.layers import read_file

SECRET = {
    "APP__KAFKA__SECURITY__PROTOCOL": "SASL_SSL",
    "APP__KAFKA__SECURITY__MECHANISM": "PLAIN",
    "APP__KAFKA__SECURITY__USERNAME": "me",
    "APP__KAFKA__SECURITY__PASSWORD": "hunter2",
}


def again(loaded: LoadedSettings, folder: Path) -> LoadedSettings:
    """Load what was rendered as if it were a settings file."""
    file = folder / "rendered.yaml"
    file.write_text("\n".join(render(loaded)))
    return load_settings("test", [file], environ={}, folder=folder)


@pytest.mark.parametrize("environment", ["local", "sandbox", "production"])
def test_the_lines_are_a_file_that_gives_the_same_settings(environment: str, tmp_path: Path) -> None:
    loaded = load_settings(environment, environ={}, folder=tmp_path)

    assert again(loaded, tmp_path).settings == loaded.settings


def test_the_lines_are_yaml_for_any_reader() -> None:
    tree = yaml.safe_load("\n".join(render(load_settings("test", environ={}))))

    assert tree["venues"]["binance"]["instruments"] == ["BTC-USDT", "ETH-USDT"]
    assert tree["kafka"]["security"]["password"] is None
    assert tree["book"]["heartbeat_seconds"] == 0.5


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(text=st.text(min_size=1).filter(lambda text: text not in {"null", "~"}))
def test_any_text_is_written_so_that_it_reads_back(text: str, tmp_path: Path) -> None:
    loaded = load_settings("test", environ={"APP__KAFKA__CLIENT_ID": text})

    assert again(loaded, tmp_path).settings.kafka.client_id == text


@pytest.mark.parametrize("text", ["off", "1e3", "010", "12", "null", "2024-01-01", "a: b", "x #y", "a,b", "[a", "a:"])
def test_text_that_could_be_something_else_is_quoted(text: str, tmp_path: Path) -> None:
    loaded = load_settings("test", environ={"APP__KAFKA__CLIENT_ID": text})

    assert again(loaded, tmp_path).settings.kafka.client_id == text
    assert yaml.safe_load("\n".join(render(loaded)))["kafka"]["client_id"] == text


def test_each_value_has_its_origin_in_one_column() -> None:
    lines = render(load_settings("test", (), ("log.level=ERROR",), {"KAFKA_BROKERS": "a:1"}))

    assert any(line.split() == ["level:", "ERROR", "#", "--set"] for line in lines)
    assert any(line.split() == ["brokers:", "[a:1]", "#", "environment", "KAFKA_BROKERS"] for line in lines)
    assert len({line.index(" # ") for line in lines if " # " in line}) == 1


def test_a_very_long_value_does_not_push_the_column_away() -> None:
    lines = render(load_settings("test", (), (f"kafka.client_id={'x' * 300}",), {}))

    assert min(line.index(" # ") for line in lines if " # " in line) < 80


def test_every_setting_is_described_once() -> None:
    loaded = load_settings("test", environ={})

    paths = [described.path for described in describe(loaded)]

    assert len(paths) == len(set(paths))
    assert set(paths) == set(loaded.origins)
    assert "venues.coinbase.snapshot_limit" in paths


def test_a_secret_is_masked_in_every_form() -> None:
    loaded = load_settings("test", environ=SECRET)

    described = {one.path: one for one in describe(loaded)}
    assert described["kafka.security.password"].value == '"********"'
    assert described["kafka.security.password"].origin == "environment APP__KAFKA__SECURITY__PASSWORD"
    for text in (
        "\n".join(render(loaded)),
        str(describe(loaded)),
        repr(loaded),
        str(attrs.asdict(loaded.settings.kafka)),
    ):
        assert "hunter2" not in text


def test_rendering_is_read_by_our_own_reader(tmp_path: Path) -> None:
    file = tmp_path / "rendered.yaml"
    file.write_text("\n".join(render(load_settings("test", environ={}))))

    assert read_file(file, "rendered.yaml").faults == ()


def test_differences_name_what_changed_secrets_and_what_is_in_one_only_included(tmp_path: Path) -> None:
    more = tmp_path / "more.yaml"
    stanza = yaml.safe_load("\n".join(render(load_settings("local", environ={}, folder=tmp_path))))["venues"]["binance"]
    more.write_text(yaml.safe_dump({"venues": {"mine": stanza}}))
    before = load_settings("local", environ=SECRET, folder=tmp_path)
    after = load_settings(
        "local",
        [more],
        ["kafka.partitions=7"],
        environ=SECRET | {"APP__KAFKA__SECURITY__PASSWORD": "hunter3"},
        folder=tmp_path,
    )

    found = differences(before, after)

    assert [path for path in found if not path.startswith("venues.mine.")] == [
        "kafka.partitions",
        "kafka.security.password",
    ]
    assert "venues.mine.dialect" in found
    assert differences(after, after) == []
    assert sorted(differences(after, before)) == sorted(found)
