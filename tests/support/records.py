"""Records for tests: live or not, as short as can be."""

from market_data.domain.normalized import BookStatus, Level, NormalizedBook, Reason

__all__ = ["EARLIER_RUN", "LATER_RUN", "RUN", "record"]

EARLIER_RUN = "20240808T000000.000000Z-ffffffff"
RUN = "20240808T000001.000000Z-1f2e3d4c"
LATER_RUN = "20240808T000002.000000Z-00000000"


def record(
    publish_seq: int = 0,
    *,
    run: str = RUN,
    epoch: int = 1,
    status: BookStatus = BookStatus.LIVE,
    reason: Reason | None = None,
    bids: tuple[Level, ...] = (("100", "1"),),
    asks: tuple[Level, ...] = (("101", "2"),),
    exchange: str = "binance",
    symbol: str = "BTC-USDT",
    conflated: int = 0,
) -> NormalizedBook:
    """Make a record; what is not live has no levels."""
    is_live = status is BookStatus.LIVE
    return NormalizedBook(
        exchange=exchange,
        symbol=symbol,
        status=status,
        reason=reason,
        status_since=1_723_075_200_000_000,
        bids=bids if is_live else (),
        asks=asks if is_live else (),
        event_time=1_723_075_200_114_000,
        received_time=1_723_075_200_131_007,
        sequence=50_123_456_789,
        epoch=epoch,
        run=run,
        publish_seq=publish_seq,
        conflated=conflated,
    )
