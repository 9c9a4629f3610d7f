"""The last fifteen minutes of one instrument, for drawing: the mid second by second, the depth every few seconds.

Floats, of which no number is shown. What was not live is None, and nothing is put in its place.
"""

from math import isnan

import attrs

from market_data.adapters.web.heat import COLUMN_SECONDS, Heats
from market_data.adapters.web.rows import to_json
from market_data.application.ports import Clock
from market_data.domain.curve import CURVE_SECONDS, MidBucket
from market_data.domain.quote import Quote
from market_data.domain.watch import Watch

__all__ = ["History"]

_SECOND = 1_000_000


@attrs.frozen
class History:
    """Of every instrument that there is room for."""

    watch: Watch
    heats: Heats
    clock: Clock

    def write(self, quote: Quote, since: int) -> bytes:
        """Give as JSON what began at ``since``, µs since 1970, or later."""
        now, key = self.clock.now(), quote.book.key
        first, columns = self.heats.of(key, quote).columns(now.wall, since)
        last = now.wall // _SECOND
        seconds = max(1, min(CURVE_SECONDS, last - since // _SECOND + 1))
        buckets = [_bucket(bucket) for bucket in self.watch.buckets(key, now, seconds)]
        begin = (last - seconds + 1) * _SECOND
        return to_json(
            {
                "depth": {"first": first, "seconds": COLUMN_SECONDS, "columns": columns},
                "mid": {"first": begin, "seconds": 1, "buckets": buckets},
            }
        )


def _bucket(bucket: MidBucket | None) -> list[float] | None:
    """Write lowest and highest mid, spread in basis points, and 1 where there was a mid all the time, else 0."""
    if bucket is None:
        return None
    spread = 0.0 if isnan(bucket.spread_bps) else round(bucket.spread_bps, 6)
    return [bucket.low, bucket.high, spread, int(bucket.is_whole)]
