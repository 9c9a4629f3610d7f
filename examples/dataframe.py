"""The last minutes of the topic as a polars DataFrame: mid and spread of every instrument at every full second.

    python examples/dataframe.py localhost:19092 binance:BTC-USDT coinbase:BTC-USD --minutes 5

A second at which a book was not known to be live has no mid: it stays null and is never filled from before. What breaks
the proof of order ends the program, because a mid that rests on missing records is a guess.
"""

import argparse
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import polars as pl

from market_data import AppError, NormalizedBook, iter_books

__all__ = ["IncompleteError", "per_second", "read"]

SILENCE = timedelta(seconds=15)
"""Three heartbeats: the newest record is believed for so long, then its producer counts as silent."""
TIME = pl.Datetime("us", "UTC")
SCHEMA = pl.Schema(
    {
        "instrument": pl.String(),
        "time": TIME,
        "run": pl.String(),
        "epoch": pl.Int64(),
        "conflated": pl.Int64(),
        "is_live": pl.Boolean(),
        "mid": pl.Float64(),  # exact decimals in the record; floats are what statistics want
        "spread": pl.Float64(),
    }
)


class IncompleteError(Exception):
    """Records are missing, doubled or out of order, or an instrument has none."""


def read(
    brokers: str, instruments: Collection[str] = (), span: timedelta = timedelta(minutes=5), topic: str | None = None
) -> pl.DataFrame:
    """Read the records of the last ``span``, one row each, in order; no ``instruments`` means all.

    Raises:
        IncompleteError: there are none of an instrument, or they are not complete, single and in order.
        AppError: the broker cannot be read, or an instrument makes no sense.
    """
    chosen = list(instruments) or None
    with iter_books(brokers, instruments=chosen, start=span, until="latest", topic=topic) as books:
        rows = [_row(book) for book in books]
    if not books.proof.is_proven:
        proof = books.proof
        raise IncompleteError(f"{proof.holes} records missing, {proof.doubles} doubled, {proof.disorder} out of order")
    frame = pl.DataFrame(rows, SCHEMA, orient="row")
    seen = {key.casefold() for key in frame["instrument"].unique()}
    missing = [each for each in instruments if each.casefold() not in seen]
    if missing or not seen:
        raise IncompleteError(f"no records of {', '.join(missing) or 'any instrument'} in the last {span}")
    return frame


def _row(book: NormalizedBook) -> tuple[object, ...]:
    """Date a live book by the last frame that its producer read, another by when its status began."""
    microseconds = max(book.status_since, book.received_time or 0) if book.is_live else book.status_since
    at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
    return (book.key, at, book.run, book.epoch, book.conflated, book.is_live, book.mid, book.spread)


def per_second(books: pl.DataFrame, start: datetime, end: datetime) -> pl.DataFrame:
    """Sample ``instrument, second, is_live, mid, spread`` at every full second from ``start`` to ``end``.

    A record holds until the next one of its instrument if nothing but live can lie between the two: they are of one
    run and epoch, and the next one is live or no merger of several. Otherwise the time between is blank.
    """
    following = pl.all().shift(-1).over("instrument").name.prefix("next_")
    held = (
        books.with_columns(pl.col("time").cum_max().over("instrument"))  # a clock set back changes no order
        .with_columns(following)
        .with_columns(
            pl.when(pl.col("next_run").is_null())
            .then(pl.col("time") + SILENCE)
            .when(
                pl.col("next_run") == pl.col("run"),
                pl.col("next_epoch") == pl.col("epoch"),
                pl.col("next_is_live") | (pl.col("next_conflated") == 0),
            )
            .then(pl.col("next_time"))
            .otherwise(pl.col("time"))
            .alias("until")
        )
    )
    first = start.replace(microsecond=0) + timedelta(seconds=1)
    seconds = pl.DataFrame({"second": pl.datetime_range(first, end, "1s", eager=True)}, {"second": TIME})
    sampled = (
        seconds.join(books.select(pl.col("instrument").unique(maintain_order=True)), how="cross")
        .sort("second")
        .join_asof(
            held.sort("time", maintain_order=True),
            left_on="second",
            right_on="time",
            by="instrument",
            check_sortedness=False,  # cannot be checked by group; both were just sorted
        )
    )
    is_live = (pl.col("is_live") & (pl.col("second") < pl.col("until"))).fill_null(value=False)
    return sampled.select(
        "instrument", "second", is_live.alias("is_live"), *(pl.when(is_live).then(pl.col(x)) for x in ("mid", "spread"))
    )


def main() -> None:
    """Read, resample, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("brokers", help="host:port, several with commas")
    parser.add_argument("instruments", nargs="*", help="such as binance:BTC-USDT; by default all")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--topic", help="by default market.books.v1")
    arguments = parser.parse_args()
    span = timedelta(minutes=arguments.minutes)
    end = datetime.now(UTC)
    try:
        books = read(arguments.brokers, arguments.instruments, span, arguments.topic)
    except (AppError, IncompleteError) as error:
        raise SystemExit(f"dataframe: {error}") from error
    seconds = per_second(books, end - span, end)
    print(seconds.pivot(on="instrument", index="second", values="mid").tail(10))
    print(
        seconds.group_by("instrument", maintain_order=True).agg(
            pl.col("is_live").mean().alias("share of time live"),
            pl.col("spread").median().alias("median spread"),
        )
    )
    # pandas: seconds.to_pandas(), with pandas and pyarrow installed; null becomes NaN, so gaps stay gaps there too


if __name__ == "__main__":
    main()
