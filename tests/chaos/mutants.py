"""Small changes that no test noticed once: each must be caught now, as the bugs are. Found by mutation testing."""

from collections.abc import Sequence

from tests.chaos.bugs import Bug

__all__ = ["MUTANTS"]

_CARRIED = "application/carried.py"
_CHECK = "domain/check.py"
_CORE = "application/core.py"
_FEEDS = "application/feeds.py"
_OUTBOX = "application/outbox.py"
_SIDE = "domain/side.py"
_INBAND = "domain/inband.py"
_MARKET = "domain/market.py"
_PROOF = "domain/proof.py"
_SPLICE = "domain/splice.py"
_SPOKEN = "domain/spoken.py"


def _left_out(name: str, file: str, text: str, kept: str = "") -> Bug:
    """Leave a text out, but for a part of it."""
    return Bug(name, file, text, kept)


MUTANTS: Sequence[Bug] = (
    # core
    _left_out(
        "opening is not heard",
        _CORE,
        "        self._clocks.opened(now)\n        self._hearing.opened(now)\n",
        "        self._clocks.opened(now)\n",
    ),
    Bug(
        "an empty acknowledgement counts as a no",
        _CARRIED,
        "elif event.is_all and event.natives:",
        "elif event.is_all:",
    ),
    # book
    Bug(
        "the removal of the key at the window's edge is forgotten",
        _SIDE,
        "            if key > edge:\n",
        "            if key >= edge:\n",
    ),
    Bug(
        "the window is filled again only when it is empty",
        _SIDE,
        "edge != inf and len(keys) < depth",
        "edge != inf and not keys",
    ),
    Bug("books are compared below the known edge only", _SIDE, "if key <= known_to]):", "if key < known_to]):"),
    # feeds
    _left_out(
        "the used weight is not learned",
        _FEEDS,
        "                self._budget.learn(self._venue.used_weight(response.headers))\n",
    ),
    Bug(
        "the budget is not held for as long as the venue says",
        _FEEDS,
        "self._budget.hold(seconds)",
        "self._budget.hold(None)",
    ),
    Bug(
        "the core is not told how long the venue refuses",
        _FEEDS,
        "FetchFailed(fetch, error.reason, error.retry_after_seconds)",
        "FetchFailed(fetch, error.reason, None)",
    ),
    # in band
    Bug(
        "an acceptance outlives its connection",
        _INBAND,
        "self._is_accepted = self.is_refused = False",
        "self.is_refused = False",
    ),
    _left_out("the wait for an answer outlives its connection", _INBAND, "        self._subscribe_wait.reset()\n"),
    Bug(
        "the wait for an accepted one outlives its connection",
        _INBAND,
        "self._snapshot_by = self._accepted_by = now.mono",
        "self._snapshot_by = now.mono",
    ),
    Bug(
        "a book of the same time is taken for a cache",
        _INBAND,
        "other is not None and time < other",
        "other is not None and time <= other",
    ),
    _left_out("waits between probes are never reset", _INBAND, "        self._probe_wait.reset()\n"),
    _left_out(
        "rebuilds are never forgiven",
        _SPOKEN,
        "                self._rebuild_waits.reset()\n",
        "                pass\n",
    ),
    _left_out(
        "no first data are awaited after an acknowledgement",
        _INBAND,
        "            self._snapshot_by = max(self._accepted_by, now.mono",
        "            self._snapshot_by = max(inf, now.mono",
    ),
    # splice
    _left_out(
        "a doubt outlives its connection",
        _SPLICE,
        "        self._touched = False\n        self._is_doubted = False\n",
        "        self._touched = False\n",
    ),
    _left_out(
        "the stream's id outlives its connection",
        _SPLICE,
        "        self._phase = _Phase.BUFFERING  # step 2\n        self._stream_id = None\n",
        "        self._phase = _Phase.BUFFERING  # step 2\n",
    ),
    _left_out(
        "the stream's id outlives the join",
        _SPLICE,
        "        self._quiet_at = self._join_by = inf\n        self._stream_id = None\n",
        "        self._quiet_at = self._join_by = inf\n",
    ),
    _left_out(
        "the back-off of checks outlives a join",
        _CHECK,
        "        self._check_backoff.reset()\n        self._heard_at = now.mono\n        period",
        "        self._heard_at = now.mono\n        period",
    ),
    Bug(
        "a hole of one in the buffer is let through",
        _SPLICE,
        "change.first_id > last.last_id + 1:",
        "change.first_id > last.last_id + 2:",
    ),
    Bug(
        "a stream that has answered for itself is stale",
        _CHECK,
        "        elif not check.changes:\n",
        "        else:\n",
    ),
    # proof, outbox, sync, market
    Bug("the newest run is forgotten, not the oldest", _PROOF, "runs.popitem(last=False)", "runs.popitem(last=True)"),
    Bug(
        "a run that is read does not become the newest",
        _PROOF,
        "            proof.runs.move_to_end(book.run)\n",
        "",
        is_everywhere=True,
    ),
    _left_out(
        "a key's interruption outlives its record",
        _PROOF,
        "        proof.is_interrupted = False\n        if proof.first_time",
        "        if proof.first_time",
    ),
    Bug(
        "bytes are no bound of the outbox",
        _OUTBOX,
        "self._records >= self._max_records or self._bytes >= self._max_bytes",
        "self._records >= self._max_records",
    ),
    Bug(
        "what stood in is forgotten when it was last published",
        _SPOKEN,
        "self._status_since, self._published_at = standing.status_since, standing.published_at",
        "self._status_since = standing.status_since",
    ),
    Bug(
        "a record of before is seen now by the wall clock",
        _MARKET,
        "            now.wall - age,",
        "            now.wall,",
    ),
)
"""By file, as the changes were listed."""
