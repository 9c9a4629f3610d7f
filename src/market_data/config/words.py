"""Settings that are one of a few words."""

from enum import StrEnum

from market_data.application.outbox import OutboxPolicy

__all__ = [
    "BookEngine",
    "Compression",
    "EventLoop",
    "LogFormat",
    "LogLevel",
    "OutboxPolicy",
    "SaslMechanism",
    "SecurityProtocol",
]


class BookEngine(StrEnum):
    """What keeps the books; `auto` is native where it is installed and python elsewhere."""

    AUTO = "auto"
    PYTHON = "python"
    NATIVE = "native"


class Compression(StrEnum):
    """How batches are compressed on their way to the broker."""

    NONE = "none"
    GZIP = "gzip"
    SNAPPY = "snappy"
    LZ4 = "lz4"
    ZSTD = "zstd"


class EventLoop(StrEnum):
    """What runs the program's tasks; auto is uvloop where it is installed."""

    AUTO = "auto"
    ASYNCIO = "asyncio"
    UVLOOP = "uvloop"


class SecurityProtocol(StrEnum):
    """Kafka's names for encryption and authentication."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def is_encrypted(self) -> bool:
        """Whether it is TLS."""
        return self in {SecurityProtocol.SSL, SecurityProtocol.SASL_SSL}

    @property
    def is_authenticated(self) -> bool:
        """Whether it takes a user name and a password."""
        return self in {SecurityProtocol.SASL_PLAINTEXT, SecurityProtocol.SASL_SSL}


class SaslMechanism(StrEnum):
    """How the password is proven to the broker."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


class LogLevel(StrEnum):
    """The least severity that is written; WARN and FATAL are what others call WARNING and CRITICAL."""

    TRACE = "TRACE"
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"

    @classmethod
    def _missing_(cls, value: object) -> "LogLevel | None":
        return {"WARN": cls.WARNING, "FATAL": cls.CRITICAL}.get(str(value))


class LogFormat(StrEnum):
    """How a line of the log looks; `auto` is pretty on a terminal and JSON elsewhere."""

    AUTO = "auto"
    PRETTY = "pretty"
    JSON = "json"
