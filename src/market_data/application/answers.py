"""What becomes of a request: the book that answers it, or its failure, reaches the book that asked."""

from collections.abc import Sequence

from market_data.application.carried import CarriedBooks
from market_data.application.inputs import Fetched, FetchFailed, Hold
from market_data.application.ports import Venue
from market_data.domain.effects import Effect, Tell
from market_data.domain.errors import MalformedFrame, RequestFailed
from market_data.domain.moment import Moment
from market_data.domain.normalized import Reason

__all__ = ["Answers"]


class Answers:
    """Reads them; an answer that cannot be read is a failure."""

    def __init__(self, venue: Venue, books: CarriedBooks, effects: list[Effect]) -> None:
        """``effects`` is shared with the core, which drains it."""
        self._venue = venue
        self._books = books
        self._effects = effects

    def take(self, given: Fetched | FetchFailed, now: Moment) -> Sequence[Hold]:
        """Give an answer to the book that asked, if it is still here."""
        fetch = given.fetch
        sync = self._books.by_key.get(fetch.instrument.key)  # None: it was handed over
        if isinstance(given, Fetched):
            if sync is None:
                return ()
            try:
                snapshot = self._venue.read_book(fetch.instrument, fetch.levels, given.body)
            except (MalformedFrame, RequestFailed) as error:  # some venues refuse with status 200
                fields: dict[str, object] = {"instrument": fetch.instrument.key, "problem": str(error)}
                self._effects.append(Tell("an answer could not be read", fields))
                given = FetchFailed(fetch, error.reason)
            else:
                sync.fetched(fetch.serial, snapshot, now)
                return ()
        if sync is not None:
            sync.fetch_failed(fetch.serial, given.reason, given.retry_after_seconds, now)
        return (Hold(given.retry_after_seconds),) if given.reason is Reason.RATE_LIMITED else ()
