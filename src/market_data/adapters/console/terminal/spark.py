"""The mid over time as a line of bars: gaps are left blank, and what moved a little is not made to look like a lot."""

from collections.abc import Sequence

from market_data.domain.curve import MidBucket, merge_buckets

__all__ = ["SPARK_SECONDS", "sparkline"]

SPARK_SECONDS = 300


def sparkline(buckets: Sequence[MidBucket | None], width: int, bars: str) -> tuple[str, float, float] | None:
    """Draw buckets of one second each in at most ``width`` bars, and give the lowest and the highest mid, between which
    bars rise; None where there was never a mid.
    """
    merged = merge_buckets(buckets, -(-len(buckets) // max(width - 1, 1)))[-width:]
    known = [bucket for bucket in merged if bucket is not None]
    if not known:
        return None
    low, high = min(bucket.low for bucket in known), max(bucket.high for bucket in known)
    top = len(bars) - 1
    drawn = [
        " " if bucket is None else bars[top // 2 if high == low else round((bucket.last - low) / (high - low) * top)]
        for bucket in merged
    ]
    return "".join(drawn), low, high
