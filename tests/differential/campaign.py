"""Many operations made of a seed: plain ones, numbers that floats cannot tell apart, and what is no level at all."""

from collections import Counter
from collections.abc import Mapping
from random import Random

from tests.differential.trial import Operation, Trial
from tests.support.raw import raw_levels

from market_data.domain.book import BookFactory
from market_data.domain.levels import Level

__all__ = ["run"]

_ODD = (
    *("1e5", "", ".5", "5.", "1.2.3", "-1", "+1", "१", "1 ", " 1", "nan", "Infinity", "1_0", "0x1", "\x00", "é"),
    *("1" * 19, "1" * 20, "1" * 39, "1" * 40, "1" * 41, "0" * 40, "0" * 41, "1." + "0" * 38, "1." + "0" * 39),
    *("0." + "0" * 37 + "1", "0." + "0" * 38 + "1", "0" * 39 + "1", "9" * 20 + "." + "9" * 19),
)
_SIZES = ("0", "0.000", "1", "1.50", "1.5", "2.25", "01")
_BYTES = (b"[", b"]", b'"', b",", b"7", b".", b" ", b"\n", b"\t", b"\x0b", b"\\", b"\xff", b"\xc2\xa0", b"null", b"{}")
_SHAPES = (b"", b"[", b"null", b"{}", b"[[]]", b'[["1"]]', b'[["1","2","3"]]', b'[["1",2]]', b'[["1","2"],]', b"[,]")
_STEPS = 40


def run(engines: Mapping[str, BookFactory], operations: int, seed: int) -> Counter[str]:
    """Try so many operations, and count what they were.

    Raises:
        AssertionError: there is a difference.
    """
    counts: Counter[str] = Counter()
    number = 0
    while counts["operations"] < operations:
        _Instrument(engines, Random(f"{seed} {number}"), counts).play(min(_STEPS, operations - counts["operations"]))
        number += 1
    return counts


class _Instrument:
    """Books of one instrument, from the first snapshot on."""

    def __init__(self, engines: Mapping[str, BookFactory], random: Random, counts: Counter[str]) -> None:
        self._random = random
        self._counts = counts
        self._trial = Trial(engines, random.choice((1, 3, 20)))
        self._style = random.randrange(4)
        self._odd = random.choice((0.0, 0.0, 0.0, 0.02))
        self._largest = random.choice((2, 12, 80, 400))

    def play(self, steps: int) -> None:
        """Take a snapshot and what follows."""
        self._counts["instruments"] += 1
        is_first = True
        for _ in range(steps):
            is_snapshot = is_first or self._random.random() < 0.08
            limit = self._random.choice((None, 5, 10, 60)) if is_snapshot else None
            is_first = self._trial.take(Operation(self._raw(), self._raw(), is_snapshot, limit))
            self._counts["operations"] += 1
            self._counts["snapshots" if is_snapshot else "changes"] += 1
            self._counts["refusals"] += is_first
            if self._random.random() < 0.1:
                self._trial.cut(self._random.choice((1, 5, 10, 25)))
                self._counts["cuts"] += 1
            if self._random.random() < 0.2:
                self._compare(limit)

    def _compare(self, limit: int | None) -> None:
        near = [list(side.levels.values()) for side in (self._trial.naive.bids, self._trial.naive.asks)]
        for levels in near:
            if self._random.random() < 0.5:
                levels += [(self._plain_price(), self._random.choice(_SIZES)) for _ in range(3)]
            self._random.shuffle(levels)
        self._trial.compare_with(near[0], near[1], limit)
        self._counts["comparisons of books"] += 1

    def _raw(self) -> bytes:
        random = self._random
        count = random.choice((0, 1, 1, random.randint(0, self._largest)))
        raw = raw_levels([self._level() for _ in range(count)])
        self._counts["levels"] += count
        if random.random() < 0.05:
            raw = raw.replace(b",", random.choice((b" , ", b"\n,\t", b", ")))
        if random.random() < self._odd:
            at = random.randrange(len(raw) + 1)
            return raw[:at] + random.choice(_BYTES) + raw[at + random.randrange(2) :]
        if random.random() < self._odd / 4:
            return random.choice(_SHAPES)
        return raw

    def _level(self) -> Level:
        random = self._random
        if random.random() < self._odd / 4:
            odd = random.choice(_ODD)
            return (odd, "1") if random.random() < 0.5 else (self._plain_price(), odd)
        return self._plain_price(), random.choice(_SIZES)

    def _plain_price(self) -> str:
        random = self._random
        match self._style:
            case 0:
                return f"{100 + random.randint(-60, 60) / 100:.2f}"
            case 1:
                return random.choice(("100.{}", "100.{}0", "0100.{}")).format(random.randint(0, 99))
            case 2:  # more digits than a float holds
                return "0.1" + "0" * random.randint(10, 20) + str(random.randint(0, 30))
        return f"{random.randint(1, 99)}{'0' * random.choice((0, 14, 15, 16))}{random.choice(('', '.5', '.50', '.25'))}"
