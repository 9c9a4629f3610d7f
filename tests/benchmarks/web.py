"""The page under load: what the server costs, how late an event is, what a browser costs.

    python -m tests.benchmarks.web
    python -m tests.benchmarks.web --minutes 20     memory over a longer time: 50 streams, of which one reads nothing

Without Playwright or Chromium the browser is left out.
"""

import argparse
import json
import socket
import sys
import time
from contextlib import ExitStack
from random import Random

import anyio
import attrs
from tests.benchmarks.web_browser import browse
from tests.benchmarks.web_display import Display, display, say
from tests.support.records import record
from tests.support.web import offered

from market_data.domain.normalized import BookStatus, NormalizedBook, Reason

METHOD = """
A display of its own process is shown {rate} records a second of {instruments} instruments, 20 levels a side, a batch
every 10 ms; reading them from a broker and proving their order is not in it. CPU is that process's own time; so is what
making the records costs, which is measured first, with nobody looking and nothing shown. Late is from the moment when a
record was shown to when its event was read by a client, of every row of five streams. Streams: {streams}, of which one
reads nothing. The browser is Chromium without a screen, 1280x800, its CPU time that of all its processes together.
"""
PULSE = 0.01
FAULTY = 7


def books(instruments: int) -> list[list[NormalizedBook]]:
    """Make a few variants of every instrument's book."""
    random = Random(1)
    found = []
    for number in range(instruments):
        symbol = f"A{number:03}-USDT"
        variants = []
        for _ in range(8):
            middle = random.uniform(100, 60000)
            sides = [
                tuple((f"{middle + sign * at * 0.01:.2f}", f"{random.uniform(0, 5):.8f}") for at in range(1, 21))
                for sign in (-1, 1)
            ]
            variants.append(record(symbol=symbol, bids=sides[0], asks=sides[1]))
        found.append(variants)
    return found


async def serve(instruments: int, rate: int) -> None:
    """Be the display until stdin ends; ``show`` says that records are shown from now on, ``fault`` that one instrument
    has a gap, of a second.
    """
    random, made = Random(2), books(instruments)
    numbers = [0] * instruments
    is_shown, down_until = False, 0.0

    async with offered(max_clients=1000) as world, anyio.create_task_group() as tasks:
        print(world.url, flush=True)

        async def listen() -> None:
            nonlocal is_shown, down_until
            while line := await anyio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True):
                is_shown = True
                if line.strip() == "fault":
                    down_until = time.monotonic() + 1
                    numbers[FAULTY] += 1
                    gap = made[FAULTY][0]
                    status = {"status": BookStatus.GAP, "reason": Reason.SEQUENCE, "bids": (), "asks": ()}
                    world.show(attrs.evolve(gap, publish_seq=numbers[FAULTY], **status))
            tasks.cancel_scope.cancel()

        tasks.start_soon(listen)
        begin, done, refreshed = time.monotonic(), 0, 0.0
        while True:
            await anyio.sleep(PULSE)
            now = time.monotonic()
            wall = time.time_ns() // 1000
            batch = []
            for _ in range(min(int((now - begin) * rate) - done, rate)):
                done += 1
                which = random.randrange(instruments)
                if which == FAULTY and now < down_until:
                    continue
                numbers[which] += 1
                batch.append(
                    attrs.evolve(
                        made[which][numbers[which] % 8],
                        publish_seq=numbers[which],
                        event_time=wall - 2000,
                        received_time=wall - 1000,
                    )
                )
            if is_shown:
                world.show(*batch)
                if now - refreshed > 0.25:
                    refreshed = now
                    world.reading.now = None
                    world.display.refresh(world.market, world.reading)


def share(display: Display, seconds: float, what: str) -> float:
    """Measure CPU over a time, % of a core."""
    began, before = time.monotonic(), display.cpu()
    time.sleep(seconds)
    percent = (display.cpu() - before) / (time.monotonic() - began) * 100
    say(what, f"{percent:.1f} % of a core, {display.memory():.0f} MiB")
    return percent


async def listen_to(display: Display, streams: int, minutes: float) -> None:
    """Have many streams, one of which reads nothing."""
    host, port = display.url.removeprefix("http://").strip("/").split(":")
    late: list[float] = []
    received = 0

    async def stream(number: int) -> None:
        nonlocal received
        async with await anyio.connect_tcp(host, int(port)) as connection:
            await connection.send(f"GET /stream HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
            rest = b""
            while True:
                data = await connection.receive(1 << 20)
                received += len(data)
                if number >= 5:
                    continue
                *events, rest = (rest + data).split(b"\n\n")
                now = time.time_ns() // 1000
                for event in events:
                    _, is_data, body = event.partition(b"data: ")
                    if is_data and b"event: change" in event:
                        late.extend((now - row["seen_time"]) / 1000 for row in json.loads(body)["rows"])

    stalled = socket.create_connection((host, int(port)))
    stalled.send(f"GET /stream HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
    memory, before, began = [display.memory()], display.cpu(), time.monotonic()
    async with anyio.create_task_group() as tasks:
        for number in range(streams - 1):
            tasks.start_soon(stream, number)
        while (passed := time.monotonic() - began) < minutes * 60:
            await anyio.sleep(min(10.0, minutes * 60 - passed + 0.01))
            memory.append(display.memory())
        tasks.cancel_scope.cancel()
    stalled.close()
    seconds = time.monotonic() - began
    late.sort()
    quantiles = [late[int(len(late) * part)] for part in (0.5, 0.99, 0.999)]
    say(f"{streams} streams: the server", f"{(display.cpu() - before) / seconds * 100:.1f} % of a core")
    say(f"{streams} streams: sent", f"{received / seconds / 2**20:.1f} MiB a second")
    say("from record to event, median, 99 %, 99.9 %", " ".join(f"{each:.0f} ms" for each in quantiles))
    third = max(1, len(memory) // 3)
    ends = [sum(part) / len(part) for part in (memory[1 : 1 + third], memory[-third:])]
    say("memory in the first third, in the last, most", f"{ends[0]:.0f} {ends[1]:.0f} {max(memory):.0f} MiB")


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.web", description=__doc__)
    parser.add_argument("--serve", nargs=2, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--minutes", type=float, default=0.5, help="how long the streams are listened to")
    parser.add_argument("--seconds", type=float, default=15, help="of all else")
    parser.add_argument("--instruments", type=int, default=200)
    parser.add_argument("--rate", type=int, default=2000, help="records a second")
    parser.add_argument("--streams", type=int, default=50)
    options = parser.parse_args()
    if options.serve:
        anyio.run(serve, *options.serve)
        return
    print(METHOD.format(**vars(options)))
    with ExitStack() as stack:
        it = stack.enter_context(display(options.instruments, options.rate))
        time.sleep(1)
        share(it, options.seconds, "making the records, nothing shown")
        it.say("show")
        time.sleep(2)
        share(it, options.seconds, "shown, nobody looking")
        browse(it, options.seconds, "", "a browser on the watchlist")
        browse(it, options.seconds, "#/book/binance:A007-USDT", "a browser on one instrument")
        anyio.run(listen_to, it, options.streams, options.minutes)


if __name__ == "__main__":
    main()
