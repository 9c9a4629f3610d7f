"""Every metric there is: its name, what it is told apart by, and what it tells.

Names follow Prometheus' conventions: base units; ``_total`` for what only grows, ``_info`` for what is said in labels.
Labels are bounded: ``instrument`` is one that is configured or, where a consumer reads what others publish, one of the
first ``MOST_INSTRUMENTS``; ``status``, ``reason``, ``purpose`` and ``result`` are closed sets of words.

docs/operate.md has the same as a table; a test holds that the two agree, and that each metric can be scraped.
"""

from enum import StrEnum

import attrs

__all__ = ["CATALOGUE", "MOST_INSTRUMENTS", "OTHER", "SAMPLED", "Kind", "Metric", "Program"]

MOST_INSTRUMENTS = 1000
"""A consumer gives so many instruments labels of their own beyond those that are configured, the rest is ``OTHER``."""
OTHER = "other"
SAMPLED = 16
"""Of what takes less time than it takes to say how long it took, one in so many is measured."""


class Kind(StrEnum):
    """How a metric behaves."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


class Program(StrEnum):
    """Which command has a metric."""

    PRODUCE = "produce"
    CONSUME = "consume"
    BOTH = "both"


@attrs.frozen(eq=False)
class Metric:
    """One metric; ``name`` is that of its series, but for a histogram's, which have suffixes."""

    program: Program
    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Of a histogram: upper bounds, in ascending order; what is larger is counted beyond them."""

    @property
    def kind(self) -> Kind:
        """Tell by the name, as Prometheus' conventions have it."""
        if self.buckets:
            return Kind.HISTOGRAM
        if self.name.endswith("_total"):
            return Kind.COUNTER
        return Kind.INFO if self.name.endswith("_info") else Kind.GAUGE


def _both(name: str, says: str, *labels: str, buckets: tuple[float, ...] = ()) -> Metric:
    return Metric(Program.BOTH, f"market_data_{name}", says, labels, buckets)


def _producer(name: str, says: str, *labels: str, buckets: tuple[float, ...] = ()) -> Metric:
    return Metric(Program.PRODUCE, f"market_data_{name}", says, labels, buckets)


def _consumer(name: str, says: str, *labels: str, buckets: tuple[float, ...] = ()) -> Metric:
    return Metric(Program.CONSUME, f"market_data_consumer_{name}", says, labels, buckets)


# the program

INFO = _both(
    "info",
    "always 1; its labels say what runs",
    *("program", "version", "run", "shard", "engine", "event_loop", "client_id"),
)
EVENT_LOOP_LAG = _both(
    "event_loop_lag_seconds",
    "how much later than asked for the event loop wakes a sleeper, looked at ten times a second",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
EVENT_LOOP_STALLS = _both("event_loop_stalls_total", "how often that was more than a quarter of a second")

# the books of produce

BOOK_STATUS = _producer(
    "book_status",
    "1 for the status of the instrument's last record, 0 for the other four",
    *("exchange", "instrument", "status"),
)
BOOK_NOT_LIVE_SECONDS = _producer(
    "book_not_live_seconds_total",
    "seconds that the instrument was not live, by reason (`starting` before one was told); counts on while it lasts",
    *("exchange", "instrument", "reason"),
)
BOOK_GAPS = _producer(
    "book_gaps_total",
    "how often the instrument entered the status `gap`: continuity lost, or content refuted",
    *("exchange", "instrument"),
)
BOOK_EPOCHS = _producer(
    "book_epochs_total",
    "how often the instrument became live, as `epoch` in its records; each beyond the first is a rebuild",
    *("exchange", "instrument"),
)
BOOK_RECORDS = _producer(
    "book_records_total",
    "records of the instrument that have left the outbox: its next `publish_seq`",
    *("exchange", "instrument"),
)
BOOK_RECOVERY = _producer(
    "book_recovery_seconds",
    "how long a book that had been live took to be live again",
    "exchange",
    buckets=(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0),
)
BOOK_COMPARISONS = _producer(
    "book_comparisons_total",
    "books compared with the exchange's own over REST, by purpose (`audit`; `probe` of a silent one; `reseed`) and "
    "result (`same`, `different`)",
    *("exchange", "purpose", "result"),
)

# the exchanges of produce

CONNECTIONS = _producer("exchange_connections", "sockets that are open now", "exchange")
FRAMES = _producer("exchange_frames_total", "whole text frames that were read", "exchange")
FRAME_BYTES = _producer("exchange_frame_bytes_total", "their bytes, decompressed", "exchange")
EVENTS = _producer("exchange_events_total", "what these frames meant: changes, snapshots, acknowledgements", "exchange")
MESSAGES_SENT = _producer(
    "exchange_messages_sent_total", "messages sent over sockets: subscriptions, renewals, signs of life", "exchange"
)
RECONNECTS = _producer(
    "exchange_reconnects_total",
    "connections that were lost or that we gave up, by reason",
    *("exchange", "reason"),
)
CONNECT_FAILURES = _producer(
    "exchange_connect_failures_total", "attempts to open a socket that failed, by reason", "exchange", "reason"
)
REST_WEIGHT = _producer(
    "exchange_rest_weight_total",
    "weight of the REST requests made; 1 each where the exchange counts requests",
    "exchange",
)
REST_WEIGHT_LIMIT = _producer(
    "exchange_rest_weight_limit",
    "how much of it may be spent a minute: `request_weight_per_minute`, or 60 times `requests_per_second`",
    "exchange",
)
REST_WEIGHT_USED = _producer(
    "exchange_rest_weight_used",
    "the exchange's own count for the minute and our address, by its last answer; only where it tells one (Binance)",
    "exchange",
)
REST_FAILURES = _producer(
    "exchange_rest_failures_total", "REST requests refused or not answered, by reason", "exchange", "reason"
)
CLOCK_BEHIND = _producer(
    "exchange_clock_behind_seconds",
    "how far the exchange's time of its last change was behind our clock when we read it: the way here, and what the "
    "clocks differ by",
    "exchange",
)

EXCHANGE_APPLY = _producer(
    "exchange_apply_seconds",
    "from the reading of a socket to all that was read being applied, and its records being in the outbox; of one "
    "reading in 16",
    "exchange",
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
)

# the way of produce to the broker

OUTBOX_RECORDS = _producer("outbox_records", "records that wait to be handed to the broker's client")
OUTBOX_BYTES = _producer("outbox_bytes", "their bytes, estimated")
OUTBOX_RECORDS_LIMIT = _producer("outbox_records_limit", "`outbox.max_records`: with more, records are merged")
OUTBOX_BYTES_LIMIT = _producer("outbox_bytes_limit", "`outbox.max_bytes`: with more, records are merged")
OUTBOX_CONFLATED = _producer(
    "outbox_conflated_total", "records merged into later ones, as `conflated` in the records says"
)
KAFKA_ACKNOWLEDGED = _producer(
    "kafka_records_acknowledged_total", "records that the broker has acknowledged: written on enough replicas"
)
KAFKA_ACKNOWLEDGE = _producer(
    "kafka_acknowledge_seconds",
    "from the sending of a batch to its being acknowledged",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
KAFKA_IN_FLIGHT = _producer("kafka_records_in_flight", "records handed over and not yet acknowledged")
KAFKA_IN_FLIGHT_LIMIT = _producer(
    "kafka_records_in_flight_limit", "`kafka.max_in_flight_records`: with more, records wait in the outbox"
)
KAFKA_ERRORS = _producer("kafka_errors_total", "batches that were refused, and sent again or split")
KAFKA_STALLS = _producer("kafka_stalls_total", "how often a partition had records and none acknowledged for 5 seconds")
KAFKA_STALLED_SECONDS = _producer(
    "kafka_stalled_seconds", "for how long that has been so now; 0 while the broker acknowledges"
)

# consume

CONSUMER_RECORDS = _consumer(
    "records_total", "records read and looked at, each once: those read again do not count", "exchange", "instrument"
)
CONSUMER_HOLES = _consumer("holes_total", "records that are missing", "exchange", "instrument")
CONSUMER_DOUBLES = _consumer("doubles_total", "records that came twice", "exchange", "instrument")
CONSUMER_DISORDER = _consumer("disorder_total", "records that came after a later one", "exchange", "instrument")
CONSUMER_FOREIGN = _consumer(
    "foreign_total", "records of another producer than the one that is followed", "exchange", "instrument"
)
CONSUMER_UNREADABLE = _consumer("unreadable_total", "records that cannot be read", "partition")
CONSUMER_FORGOTTEN = _consumer(
    "forgotten_total", "instruments forgotten for want of room, those not heard of for longest first"
)
CONSUMER_BOOKS = _consumer(
    "books", "instruments by status, as a reader sees them now: `stale` where their producer is silent", "status"
)
CONSUMER_LAG = _consumer(
    "lag_records", "records between what was read of a partition and its end, as the broker last told it", "partition"
)
CONSUMER_WORST_AGE = _consumer(
    "worst_age_seconds",
    "the longest that fresh data of a live book was old when it was read, from its receipt by the producer, in the "
    "last one to two minutes",
)
CONSUMER_LATENCY = _consumer(
    "latency_seconds",
    "how long live records with news took, by hop: `received` (exchange to socket), `published` (to the queue of the "
    "broker's client), `appended` (to the topic), `seen` (from that queue to here), `whole` (exchange to here), "
    "`shown` (from here to a terminal or pipe that has it; a page measures its own); below zero, two clocks differ by "
    "more than the way took; of one record in 16",
    *("exchange", "hop"),
    buckets=(0.0, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
CONSUMER_TROUBLE = _consumer(
    "trouble_seconds", "for how long no broker has answered or there has been no topic; 0 while all is well"
)

CATALOGUE = tuple(each for each in list(globals().values()) if isinstance(each, Metric))
"""All of them, in this order."""
