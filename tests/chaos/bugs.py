"""Bugs to be planted: each an exact replacement of text, as a person slips."""

from collections.abc import Sequence
from pathlib import Path

import attrs

__all__ = ["BUGS", "Bug", "plant"]

_SPLICE = "domain/splice.py"
_COUNTED = "domain/counted.py"
_FRAMES = "domain/frames.py"
_INBAND = "domain/inband.py"
_SIDE = "domain/side.py"
_SPOKEN = "domain/spoken.py"
_SYNC = "domain/sync.py"
_STREAMED = "domain/streamed.py"
_RENEWED = "domain/renewed.py"
_CORE = "application/core.py"
_FEEDS = "application/feeds.py"
_SUCCESSION = "application/succession.py"
_OUTGOING = "application/outgoing.py"
_COINBASE = "adapters/venues/coinbase.py"


@attrs.frozen
class Bug:
    """One bug: a file below ``src/market_data``, the text that is right, and the text that is wrong."""

    name: str
    file: str
    right: str
    wrong: str
    is_everywhere: bool = False
    """The text stands more than once, and is wrong each time."""


_AGREES = "        if not self._agrees(change.checksum, now):\n            return False\n"
_APPLIED = """        try:
            self._apply(change)
        except InvalidLevel as error:
            self._refuse_change(change, error, now)
            return False
        if change.bids == change.asks == NONE:
            self._event_time = time
        if not self._agrees(change.checksum, now):
            return False
"""
_GAP_CHECK = "        if change.first_id > local + 1:\n            self._miss_changes"
_COUNT = "        if number != self.expected:\n            return False\n        self.expected += 1\n"

BUGS: Sequence[Bug] = (
    Bug(
        "take over a book that is behind",
        _SPOKEN,
        "        if ours[0] is not None and ours[0] == theirs[0]:\n",
        "        if ours:\n",
    ),
    Bug(
        "take over though the levels are others, without saying so",
        _SPOKEN,
        "            self._bids, self._asks = bids, asks\n            self._publish(now)\n",
        "            self._bids, self._asks = bids, asks\n",
    ),
    Bug(
        "publish a book of a connection while another speaks for it",
        _CORE,
        "[each for each in outputs if not isinstance(each, _SPOKEN)] if self._is_withheld else outputs",
        "outputs",
    ),
    Bug(
        "let two connections speak for a book from the change on",
        _FEEDS,
        "self.give(TakeOver(old.retire(now), reason), now)",
        "self.give(TakeOver(old.core.books.said, reason), now)",
    ),
    Bug(
        "give up the old connection before the books of the new one are live",
        _SUCCESSION,
        "            if not (self._new.is_open and self._new.books.are_live(live)):\n",
        "            if not self._new.is_open:\n",
    ),
    Bug(
        "do not wait for a new connection that is behind",
        _SUCCESSION,
        "        if now.mono >= self._until or self._new.books.are_abreast(live):\n",
        "        if now.mono <= self._until:\n",
    ),
    Bug(
        "forget what was shown over the old connection",
        _SPLICE,
        "            self._shown_id = self.sequence\n        if self._phase is _Phase.JOINING:\n",
        "            pass\n        if self._phase is _Phase.JOINING:\n",
    ),
    Bug("skip the gap check", _SPLICE, _GAP_CHECK, _GAP_CHECK.replace("change.first_id > local + 1", "False")),
    Bug("splice off by one", _SPLICE, _GAP_CHECK, _GAP_CHECK.replace("local + 1", "local + 2")),
    Bug(
        "forget to clear on a new snapshot",
        _SIDE,
        "        fresh: dict[Key, Level] = {}\n",
        "        fresh: dict[Key, Level] = self._near | self._far\n",
    ),
    Bug(
        "apply before buffer: what was buffered counts as applied",
        _SPLICE,
        "            self._take_book(snapshot)  # step 5\n",
        "            self._take_book(snapshot)  # step 5\n"
        "            if self._buffer:\n                self.sequence = max(sequence, self._buffer[-1].last_id)\n",
    ),
    Bug(
        "per-product sequence: a hole is some other product's",
        _FRAMES,
        _COUNT,
        "        if number < self.expected:\n            return False\n        self.expected = number + 1\n",
    ),
    Bug("ask for offer", _COINBASE, 'elif side in ("offer", "ask"):', 'elif side == "ask":'),
    Bug(
        "ask for offer, and other sides ignored",
        _COINBASE,
        'elif side in ("offer", "ask"):\n            asks.append(level)\n',
        'elif side == "ask":\n            asks.append(level)\n        elif side == "offer":\n            continue\n',
    ),
    Bug(
        "keep the book on reconnect",
        _INBAND,
        "        self._awaited = None\n        self._stands = False\n        self._touched = False\n",
        "        self._awaited = None\n        self._touched = False\n",
    ),
    Bug(
        "ignore the heartbeat frame's number: it is not read",
        _COINBASE,
        "        events: list[Event] = [Numbered(number)]\n",
        '        if outer.channel == "heartbeats":\n            return ()\n'
        "        events: list[Event] = [Numbered(number)]\n",
    ),
    Bug(
        "ignore the heartbeat frame's number: one missing is taken for a heartbeat",
        _FRAMES,
        _COUNT,
        "        if number not in (self.expected, self.expected + 1):\n            return False\n"
        "        self.expected = number + 1\n",
    ),
    Bug(
        "status after levels",
        _SPLICE,
        "            self._tell_hole(local, change)\n            self._lose(Reason.SEQUENCE, now)\n",
        "            self._tell_hole(local, change)\n            self._apply(change)\n            self._judge(now)\n"
        "            self._lose(Reason.SEQUENCE, now)\n",
    ),
    Bug(
        "ignore the known range",
        _SIDE,
        "        self._known_to = max(fresh) if limit is not None and fresh and len(levels) >= limit else inf\n",
        "        self._known_to = inf\n",
    ),
    Bug(
        "take a snapshot that is too old",
        _SPLICE,
        "        if sequence < oldest:  # step 4\n",
        "        if sequence < oldest - 1_000_000:  # step 4\n",
    ),
    Bug(
        "keep the levels of what is not live",
        _SPOKEN,
        "            self._bids = self._asks = EMPTY\n",
        "            pass\n",
    ),
    Bug(
        "never probe a silent stream",
        _SPLICE,
        "self._begin_check(Purpose.PROBE, now)",
        "None",
        is_everywhere=True,
    ),
    Bug(
        "never ask again for what the venue left out",
        _COUNTED,
        "        self._effects.append(Renew(self.instrument))\n",
        "",
    ),
    Bug(
        "trust a crossed book",
        _SYNC,
        "        if self._book.is_crossed:\n            self._crossed(now)\n            return\n",
        "",
    ),
    Bug(
        "skip the chain",
        _STREAMED,
        "            if change.first_id == _after(self.sequence):\n",
        "            if change.last_id != self.sequence:\n",
    ),
    Bug("ignore the checksum", _STREAMED, "        if ours == checksum:\n", "        if checksum is not None:\n"),
    Bug(
        "checksum before apply",
        _STREAMED,
        _APPLIED,
        _AGREES + _APPLIED.removesuffix(_AGREES),
    ),
    Bug("forget to cut", _STREAMED, "            self._book.cut(self._cut_at)\n", "            pass\n"),
    Bug(
        "take u=1 for a gap",
        _STREAMED,
        "        if self._is_past(snapshot):\n",
        "        if self._is_past(snapshot) or (self._stands and snapshot.sequence == 1):\n",
    ),
    Bug("miss a ping", _OUTGOING, "        if now.mono < self._ping_at:\n", "        if self._ping_at > 0.0:\n"),
    Bug(
        "take a snapshot of before",
        _RENEWED,
        "theirs < time and self._renewals <= _MOST_RENEWALS",
        "theirs < time - 10**12",
    ),
    Bug(
        "take a change of before where nothing is numbered",
        _STREAMED,
        "change.event_time >= self._event_time:",
        "change.event_time >= 0:",
    ),
    Bug(
        "a renewal that is not answered is let be",
        _RENEWED,
        "        if self._answer_by <= now.mono:\n",
        "        if self._answer_by < 0.0:\n",
    ),
)


def plant(bug: Bug, package: Path) -> None:
    """Put a bug into a copy.

    Raises:
        LookupError: the text that is right is not there, or not only once where it must be.
    """
    path = package / bug.file
    text = path.read_text()
    count = text.count(bug.right)
    if not count or (count > 1 and not bug.is_everywhere):
        raise LookupError(f"{bug.name}: {bug.file} says {count} times: {bug.right!r}")
    path.write_text(text.replace(bug.right, bug.wrong))
