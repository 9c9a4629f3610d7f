"""How long a book takes from the first attempt that the venue accepts to live again.

An attempt is a handshake, or a request for a book: over REST, or for a stream that begins with it. It counts from the
moment at which it was begun, once whatever went wrong before is over; where something else went wrong meanwhile, the
last one that the venue accepted counts.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from math import inf

import attrs
from tests.support.judging import Spell

__all__ = ["Attempt", "Injected", "Recoveries", "percentile"]


@attrs.frozen
class Attempt:
    """Something that the venue accepted, and when it was begun (wall clock, seconds)."""

    exchange: str
    native: str | None
    """The instrument whose book it was; None for a handshake."""
    at: float


@attrs.frozen
class Injected:
    """Something that went wrong."""

    exchange: str
    at: float
    lasting_seconds: float = 0.0


@attrs.define
class Recoveries:
    """Measures every spell that is over; remembers the newest attempts and faults."""

    attempts: deque[Attempt] = attrs.field(factory=lambda: deque(maxlen=5_000))
    injected: deque[Injected] = attrs.field(factory=lambda: deque(maxlen=5_000))
    seconds: deque[float] = attrs.field(factory=lambda: deque(maxlen=20_000))
    unexplained: int = 0
    """Spells that ended by themselves: the stream went on."""

    def take(self, spell: Spell) -> float | None:
        """Measure one spell: seconds, None where no attempt of ours ended it."""
        seconds = recovery_seconds(spell, self.attempts, self.injected)
        if seconds is None:
            self.unexplained += 1
        else:
            self.seconds.append(seconds)
        return seconds


def recovery_seconds(spell: Spell, attempts: Iterable[Attempt], injected: Iterable[Injected]) -> float | None:
    """Measure one spell."""
    exchange, _, symbol = spell.key.partition(":")
    faults = [fault for fault in injected if fault.exchange == exchange and fault.at <= spell.live_at]
    begun = max((fault.at for fault in faults), default=-inf)
    over = max((fault.at + fault.lasting_seconds for fault in faults), default=-inf)
    made = [each for each in attempts if each.exchange == exchange and each.native in (None, *_names(symbol))]
    made = [each for each in made if spell.left_at <= each.at <= spell.live_at]
    handshakes = [each.at for each in made if each.native is None]
    books = [each.at for each in made if each.native is not None]
    for times, since in ((handshakes, begun), (books, over)):
        accepted = [at for at in times if at >= since] or times[-1:]
        if accepted:
            return spell.live_at - accepted[0]
    return None


def _names(symbol: str) -> tuple[str, ...]:
    """Give what venues call an instrument."""
    plain = symbol.replace("-", "")
    return symbol, plain, symbol.replace("-", "/"), plain.lower()


def percentile(values: Sequence[float], share: float) -> float:
    """Give the value that this share of all is not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
