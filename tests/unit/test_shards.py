"""Which of several producers follows which instruments."""

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from market_data.adapters.kafka.partitioner import partition_of
from market_data.application.shard import Shard
from market_data.cli.options import parse_shard
from market_data.config import Settings, load_settings
from market_data.container import Container
from market_data.domain.errors import UsageError

LETTERS = "ABCDEFGHIJ"
SYMBOLS = tuple(f"{a}{b}{c}-USDT" for a in LETTERS for b in LETTERS for c in LETTERS)


@cache
def settings(symbols: Sequence[str]) -> Settings:
    """Two venues that offer the same."""
    names = f"[{', '.join(symbols)}]"
    overrides = (f"venues.binance.instruments={names}", f"venues.coinbase.instruments={names}")
    return load_settings("test", (), overrides, {}, Path(__file__).parent).settings


def followed(shard: Shard | None, symbols: Sequence[str] = SYMBOLS[:50]) -> set[str]:
    """List the keys that a producer with this share follows."""
    container = Container(settings=settings(tuple(symbols)))
    container.shard.override(shard)
    return {f"{plan.venue.name}:{symbol}" for plan in container.plans() for symbol in plan.symbols}


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_instrument_falls_to_exactly_one_shard(count: int) -> None:
    shares = [followed(Shard(number, count)) for number in range(1, count + 1)]
    assert sum(map(len, shares)) == 100
    assert set.union(*shares) == followed(None)


def test_one_more_instrument_moves_no_other() -> None:
    for number in (1, 2, 3):
        before = followed(Shard(number, 3))
        after = followed(Shard(number, 3), (*SYMBOLS[100:110], *SYMBOLS[:50]))
        assert before == {key for key in after if key.partition(":")[2] in SYMBOLS[:50]}


@pytest.mark.parametrize("count", [2, 3, 4, 8, 16])
def test_thousands_of_instruments_are_shared_evenly(count: int) -> None:
    sizes = [len(followed(Shard(number, count), SYMBOLS)) for number in range(1, count + 1)]
    assert sum(sizes) == 2000
    # as even as chance makes them: four standard deviations
    assert all(abs(size - 2000 / count) < 4 * math.sqrt(2000 / count) for size in sizes)


def test_shards_that_divide_the_partitions_share_none() -> None:
    shares = [followed(Shard(number, 4)) for number in (1, 2, 3, 4)]
    partitions = [{partition_of(key.encode(), 12) for key in share} for share in shares]
    assert sum(map(len, partitions)) == len(set.union(*partitions)) == 12


def test_a_shard_that_gets_nothing_says_so() -> None:
    everything = followed(None, ["BTC-USDT"])
    empty = min({0, 1, 2} - {partition_of(key.encode(), 3) for key in everything})
    with pytest.raises(UsageError, match=rf"--shard {empty + 1}/3: none of the 2 instruments falls to it"):
        followed(Shard(empty + 1, 3), ["BTC-USDT"])


def test_a_shard_is_written_as_it_is_read() -> None:
    assert parse_shard(None) is None
    assert parse_shard("2/12") == Shard(2, 12)
    assert str(Shard(2, 12)) == "2/12"


@pytest.mark.parametrize("text", ["", "1", "/2", "1/", "0/2", "3/2", "1/0", "-1/2", "1/2/3", "a/b", "1 / 2", "١/٢"])  # noqa: RUF001
def test_what_is_no_shard_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_shard(text)
    assert str(caught.value) == f"--shard: expected I/N with I from 1 to N, such as 1/3, received {text!r}"
    assert caught.value.exit_status == 2
