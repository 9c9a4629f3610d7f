"""A client of another make reads the topic: key, headers and JSON are as documented."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import anyio
import jsonschema
import pytest
from tests.contract.kafka.kafka_world import RUN, World, publish

from market_data.adapters.kafka.partitioner import partition_of
from market_data.adapters.kafka.records import json_schema

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.broker,
    pytest.mark.timeout(90),
    pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed"),
]

SYMBOLS = [f"S{number}-USD" for number in range(10)]
README = Path(__file__).parents[3] / "README.md"


async def kcat(world: World, *options: str) -> list[str]:
    """Read the whole topic; one line a record."""
    command = ["kcat", "-b", world.cluster.brokers, "-t", world.topic, "-C", "-o", "beginning", "-e", "-q", *options]
    done = await anyio.run_process(command)
    return done.stdout.decode().splitlines()


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
async def test_kcat_finds_key_headers_partition_and_json_as_documented(broker_world: World, compression: str) -> None:
    async with broker_world.publisher(compression=compression).open() as publication:
        await publish(publication, SYMBOLS, range(30))
    records = [json.loads(line) for line in await kcat(broker_world, "-J")]
    assert len(records) == 30 * len(SYMBOLS)
    numbers: dict[str, int] = {}
    for record in records:
        value = json.loads(record["payload"])
        jsonschema.validate(value, json.loads(json_schema()))
        assert record["key"] == f"binance:{value['symbol']}" == f"{value['exchange']}:{value['symbol']}"
        assert record["headers"][:-1] == [
            *("schema", "normalized_book"),
            *("schema_version", "2"),
            *("content-type", "application/json"),
            "published_at",
        ]
        assert 0 <= record["ts"] - int(record["headers"][-1]) // 1000 < 60_000
        assert record["partition"] == partition_of(record["key"].encode(), broker_world.partitions)
        assert record["tstype"] == "logappend"
        assert (value["schema_version"], value["run"], value["status"]) == (2, RUN, "live")
        assert len(value["bids"]) == len(value["asks"]) == 20
        assert value["publish_seq"] == numbers.get(record["key"], -1) + 1
        numbers[record["key"]] = value["publish_seq"]
    assert numbers == {f"binance:{symbol}": 29 for symbol in SYMBOLS}


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
async def test_the_readmes_filter_gives_the_best_of_every_live_book(broker_world: World) -> None:
    async with broker_world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(2))
    found = re.search(r"^kcat .* \| jq -c '(.+)'$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    lines = "\n".join(await kcat(broker_world)).encode()
    filtered = subprocess.run(["jq", "-c", found[1]], input=lines, capture_output=True, check=True, timeout=30)
    best = [json.loads(line) for line in filtered.stdout.splitlines()]
    assert len(best) == 2 * len(SYMBOLS)
    for exchange, symbol, bid, ask in best:
        assert (exchange, symbol in SYMBOLS) == ("binance", True)
        assert len(bid) == len(ask) == 2
        assert all(isinstance(text, str) for text in (*bid, *ask))
