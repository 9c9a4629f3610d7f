"""What statuses and reasons mean, in words for who sees them for the first time."""

from collections.abc import Mapping

from market_data.domain.normalized import BookStatus, Reason

__all__ = ["REASONS", "STATUSES"]

STATUSES: Mapping[BookStatus, str] = {
    BookStatus.LIVE: "checked and complete: the only status with prices",
    BookStatus.SYNCING: "being fetched for the first time, or anew",
    BookStatus.GAP: "something was lost or wrong; no prices until it was fetched anew",
    BookStatus.STALE: "nothing was heard for too long",
    BookStatus.DISCONNECTED: "no connection to the exchange",
}

REASONS: Mapping[str, str] = {
    Reason.SEQUENCE: "a message was lost, repeated or out of order",
    Reason.CROSSED: "the best bid was not below the best ask: a fault of the book, not of the market",
    Reason.MALFORMED: "a message could not be read",
    Reason.DEPTH: "too few levels were left to be sure of",
    Reason.AUDIT: "it was not the same as the exchange's own book",
    Reason.SILENCE: "nothing came for too long",
    Reason.CLOCK: "this machine's clock jumped",
    Reason.CONNECTION: "the connection was lost",
    Reason.UNAVAILABLE: "the exchange does not answer",
    Reason.RATE_LIMITED: "the exchange asks to wait before trying again",
    Reason.REJECTED: "the exchange refused to subscribe it",
    Reason.SHUTDOWN: "its producer was stopped",
}
