"""``python -m tests.many``: 1,024 instruments of Binance, 200 of OKX, 200 of Bybit and 100 of Kraken."""

import argparse
import sys
import tempfile
from pathlib import Path

import anyio
from tests.many.following import Followed, follow

_COUNTS = {"binance": 1024, "okx": 200, "bybit": 200, "kraken": 100}


def main() -> int:
    """Give 0 when all was as promised."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.many",
        description=sys.modules["tests.many"].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, count in _COUNTS.items():
        parser.add_argument(f"--{name}", type=int, default=count, metavar="N", help=f"instruments ({count})")
    parser.add_argument("--rate", type=float, default=0.1, metavar="R", help="changes a second and instrument (0.1)")
    parser.add_argument("--seconds", type=float, default=180.0, metavar="S", help="once all are live (180)")
    parser.add_argument("--patience", type=float, default=600.0, metavar="S", help="until all are live (600)")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="a setting of the program")
    arguments = parser.parse_args()
    counts = {name: getattr(arguments, name) for name in _COUNTS}
    with tempfile.TemporaryDirectory(prefix="many-") as folder:
        followed = anyio.run(
            follow, counts, arguments.rate, arguments.seconds, arguments.patience, arguments.set, Path(folder)
        )
    problems = [problem for each in followed.figures.values() for problem in each.problems()]
    if followed.merged:
        problems.append(f"{followed.merged} records were merged in the outbox")
    _report(followed, arguments.rate)
    for problem in problems:
        print(f"FAILED: {problem}")
    return int(bool(problems))


def _report(followed: Followed, rate: float) -> None:
    figures = followed.figures.values()
    count, live_at = sum(each.instruments for each in figures), followed.all_live_at
    print(f"{count} instruments, {rate:g} changes a second each, for {followed.seconds:.0f} s")
    print(
        "exchange   instruments  connections  all live s  false gaps  given up  records  dropped  renewals"
        "  messages/s (limit)  weight/min (limit)"
    )
    for each in figures:
        live = "-" if each.all_live_at is None else f"{each.all_live_at:.1f}"
        print(
            f"{each.exchange:9} {each.instruments:12} {len(each.connected):12} {live:>11} {each.gaps:11} "
            f"{each.lost.total():9} {each.records:8} {each.merged + each.missing:8} {each.renewals:9} "
            f"{each.most_messages:11.1f} ({each.messages_per_second:g}) "
            f"{each.most_weight:12.0f} ({each.weight_per_minute})"
        )
    after = followed.seconds - (live_at or 0.0)
    print(
        f"CPU of the program: {followed.cpu_until_live:.1f} s until all were live"
        f"{'' if live_at is None else f' ({live_at:.1f} s)'}, then {100 * followed.cpu_after / max(after, 1e-9):.1f} % "
        f"of a core; of the sandbox {100 * followed.sandbox_cpu / max(followed.seconds, 1e-9):.1f} %"
    )
    print("warnings: " + (", ".join(f"{count} {message}" for message, count in followed.told.items()) or "none"))
    if followed.stalls:
        print(f"the event loop stood still {len(followed.stalls)} times, {max(followed.stalls):.2f} s at most")


if __name__ == "__main__":
    sys.exit(main())
