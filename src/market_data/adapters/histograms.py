"""Distributions by HDR histograms, one for what is at least zero and one for what is below."""

from hdrh.histogram import HdrHistogram

from market_data.application.ports import Histogram

__all__ = ["SignedHistogram"]

_GREATEST = 24 * 3600 * 10**6
"""A day in µs; what is further away counts as that."""
_DIGITS = 3


class SignedHistogram(Histogram):
    """Values of up to a day in µs, to three digits."""

    def __init__(self) -> None:
        self._positive = HdrHistogram(1, _GREATEST, _DIGITS)
        self._negative = HdrHistogram(1, _GREATEST, _DIGITS)

    @property
    def count(self) -> int:
        return int(self._positive.get_total_count() + self._negative.get_total_count())

    def record(self, value: int) -> None:
        kept, size = (self._negative, -value) if value < 0 else (self._positive, value)
        kept.record_value(min(size, _GREATEST))

    def percentile(self, share: float) -> int:
        below, count = int(self._negative.get_total_count()), self.count
        if not count:
            raise ValueError("there are no values")
        wanted = max(1, -int(-share * count // 100))
        if wanted <= below:  # the least come first: those furthest below zero
            return -int(self._negative.get_value_at_percentile((below - wanted + 1) / below * 100))
        return int(self._positive.get_value_at_percentile((wanted - below) / (count - below) * 100))
