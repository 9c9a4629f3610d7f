"""What each kind of setting takes, and the words in which everything else is refused."""

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
import yaml

from market_data.config import Secret, Settings, SettingsError, load_settings
from market_data.config.kinds import Unfit

REPOSITORY = Path(__file__).parents[2]

Faults = Callable[[str], list[str]]


@pytest.fixture
def faults(tmp_path: Path) -> Faults:
    """Load the project's base file with a text laid over it, and give the lines of what is wrong."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config/base.yaml").write_text((REPOSITORY / "config/base.yaml").read_text())

    def load(text: str) -> list[str]:
        (tmp_path / "config/local.yaml").write_text(text)
        try:
            load_settings(environ={}, folder=tmp_path)
        except SettingsError as error:
            return str(error).splitlines()
        return []

    return load


SECONDS = "a number of seconds above 0"
SYMBOL = "an instrument BASE-QUOTE, such as BTC-USDT"
BROKERS = "host:port, several separated by commas, ports from 1 to 65535"
WEBSOCKET = "a ws:// or wss:// address without user, query or fragment"
HTTP = "an http:// or https:// address without user, query or fragment"
FILE = "the path of an existing file"
LEVELS = "one of TRACE, DEBUG, INFO, WARNING, ERROR, CRITICAL"


@pytest.mark.parametrize(
    ("path", "value", "expected", "received"),
    [
        ("book.heartbeat_seconds", "abc", SECONDS, "'abc'"),
        ("book.heartbeat_seconds", "'5'", SECONDS, "'5'"),
        ("book.heartbeat_seconds", "0", SECONDS, "0"),
        ("book.heartbeat_seconds", "-1.5", SECONDS, "-1.5"),
        ("book.heartbeat_seconds", "true", SECONDS, "true"),
        ("book.heartbeat_seconds", "null", SECONDS, "nothing"),
        ("book.heartbeat_seconds", "1e999", SECONDS, "inf"),
        ("book.heartbeat_seconds", "[1]", SECONDS, "a list"),
        ("book.heartbeat_seconds", "{a: 1}", SECONDS, "a map"),
        ("book.depth", "0", "a whole number from 1 to 20", "0"),
        ("book.depth", "21", "a whole number from 1 to 20", "21"),
        ("book.depth", "5.0", "a whole number from 1 to 20", "5.0"),
        ("book.depth", "true", "a whole number from 1 to 20", "true"),
        ("book.depth", "'5'", "a whole number from 1 to 20", "'5'"),
        ("book.crossed_limit", "0", "a whole number above 0", "0"),
        ("outbox.max_bytes", "0", "a whole number of bytes above 0", "0"),
        ("outbox.policy", "keep", "one of keep_until_full, latest_only, block", "'keep'"),
        ("reconnect.jitter", "1.1", "a number from 0 to 1", "1.1"),
        ("reconnect.backoff_multiplier", "0.9", "a number of 1 or more", "0.9"),
        ("kafka.linger_milliseconds", "-1", "auto, or a number of milliseconds, 0 or more", "-1"),
        ("kafka.retention_hours", "0", "a number of hours above 0", "0"),
        ("kafka.create_topic", "yes", "true or false", "'yes'"),
        ("kafka.create_topic", "1", "true or false", "1"),
        ("kafka.client_id", "''", "text", "''"),
        ("kafka.client_id", "5", "text", "5"),
        ("kafka.topics.books", "a b", "a topic name of letters, digits, '.', '_' and '-'", "'a b'"),
        ("kafka.topics.books", "..", "a topic name of letters, digits, '.', '_' and '-'", "'..'"),
        ("kafka.brokers", "localhost", BROKERS, "'localhost'"),
        ("kafka.brokers", "localhost:0", BROKERS, "'localhost:0'"),
        ("kafka.brokers", "localhost:65536", BROKERS, "'localhost:65536'"),
        ("kafka.brokers", "a:1,", BROKERS, "'a:1,'"),
        ("kafka.brokers", "http://a:1", BROKERS, "'http://a:1'"),
        ("kafka.brokers", "[]", BROKERS, "a list"),
        ("kafka.brokers", "[5]", BROKERS, "a list"),
        ("kafka.brokers", "9092", BROKERS, "9092"),
        ("kafka.security.ca_file", "/nowhere.pem", FILE, "'/nowhere.pem'"),
        ("kafka.security.ca_file", "/", FILE, "'/'"),
        (
            "kafka.security.protocol",
            "ssl",
            "one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL",
            "'ssl' (did you mean SSL?)",
        ),
        ("kafka.consumer.start", "yesterday", "latest, earliest, an ISO time or a span such as -15m", "'yesterday'"),
        ("kafka.consumer.start", "-15", "latest, earliest, an ISO time or a span such as -15m", "-15"),
        ("kafka.consumer.warm_start_records", "-1", "a whole number, 0 or more", "-1"),
        ("market.spread_percent_digits", "21", "a whole number from 0 to 20", "21"),
        ("log.level", "debug", LEVELS, "'debug' (did you mean DEBUG?)"),
        ("log.level", "5", LEVELS, "5"),
        ("venues.coinbase.websocket_url", "https://a", WEBSOCKET, "'https://a'"),
        ("venues.coinbase.websocket_url", "wss://", WEBSOCKET, "'wss://'"),
        ("venues.coinbase.websocket_url", "wss://a:99999", WEBSOCKET, "'wss://a:99999'"),
        ("venues.coinbase.websocket_url", "wss://[a", WEBSOCKET, "'wss://[a'"),
        ("venues.coinbase.websocket_url", "wss://a b", WEBSOCKET, "'wss://a b'"),
        ("venues.coinbase.rest_url", "wss://a", HTTP, "'wss://a'"),
        ("venues.coinbase.rest_url", "https://me@a", HTTP, "'https://me@a'"),
        ("venues.coinbase.rest_url", "https://a?b=c", HTTP, "'https://a?b=c'"),
        ("venues.coinbase.instruments", "BTC-USD", "a list", "'BTC-USD'"),
        ("venues.coinbase.instruments[0]", "[BTCUSD]", SYMBOL, "'BTCUSD'"),
        ("venues.coinbase.instruments[1]", "[BTC-USD, btc-usd]", SYMBOL, "'btc-usd'"),
        ("venues.coinbase.instruments[0]", "[BTC-USD-X]", SYMBOL, "'BTC-USD-X'"),
        ("venues.coinbase.dialect", "Coin", "a lower-case word, such as binance_us", "'Coin'"),
        ("venues.binance.snapshot_limit", "5001", "a whole number from 1 to 5000", "5001"),
        ("shutdown_timeout_seconds", "soon", SECONDS, "'soon'"),
        ("kafka.security.ca_file", "a" * 5000, FILE, f"'{'a' * 60}…'"),
        ("kafka", "5", "a map of settings", "5"),
        ("kafka.security", "null", "a map of settings", "nothing"),
        ("venues", "[binance]", "a map", "a list"),
        ("venues.binance", "off", "a map of settings", "'off'"),
    ],
)
def test_a_value_of_another_kind_is_refused(
    faults: Faults, path: str, value: str, expected: str, received: str
) -> None:
    *sections, name = path.partition("[")[0].split(".")
    text = "".join(f"{'  ' * depth}{section}:\n" for depth, section in enumerate(sections))

    told = faults(f"{text}{'  ' * len(sections)}{name}: {value}\n")

    place = f"config/local.yaml:{len(sections) + 1}"
    assert told == [f"{place}: {path}: expected {expected}, received {received}"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("book: {heartbeat_seconds: 5}", id="a whole number of seconds"),
        pytest.param("reconnect: {jitter: 0, backoff_multiplier: 1}", id="the ends of ranges"),
        pytest.param("kafka: {brokers: 'a:1, b-c.d_e:65535,[::1]:9092'}", id="many brokers as text"),
        pytest.param("kafka: {brokers: ['a:1', 'b:2']}", id="many brokers as a list"),
        pytest.param("kafka: {consumer: {start: 2024-08-08T12:00:00Z}}", id="start at a time"),
        pytest.param("kafka: {consumer: {start: -15m}}", id="start a span ago"),
        pytest.param("kafka: {consumer: {start: earliest}}", id="start at the beginning"),
        pytest.param("venues: {coinbase: {instruments: [1INCH-USD, BTC-USD]}}", id="digits in a symbol"),
        pytest.param("venues: {coinbase: {websocket_url: 'ws://[::1]:8080/a/b'}}", id="address with port and path"),
        pytest.param("venues: {coinbase: {enabled: false, instruments: []}}", id="no instruments where disabled"),
    ],
)
def test_what_may_be_is_taken(faults: Faults, text: str) -> None:
    assert faults(text) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            "reconnect:\n  initial_backoff_seconds: 60",
            ["2: reconnect.initial_backoff_seconds: expected at most max_backoff_seconds (30), received 60"],
            id="first wait above the longest",
        ),
        pytest.param(
            "book:\n  snapshot_retry_max_seconds: 0.1",
            [
                (
                    "base: book.snapshot_retry_initial_seconds: "
                    "expected at most snapshot_retry_max_seconds (0.1), received 0.5"
                )
            ],
            id="first wait for a snapshot above the longest",
        ),
        pytest.param(
            "book:\n  reseed_below_levels: 10",
            ["base: book.depth: expected at most reseed_below_levels (10), received 20"],
            id="re-seeded below what is published",
        ),
        pytest.param(
            "book:\n  reseed_below_levels: 1000",
            ["2: book.reseed_below_levels: expected below venues.binance.snapshot_limit (1000), received 1000"],
            id="re-seeded by every snapshot",
        ),
        pytest.param(
            "transport:\n  max_pending_bytes: 100",
            ["base: transport.max_frame_bytes: expected at most max_pending_bytes (100), received 33554432"],
            id="no room for the largest frame",
        ),
        pytest.param(
            "kafka:\n  min_insync_replicas: 2",
            ["2: kafka.min_insync_replicas: expected at most replication_factor (1), received 2"],
            id="more copies awaited than there are",
        ),
        pytest.param(
            "kafka:\n  max_batch_bytes: 2000000",
            ["2: kafka.max_batch_bytes: expected at most max_message_bytes (1048576), received 2000000"],
            id="batch above a request",
        ),
        pytest.param(
            "venues:\n  coinbase:\n    instruments: [A-B, C-D, A-B]",
            ["3: venues.coinbase.instruments: expected each instrument once, received A-B more than once"],
            id="instrument twice",
        ),
        pytest.param(
            "kafka:\n  security:\n    protocol: SASL_SSL",
            [
                "base: kafka.security.mechanism: missing, protocol SASL_SSL needs it",
                "base: kafka.security.username: missing, protocol SASL_SSL needs it",
                (
                    "base: kafka.security.password: missing, protocol SASL_SSL needs it; "
                    "set APP__KAFKA__SECURITY__PASSWORD in the environment or .env"
                ),
            ],
            id="SASL without a user",
        ),
        pytest.param(
            "kafka:\n  security:\n    username: me",
            ["3: kafka.security.username: expected protocol SASL_SSL or SASL_PLAINTEXT beside it, received PLAINTEXT"],
            id="user without SASL",
        ),
        pytest.param(
            f"kafka:\n  security:\n    ca_file: {__file__}",
            ["3: kafka.security.ca_file: expected protocol SSL or SASL_SSL beside it, received PLAINTEXT"],
            id="authority without TLS",
        ),
        pytest.param(
            f"kafka:\n  security:\n    protocol: SSL\n    key_file: {__file__}",
            ["base: kafka.security.certificate_file: missing, key_file needs it"],
            id="key without its certificate",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(faults: Faults, text: str, told: list[str]) -> None:
    found = [
        fault.removeprefix("config/local.yaml:")
        if fault.startswith("config/local")
        else "base: " + fault.split(": ", 1)[1]
        for fault in faults(text)
    ]

    assert found == told


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"venues:\n  binance: {{dialect: binance{'9' * 5000}}}", id="dialect"),
        pytest.param(f"venues:\n  binance: {{instruments: [A-{'B' * 2000}, A-{'B' * 2000}]}}", id="instruments"),
    ],
)
def test_what_is_refused_is_shown_cut_short(faults: Faults, text: str) -> None:
    told = faults(text)
    assert told
    assert all(len(fault) < 1000 for fault in told)


def test_levels_that_a_dialect_does_not_offer_are_refused(faults: Faults) -> None:
    (fault,) = faults("venues:\n  binance_us: {book_levels: 100}")
    assert fault == (
        "config/local.yaml:2: venues.binance_us.book_levels: binance has no choice, use null, received 100"
    )


def test_a_depth_that_a_venue_would_refuse_is_refused_with_those_it_offers(faults: Faults) -> None:
    (fault,) = faults("venues:\n  kraken: {book_levels: 20}")
    assert fault == (
        "config/local.yaml:2: venues.kraken.book_levels: expected one of 10, 25, 100, 500, 1000, or null, received 20"
    )


def test_a_disabled_exchange_does_not_bind_the_others(faults: Faults) -> None:
    assert faults("venues:\n  binance_us: {snapshot_limit: 100}") == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            "kafka:\n  linger_miliseconds: 2",
            "config/local.yaml:2: kafka.linger_miliseconds: unknown setting (did you mean kafka.linger_milliseconds?)",
            id="misspelt",
        ),
        pytest.param(
            "kafak:\n  brokers: a:1",
            "config/local.yaml:1: kafak: unknown setting (did you mean kafka?)",
            id="misspelt section",
        ),
        pytest.param(
            "stale_after_heartbeats: 3",
            "config/local.yaml:1: stale_after_heartbeats: unknown setting "
            "(did you mean market.stale_after_heartbeats?)",
            id="in the wrong section",
        ),
        pytest.param(
            "depth: 3",
            "config/local.yaml:1: depth: unknown setting (did you mean book.depth?)",
            id="short, in the wrong section",
        ),
        pytest.param(
            "kafka:\n  security:\n    zzz: 1",
            "config/local.yaml:3: kafka.security.zzz: unknown setting",
            id="nothing near in a section",
        ),
        pytest.param("\nqqqq: 3", "config/local.yaml:2: qqqq: unknown setting", id="nothing near"),
        pytest.param(
            "venues:\n  coinbase:\n    instrument: []",
            "config/local.yaml:3: venues.coinbase.instrument: unknown setting "
            "(did you mean venues.coinbase.instruments?)",
            id="of an exchange",
        ),
        pytest.param(
            "venues:\n  coinbse:\n    enabled: false",
            "config/local.yaml:2: venues.coinbse: missing dialect, websocket_url, rest_url, instruments, "
            "instruments_per_connection, messages_per_second (did you mean venues.coinbase?)",
            id="misspelt exchange",
        ),
        pytest.param(
            "venues:\n  nowhere:\n    enabled: false",
            "config/local.yaml:2: venues.nowhere: missing dialect, websocket_url, rest_url, instruments, "
            "instruments_per_connection, messages_per_second",
            id="exchange that is like none",
        ),
        pytest.param(
            f"{'x' * 600}: 1", f"config/local.yaml:1: {'x' * 100}…{'x' * 100}: unknown setting", id="without end"
        ),
        pytest.param(
            "venues:\n  Binance-US: {enabled: false, dialect: binance, websocket_url: wss://a, rest_url: https://a, "
            "instruments: [], instruments_per_connection: 1, messages_per_second: 1}",
            "config/local.yaml:2: venues.Binance-US: expected a lower-case word, such as binance_us, "
            "received 'Binance-US'",
            id="name that is no word",
        ),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_right_one(faults: Faults, text: str, told: str) -> None:
    assert told in faults(text)


def test_every_fault_is_told_at_once_in_the_order_of_the_file(faults: Faults) -> None:
    text = "kafka:\n  brokers: x\n  partitions: x\n  nothing: 1\nbook:\n  depth: x\n  depth: 1\nlog:\n  level: x\n"

    places = [fault.split(": ")[0].removeprefix("config/local.yaml:") for fault in faults(text)]

    assert places == ["2", "3", "4", "6", "7", "9"]


def test_settings_errors_end_the_program_with_status_2() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings("nowhere", environ={})

    assert caught.value.exit_status == 2


def test_a_key_missing_in_the_base_file_is_told(tmp_path: Path) -> None:
    tree = yaml.safe_load((REPOSITORY / "config/base.yaml").read_text())
    del tree["kafka"]["brokers"], tree["kafka"]["consumer"]["group"], tree["shutdown_timeout_seconds"]
    (tmp_path / "config").mkdir()
    (tmp_path / "config/base.yaml").write_text(yaml.safe_dump(tree))
    (tmp_path / "config/local.yaml").write_text("")

    with pytest.raises(SettingsError) as caught:
        load_settings(environ={}, folder=tmp_path)

    told = {(fault.path, fault.message) for fault in caught.value.faults}
    assert told == {
        ("", "missing shutdown_timeout_seconds"),
        ("kafka", "missing brokers"),
        ("kafka.consumer", "missing group"),
    }


def test_a_new_exchange_is_one_stanza(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text(
        "venues:\n  gateio:\n    enabled: true\n    dialect: coinbase\n    websocket_url: wss://api.gateio.ws/ws/v4\n"
        "    rest_url: https://api.gateio.ws\n    instruments: [BTC-USD]\n    instruments_per_connection: 50\n"
        "    messages_per_second: 1\n"
    )

    gateio = load_settings("test", [tmp_path / "more.yaml"], environ={}, folder=tmp_path).settings.venues["gateio"]

    assert gateio.instruments == ("BTC-USD",)
    assert gateio.snapshot_limit is None


def test_a_long_text_is_cut_in_a_fault(faults: Faults) -> None:
    (fault,) = faults(f"log: {{level: {'x' * 1000}}}")

    assert len(fault) < 200


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret("hunter2")

    assert secret.reveal() == "hunter2"
    assert {str(secret), repr(secret), f"{secret}", repr([secret])} == {"********", "[********]"}
    assert "hunter2" not in str(Unfit("text", secret))


def test_settings_can_not_be_changed() -> None:
    settings = load_settings("test", environ={}).settings

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        settings.shutdown_timeout_seconds = 1  # type: ignore[misc]
    assert isinstance(settings, Settings)
