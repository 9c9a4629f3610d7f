"""The run as it is started by hand, with fewer instruments; and each thing that may go wrong has to be seen by it."""

import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from tests.many.figures import Figures, busiest

from market_data.domain.normalized import BookState, BookStatus, NormalizedBook, Reason


def book(status: BookStatus, reason: Reason | None, at: int, merged: int = 0) -> NormalizedBook:
    state = BookState("okx", "A-B", status, reason, 1, (), (), None, None, None, 1)
    return NormalizedBook.of(state, "run", at, merged)


def figures() -> Figures:
    good = Figures("okx", 1, 200, 3, 600, 10, connected=[0.0], sent=[(0.0, "subscribe")], asked=[(0.0, 1)])
    good.take(book(BookStatus.SYNCING, None, 0), 0.1)
    good.take(book(BookStatus.LIVE, None, 1), 0.5)
    return good


def test_a_run_without_trouble_is_found_well() -> None:
    good = figures()
    good.take(book(BookStatus.DISCONNECTED, Reason.SHUTDOWN, 2), 9.0)
    assert good.problems() == []
    assert good.all_live_at == 0.5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda seen: seen.take(book(BookStatus.GAP, Reason.SEQUENCE, 2), 1.0), "1 false gaps"),
        (lambda seen: seen.take(book(BookStatus.STALE, Reason.SILENCE, 2), 1.0), "live books were given up"),
        (lambda seen: seen.take(book(BookStatus.LIVE, None, 3), 1.0), "1 records are missing"),
        (lambda seen: seen.take(book(BookStatus.LIVE, None, 2, 4), 1.0), "4 records were merged"),
        (lambda seen: seen.connected.append(1.0), "2 connections instead of 1"),
        (lambda seen: seen.refused.update(["HTTP 429"]), "HTTP 429"),
        (lambda seen: seen.asked.extend([(1.0, 1)] * 610), "611.0 of 600 weight"),
        (lambda seen: seen.sent.extend([(1.0, "ping")] * 30), "3.1 messages a second"),
        (lambda seen: seen.live.clear(), "1 of 1 instruments are not live"),
    ],
)
def test_whatever_is_not_as_promised_is_named(change: Callable[[Figures], None], said: str) -> None:
    seen = figures()
    change(seen)
    assert said in " ".join(seen.problems())


def test_the_busiest_span_is_found() -> None:
    assert busiest([], 60) == 0
    assert busiest([(0, 1), (30, 5), (59, 5), (60, 5), (200, 12)], 60) == 15


@pytest.mark.timeout(120)
def test_many_instruments_of_each_exchange_are_live_on_one_connection_each_without_a_false_gap() -> None:
    counts = ("--binance", "80", "--okx", "40", "--bybit", "40", "--kraken", "20")
    bounds = ("--set", "book.stream_silence_seconds=2", "--rate", "0.1", "--seconds", "12", "--patience", "60")
    ended = subprocess.run(
        [sys.executable, "-m", "tests.many", *counts, *bounds],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    rows = re.findall(r"^(\w+) +(\d+) +(\d+) +[\d.]+ +0 +0 +\d+ +0 ", ended.stdout, re.MULTILINE)
    assert rows == [("binance", "80", "1"), ("okx", "40", "1"), ("bybit", "40", "1"), ("kraken", "20", "1")]
