"""Every error of the program, by what the one who catches it can do about it.

    AppError
    ├── SettingsError           say all faults, end with status 2 (raised by ``config``)
    ├── UsageError              say it, end with status 2
    ├── UnknownInstrument       give up this instrument, go on with the others
    ├── VenueError
    │   ├── MalformedFrame      refute the books it may have touched, rebuild them
    │   ├── ConnectionFailed    try again later: the socket could not be opened
    │   ├── ConnectionLost      reconnect: the socket was open and is not usable any more
    │   └── RequestFailed       try again later: a REST request was refused or not answered
    └── BrokerError             say it, end with ``exit_status``
        ├── BrokerUnavailable   it may come back
        │   └── BrokerMisadvertised  it sends its clients to an address where nobody answers
        ├── TopicMismatch       a setting and the broker disagree: status 2
        ├── DeliveryFailed      the broker refuses for good
        │   └── MessageTooLarge a setting and the topic disagree: status 2
        ├── RegistryUnavailable go on without the schema registry, which gives no answer for now, and ask again
        ├── SchemaIncompatible  the schema registry refuses the schema of the record
        └── MalformedRecord     count it and skip it: bytes that are no NormalizedBook

Each takes typed arguments and builds its message itself. Bugs are none of these and are never caught.
"""

from collections.abc import Sequence

from market_data.domain.normalized import Reason

__all__ = [
    "AppError",
    "BrokerError",
    "BrokerMisadvertised",
    "BrokerUnavailable",
    "ConnectionFailed",
    "ConnectionLost",
    "DeliveryFailed",
    "MalformedFrame",
    "MalformedRecord",
    "MessageTooLarge",
    "RegistryUnavailable",
    "RequestFailed",
    "SchemaIncompatible",
    "TopicMismatch",
    "UnknownInstrument",
    "UsageError",
    "VenueError",
]


class AppError(Exception):
    """Anything that a user or operator can do something about; ``str()`` is all its lines.

    A line may quote what came from outside, and is made printable where it is written.
    """

    exit_status = 1

    def __init__(self, *lines: str) -> None:
        """Take what to tell, mostly in one line."""
        super().__init__("\n".join(lines))
        self.lines = lines


class UsageError(AppError):
    """What was asked for makes no sense, or nothing is left of it."""

    exit_status = 2


class UnknownInstrument(UsageError):
    """A venue does not list, or does not trade, what was asked for."""

    def __init__(self, exchange: str, symbol: str, *, nearest: Sequence[str] = (), state: str | None = None) -> None:
        """``nearest`` are listed symbols of like names; ``state`` is the venue's word where it lists but halts it."""
        *others, last = nearest or ("",)
        hint = f" (did you mean {', '.join(others)}{' or ' if others else ''}{last}?)" if last else ""
        what = (
            f"{exchange} lists no {symbol}{hint}" if state is None else f"{exchange} does not trade {symbol}: {state}"
        )
        super().__init__(what)
        self.exchange = exchange
        self.symbol = symbol


class VenueError(AppError):
    """Trouble with a venue: always survivable, always told in-band as the ``reason`` of a status."""

    reason = Reason.UNAVAILABLE


class MalformedFrame(VenueError):
    """A frame that is not what the venue's protocol promises.

    ``native`` is the venue's id of the one instrument it can have touched, None when that cannot be told.
    """

    reason = Reason.MALFORMED

    def __init__(self, problem: str, *, native: str | None = None) -> None:
        """``problem`` says what was expected and what was received, cut short."""
        super().__init__(problem)
        self.native = native


class ConnectionFailed(VenueError):
    """A socket could not be opened."""

    def __init__(self, url: str, problem: str, *, reason: Reason, retry_after_seconds: float | None = None) -> None:
        """``retry_after_seconds`` is how long the venue wants us to wait, within our own bounds, where it said so."""
        super().__init__(f"{url}: {problem}")
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


class ConnectionLost(VenueError):
    """An open socket was closed by the venue, broke, fell silent, or said what cannot be read."""

    def __init__(self, problem: str, *, reason: Reason = Reason.CONNECTION) -> None:
        """``reason`` is ``connection``, ``silence`` or ``malformed``."""
        super().__init__(problem)
        self.reason = reason


class RequestFailed(VenueError):
    """A REST request was refused, failed or was not answered in time."""

    def __init__(
        self,
        url: str,
        problem: str,
        *,
        reason: Reason,
        retry_after_seconds: float | None = None,
        status: int | None = None,
    ) -> None:
        """``reason`` is ``unavailable``, ``rate_limited`` or ``rejected``; the wait is as in ``ConnectionFailed``;
        ``status`` is HTTP's, where there was an answer.
        """
        super().__init__(f"{url}: {problem}")
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds
        self.status = status


class BrokerError(AppError):
    """Trouble with the Kafka broker that ends the program."""


class BrokerUnavailable(BrokerError):
    """No broker answers at the address."""

    def __init__(self, brokers: str, problem: str, *, hint: str = "") -> None:
        """``hint`` is what to do, as a sentence."""
        super().__init__(f"no Kafka broker answers at {brokers}: {problem}" + (f". {hint}" if hint else ""))
        self.problem = problem


class BrokerMisadvertised(BrokerUnavailable):
    """A broker answers, and sends its clients to an address where they find nobody: the classic of Docker."""

    def __init__(self, brokers: str, advertised: str, problem: str) -> None:
        """``advertised`` is that address, ``problem`` what was found there."""
        self.problem = f"it sends its clients to {advertised} (advertised.listeners), where they find: {problem}"
        AppError.__init__(
            self,
            f"Kafka at {brokers} answers, but sends its clients to {advertised} (its advertised.listeners), where they "
            f"find: {problem}. Let the broker advertise an address that this machine can reach",
        )


class TopicMismatch(BrokerError):
    """The broker's topic is not as the settings say; the message names the setting."""

    exit_status = 2


class DeliveryFailed(BrokerError):
    """The broker refuses records for good: trying again cannot help."""


class MessageTooLarge(DeliveryFailed):
    """The topic takes no record of that size; the message names the settings."""

    exit_status = 2


class RegistryUnavailable(BrokerError):
    """A schema registry gives no answer that helps: it is away, refuses, or is none."""

    def __init__(self, url: str, problem: str) -> None:
        """``problem`` goes on from the registry's name, and says what to do."""
        super().__init__(f"the schema registry at {url} {problem}")


class SchemaIncompatible(BrokerError):
    """A schema registry says that the record's schema does not go with the versions before it."""

    def __init__(self, url: str, subject: str, said: str) -> None:
        """``said`` is why, in the registry's words."""
        super().__init__(
            f"the schema registry at {url} refuses the schema of the records as not compatible with those of {subject} "
            f"({said}): publish to another topic (kafka.topics.books), or change the level of {subject} there"
        )


class MalformedRecord(BrokerError):
    """Bytes on the topic that are no NormalizedBook of a version that can be read."""
