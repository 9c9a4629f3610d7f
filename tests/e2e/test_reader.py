"""The reading API, as a program of somebody else would use it."""

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from tests.support.processes import running, running_sandbox

from market_data.domain.errors import UsageError
from market_data.reader import BookStatus, NormalizedBook, Reason, read_books

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


async def take(
    count: int, settings: Path, start: str | datetime, instruments: list[str] | None
) -> list[NormalizedBook]:
    taken: list[NormalizedBook] = []
    with anyio.fail_after(30):
        async with read_books(env="sandbox", config_files=[settings], start=start, instruments=instruments) as books:
            async for book in books:
                taken.append(book)
                if len(taken) == count:
                    break
            assert books.proof.is_proven
            assert sum(proof.records for proof in books.proof.keys.values()) >= count
    return taken


async def test_books_are_read_in_order_and_proven(tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as sandbox:
        command = ["app", "produce", "--env", "sandbox", "--config", str(sandbox.settings)]
        with running(command, tmp_path, "produce") as producer:
            everything = await take(60, sandbox.settings, "earliest", None)
            assert {book.key for book in everything} == {
                "binance:BTC-USDT",
                "binance:ETH-USDT",
                "coinbase:BTC-USD",
                "coinbase:ETH-USD",
            }
            for key in {book.key for book in everything}:
                seqs = [book.publish_seq for book in everything if book.key == key]
                assert seqs == list(range(len(seqs)))
            one = await take(5, sandbox.settings, "latest", ["Coinbase:btc-usd"])
            assert {book.key for book in one} == {"coinbase:BTC-USD"}
            assert [book.publish_seq for book in one] == list(range(one[0].publish_seq, one[0].publish_seq + 5))
            assert one[-1].is_live
            assert one[-1].bids
            recent = await take(3, sandbox.settings, datetime.now(UTC) - timedelta(seconds=1), ["coinbase:BTC-USD"])
            assert recent[0].publish_seq > 0
            assert producer.stop() == 0


async def test_a_producer_that_is_gone_leaves_no_book_live(tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as sandbox:
        command = ["app", "produce", "--env", "sandbox", "--config", str(sandbox.settings)]
        only = ["coinbase:BTC-USD"]
        with running(command, tmp_path, "produce") as producer, anyio.fail_after(40):
            async with read_books(env="sandbox", config_files=[sandbox.settings], instruments=only) as books:
                last = next_to_last = await anext(books)
                while not (last.is_live and next_to_last.is_live):
                    next_to_last, last = last, await anext(books)
                producer.process.kill()
                while last.is_live:
                    next_to_last, last = last, await anext(books)
            assert (last.status, last.reason, last.bids) == (BookStatus.STALE, Reason.SILENCE, ())
            assert (last.publish_seq, last.epoch) == (next_to_last.publish_seq, next_to_last.epoch)
            assert last.status_since > next_to_last.status_since
            # who comes later is not shown its last word as if it were news
            (first,) = await take(1, sandbox.settings, "latest", only)
            assert (first.status, first.publish_seq) == (BookStatus.STALE, last.publish_seq)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
async def test_a_second_producer_that_has_ended_leaves_the_first_ones_books_live(
    number: signal.Signals, tmp_path: Path
) -> None:
    with running_sandbox(tmp_path) as sandbox:
        fast = ["book.heartbeat_seconds=0.5"]
        command = ["app", "produce", "--env", "sandbox", "--config", str(sandbox.settings), "--set", *fast]
        only = ["coinbase:BTC-USD"]
        with running(command, tmp_path, "first"), anyio.fail_after(50):
            async with read_books(
                env="sandbox", config_files=[sandbox.settings], instruments=only, overrides=fast
            ) as books:
                while not (book := await anext(books)).is_live:
                    pass
                first = book.run
                with running(command, tmp_path, "second") as second:
                    while (book := await anext(books)).run == first or not book.is_live:
                        pass
                    while not any(proof.foreign for proof in books.proof.keys.values()):  # the first one goes on
                        await anext(books)
                    second.stop(number)
                while book.run != first or not book.is_live:
                    book = await anext(books)
            (proof,) = books.proof.keys.values()
            assert (proof.is_proven, proof.returns) == (True, 1)
            assert proof.foreign > 0


@pytest.mark.parametrize(
    ("instruments", "problem"),
    [("binance:BTC-USDT", "expected a list"), (["BTC-USDT"], "expected VENUE:BASE-QUOTE")],
    ids=["a text", "no venue"],
)
async def test_instruments_that_make_no_sense_are_told(instruments: list[str], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        async with read_books(instruments=instruments):
            pass


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param({"start": "15m"}, r"start: expected latest, .* \(did you mean -15m\?\)", id="start"),
        pytest.param({"until": "never"}, "until: expected latest, an ISO time", id="until"),
        pytest.param({"until": "latest", "group": "tops"}, "until: a group shares the reading", id="until in a group"),
    ],
)
async def test_a_span_that_makes_no_sense_is_told(options: dict[str, str], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        async with read_books(None, **options):  # type: ignore[arg-type]
            pass


async def test_minutes_and_venues_side_by_side_are_there_where_asked_for(tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as sandbox:
        command = ["app", "produce", "--env", "sandbox", "--config", str(sandbox.settings)]
        with running(command, tmp_path, "produce") as producer, anyio.fail_after(40):
            async with read_books(env="sandbox", config_files=[sandbox.settings], over_time=True) as books:
                said = books.over_time
                async for book in books:
                    minute = said.minute("coinbase:BTC-USD")
                    if minute is not None and minute.seconds > 1.5 and book.key == "coinbase:BTC-USD" and book.is_live:
                        break
                assert minute is not None
                assert minute.low is not None
                assert minute.high is not None
                assert minute.low <= book.mid <= minute.high  # type: ignore[operator]
                assert said.mids("coinbase:BTC-USD", 2)[-1] is not None
                assert said.history("coinbase:BTC-USD")[-1].status is BookStatus.LIVE
                view = said.across("BTC-USD")
                assert view is not None
                assert view.bid is not None
                assert [each.quote.book.exchange for each in view.venues] == ["coinbase"]
                assert said.across("BTC-EUR") is None
                assert said.bases("BTC") == [], "no venue has both BTC-USD and BTC-USDT here"
            async with read_books(env="sandbox", config_files=[sandbox.settings]) as books:
                with pytest.raises(UsageError, match="over_time=True"):
                    _ = books.over_time
            assert producer.stop() == 0
