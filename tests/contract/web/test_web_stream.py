"""The stream over real sockets: a snapshot, then what is new, to each as fast as it reads."""

import socket
from collections import deque

import anyio
import httpx
import pytest
from tests.support.waiting import until
from tests.support.web import fresh, offered

from market_data.adapters.web import hub as hub_module
from market_data.domain.market import Arrival
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, Reason

pytestmark = pytest.mark.anyio


async def test_a_snapshot_comes_first_and_then_only_what_changed() -> None:
    async with offered(books=[fresh(), fresh(symbol="ETH-USDT")]) as world, world.listen() as events:
        first = await anext(events)
        world.show(fresh(1, symbol="ETH-USDT", bids=(("99.9", "5"),)))
        second = await anext(events)
    assert first.name == "snapshot"
    assert {row["symbol"] for row in first.data["rows"]} == {"BTC-USDT", "ETH-USDT"}
    assert first.data["status"]["title"] == "Test"
    assert second.name == "change"
    assert [(row["symbol"], row["bid"]) for row in second.data["rows"]] == [("ETH-USDT", "99.9")]


async def test_of_many_changes_at_once_only_the_newest_is_sent() -> None:
    async with offered(books=[fresh()]) as world, world.listen() as events:
        await anext(events)
        for at in range(1, 500):
            world.show(fresh(at, bids=((str(at), "1"),), asks=(("1000", "1"),)))
        rows = []
        while not rows or rows[-1]["bid"] != "499":
            rows += (await anext(events)).data["rows"]
    assert len(rows) < 5


async def test_a_loss_is_told_at_once_with_its_reason_and_without_a_price() -> None:
    async with offered(books=[fresh()]) as world, world.listen() as events:
        await anext(events)
        world.show(fresh(1, status=BookStatus.GAP, reason=Reason.CROSSED))
        event = await anext(events)
    (row,), (loss,) = event.data["rows"], event.data["losses"]
    assert (row["status"], row["reason"], row["bid"], row["mid"]) == ("gap", "crossed", None, None)
    assert (loss["status"], loss["reason"], loss["was"]) == ("gap", "crossed", "live")


async def test_whoever_comes_back_goes_on_from_where_it_was() -> None:
    async with offered(books=[fresh(), fresh(symbol="ETH-USDT")]) as world:
        async with world.listen() as events:
            last = (await anext(events)).id
        world.show(fresh(1, bids=(("98", "1"),)))
        async with world.listen(last_event_id=last) as events:
            by_header = await anext(events)
        async with world.listen(f"stream?last={last}") as events:
            by_query = await anext(events)
    for event in (by_header, by_query):
        assert (event.name, [row["bid"] for row in event.data["rows"]]) == ("change", ["98"])


@pytest.mark.parametrize("last", ["other-5", "nonsense", "{run}-999999", "{run}-", "{run}-x", "-1"])
async def test_who_cannot_go_on_begins_anew(last: str) -> None:
    async with offered(books=[fresh()]) as world:
        named = last.format(run=world.display._hub.run)
        async with world.listen(last_event_id=named) as events:
            assert (await anext(events)).name == "snapshot"


async def test_who_was_away_for_too_long_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "_GONE_KEPT", 2)
    async with offered(books=[fresh(symbol=f"A{at}-USD") for at in range(10)]) as world:
        async with world.listen() as events:
            last = (await anext(events)).id
            world.market.forget(["binance:A0-USD"], Moment(0.0, 0))
            world.refresh()
            gone = await anext(events)
            while "gone" not in gone.data:
                gone = await anext(events)
            late = gone.id
        world.market.forget([f"binance:A{at}-USD" for at in range(1, 6)], Moment(0.0, 0))
        world.refresh()
        names = []
        for id_ in (last, late, f"{world.display._hub.run}-{world.display._hub.changed}"):
            world.show(fresh(1, symbol="A9-USD"))
            async with world.listen(last_event_id=id_) as events:
                names.append((await anext(events)).name)
    assert gone.data["gone"] == ["binance:A0-USD"]
    assert names == ["snapshot", "snapshot", "change"]


async def test_a_book_that_is_asked_for_comes_whole_and_each_time_it_changes() -> None:
    async with offered(books=[fresh(), fresh(symbol="ETH-USDT")]) as world:
        async with world.listen("stream?book=binance:BTC-USDT&book=okx:SOL-USDT") as events:
            names = [(await anext(events)).name for _ in range(2)]
            world.show(fresh(1, bids=(("97", "3"), ("96", "4"))))
            book = await anext(events)
            last = (await anext(events)).id
        async with world.listen(f"stream?book=binance:BTC-USDT&last={last}") as events:
            again = await anext(events)
    assert names == ["snapshot", "book"]
    assert (book.name, book.data["record"]["bids"]) == ("book", [["97", "3"], ["96", "4"]])
    assert (again.name, again.data["record"]["publish_seq"]) == ("book", 1)


async def test_very_many_come_in_frames_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MOST_ROWS", 10)
    async with offered(books=[fresh(symbol=f"A{at}-USD") for at in range(35)]) as world, world.listen() as events:
        frames = []
        seen: set[str] = set()
        while len(seen) < 35:
            frames.append(await anext(events))
            world.refresh()
            seen |= {row["symbol"] for row in frames[-1].data["rows"]}
    assert frames[0].name == "snapshot"
    assert max(len(frame.data["rows"]) for frame in frames) == 10
    assert {frame.name for frame in frames[1:]} == {"change"}


async def test_one_stream_too_many_is_503_and_there_is_room_again_when_one_goes() -> None:
    async with offered(max_clients=2, books=[fresh()]) as world:
        async with world.listen() as one, world.listen() as other:
            await anext(one), await anext(other)
            full = await world.get("stream")
        await until(lambda: world.display._hub.clients == 0)
        async with world.listen() as again:
            assert (await anext(again)).name == "snapshot"
    assert (full.status_code, full.headers["retry-after"]) == (503, "5")
    assert full.headers["content-type"] == "application/problem+json"
    assert "web.max_clients" in full.json()["detail"]


async def test_who_reads_nothing_costs_nobody_anything_and_is_cut_off() -> None:
    books = [fresh(symbol=f"A{at}-USD") for at in range(900)]
    async with offered(books=books, unread_seconds=0.5) as world:
        url = httpx.URL(world.url)
        with socket.socket() as stalled:
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.connect((url.host, url.port))
            stalled.send(f"GET /stream HTTP/1.1\r\nhost: {url.host}\r\n\r\n".encode())
            await until(lambda: world.display._hub.clients == 1)
            async with world.listen() as events:
                newest = 0
                with anyio.fail_after(40):
                    while world.display._hub.clients > 1 or newest < 3:
                        world.show(*[fresh(world.offsets, symbol=f"A{at}-USD") for at in range(900)])
                        event = await anext(events)
                        newest += len(event.data["rows"]) == 900
                assert world.display._hub.clients == 1


async def test_all_streams_end_with_the_display() -> None:
    ended: deque[str] = deque()
    async with anyio.create_task_group() as tasks, httpx.AsyncClient(trust_env=False, timeout=20) as client:

        async def listen(url: str) -> None:
            async with client.stream("GET", url) as answer:
                async for line in answer.aiter_lines():
                    ended.append(line)
            ended.append("end")

        async with offered(books=[fresh()]) as world:
            tasks.start_soon(listen, f"{world.url}stream")
            await until(lambda: any(line.startswith("data") for line in ended))
    assert ended[-1] == "end"


async def test_what_was_read_back_is_shown_like_all_else() -> None:
    async with offered() as world, world.listen() as events:
        await anext(events)
        now = world.reading.started_at
        quote = world.market.take(fresh(), now, now.wall, Arrival.READ_BACK)
        assert quote is not None
        world.display.show([quote], world.market, world.reading)
        event = await anext(events)
        while not event.data["rows"]:
            event = await anext(events)
    assert event.data["rows"][0]["bid"] == "100"
