"""The settings files that the project ships, and its example of a `.env`."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from market_data.config import load_settings
from market_data.config.schema import walk

REPOSITORY = Path(__file__).parents[2]
CONFIG = REPOSITORY / "config"
ENVIRONMENTS = ("docker", "local", "production", "sandbox", "test")


def keys_of(node: yaml.Node, above: str = "") -> Iterator[tuple[str, int]]:
    """Walk the dotted keys of a file with the numbers of their lines."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield f"{above}{key.value}", key.start_mark.line
            yield from keys_of(value, f"{above}{key.value}.")


def test_the_shipped_environments_are_those_of_the_documentation() -> None:
    assert tuple(sorted(file.stem for file in CONFIG.glob("*.yaml"))) == tuple(sorted(("base", *ENVIRONMENTS)))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_loads(environment: str, tmp_path: Path) -> None:
    assert load_settings(environment, environ={}, folder=tmp_path).environment == environment


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_holds_only_what_differs(environment: str) -> None:
    base = dict(_leaves(yaml.safe_load((CONFIG / "base.yaml").read_text())))
    own = dict(_leaves(yaml.safe_load((CONFIG / f"{environment}.yaml").read_text()) or {}))

    assert {path for path, value in own.items() if base.get(path) == value} == set()


def test_every_key_of_the_base_file_has_a_comment_on_its_line() -> None:
    text = (CONFIG / "base.yaml").read_text()
    lines = text.splitlines()
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    assert node is not None

    silent = [key for key, line in keys_of(node) if not re.search(r"\s# \S.{10,}", lines[line])]

    assert silent == []


def test_the_base_file_holds_every_setting_there_is() -> None:
    loaded = load_settings("local", environ={})
    node = yaml.compose((CONFIG / "base.yaml").read_text(), Loader=yaml.SafeLoader)
    assert node is not None

    assert [key for key, _ in keys_of(node)] == [".".join(path) for path, _ in walk(loaded.settings)]


def test_a_quantity_has_its_unit_in_its_name() -> None:
    node = yaml.compose((CONFIG / "base.yaml").read_text(), Loader=yaml.SafeLoader)
    assert node is not None
    times = [key for key, _ in keys_of(node) if re.search(r"timeout|silence|backoff|heartbeat|linger|retention", key)]

    without = [
        key
        for key in times
        if not re.search(r"_(seconds|milliseconds|hours|heartbeats|multiplier|per_partition)$", key)
    ]

    assert without == []


def test_the_example_of_a_dotenv_loads_as_it_is(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text((REPOSITORY / ".env.example").read_text())

    loaded = load_settings(environ={}, folder=tmp_path)

    assert not any(origin.startswith(".env") for origin in loaded.origins.values())


def test_the_example_of_a_dotenv_loads_with_every_line_in_use(tmp_path: Path) -> None:
    text = re.sub(r"(?m)^#(?=[A-Z_]+=)", "", (REPOSITORY / ".env.example").read_text())
    (tmp_path / ".env").write_text(re.sub(r"(?m)^(\w+PASSWORD)=$", r"\1=hunter2", text))

    loaded = load_settings(environ={}, folder=tmp_path)

    used = {line.partition("=")[0] for line in text.splitlines() if re.match(r"[A-Z_]+=", line)}
    assert len([origin for origin in loaded.origins.values() if origin.startswith(".env")]) == len(used - {"APP_ENV"})


def test_the_tests_environment_leads_nowhere() -> None:
    settings = load_settings("test", environ={}).settings

    addresses = [url for venue in settings.venues.values() for url in (venue.websocket_url, venue.rest_url)]
    assert all("//127.0.0.1:9" in address for address in addresses)
    assert settings.kafka.brokers == ("127.0.0.1:9",)


def _leaves(tree: object, above: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(tree, dict):
        for name, below in tree.items():
            yield from _leaves(below, f"{above}.{name}")
    else:
        yield above, tree
