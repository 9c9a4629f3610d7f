"""What is kept of the truth."""

import json
from pathlib import Path

from market_data_sandbox import Truth, Venue
from market_data_sandbox.book import Book


def _record(truth: Truth, sequence: int, connection: str | None = None) -> None:
    book = Book(sequence=sequence, changed_ns=1_700_000_000_123_456_789)
    book.replace([(str(price), "1") for price in range(1, 31)], [("40", "0.50")])
    venue = Venue.COINBASE if connection else Venue.BINANCE
    timestamp = "2026-08-24T22:34:13Z" if connection else None
    truth.record(venue, "BTC-USD", book, sequence=sequence, connection=connection, timestamp=timestamp)


def test_a_state_is_found_by_its_sequence_and_by_each_connection() -> None:
    truth = Truth.open(10, None)
    _record(truth, 7)
    _record(truth, 0, "coinbase-1")
    _record(truth, 0, "coinbase-2")
    (record,) = truth.find("binance", "BTC-USD", 7)
    assert record.bids[0] == ("30", "1")
    assert len(record.bids) == 20
    assert record.event_time == 1_700_000_000_123_456
    assert [one.connection for one in truth.find("coinbase", "BTC-USD", 0)] == ["coinbase-1", "coinbase-2"]
    assert truth.find("binance", "ETH-USD", 7) == []


def test_the_oldest_states_leave_memory_but_not_the_file(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "truth"
    truth = Truth.open(3, path)
    for sequence in range(5):
        _record(truth, sequence)
    truth.close()
    assert [record.sequence for record in truth] == [2, 3, 4]
    assert (len(truth), truth.count) == (3, 5)
    assert truth.find("binance", "BTC-USD", 1) == []
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["sequence"] for line in lines] == [0, 1, 2, 3, 4]
    assert lines[0] == {
        "exchange": "binance",
        "symbol": "BTC-USD",
        "connection": None,
        "sequence": 0,
        "event_time": 1_700_000_000_123_456,
        "frame_timestamp": None,
        "bids": [[str(price), "1"] for price in range(30, 10, -1)],
        "asks": [["40", "0.50"]],
    }
