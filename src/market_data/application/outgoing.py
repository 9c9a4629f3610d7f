"""What one connection has to say: its opening, renewals when it is their turn, and signs of life."""

from collections.abc import Callable, Sequence
from math import inf

from market_data.application.inputs import Send
from market_data.application.ports import Venue, VenueSession
from market_data.domain.moment import Moment

__all__ = ["Outgoing"]


_SECONDS_PER_HOUR = 3600.0
_AT_ONCE = 0.5
"""Of what the venue takes an hour, so much may go at once and the rest spread over the hour: together never more."""

_OF_A_RENEWAL = 2
"""Messages."""


class Outgoing:
    """Bounded: nothing more is given before all messages given so far are sent, at the venue's pace.

    Where the venue takes only so many requests an hour, renewals wait once half of them were made in a row, and go
    together when it is their turn.
    """

    def __init__(self, venue: Venue) -> None:
        self.renewed_at = inf
        """Since when the answer to a renewal is owed; who hears anything sets it back to ``inf``."""
        self._pace = venue.messages_per_second
        self._ping_seconds = inf if venue.ping_seconds is None else venue.ping_seconds
        self._hourly = inf if venue.requests_per_hour is None else venue.requests_per_hour * _AT_ONCE
        self._left = self._hourly
        self._counted_at = -inf
        self._to_renew: dict[str, bool] = {}
        self._sending_until = -inf
        self._ping_at = inf

    def open(self, session: VenueSession, now: Moment) -> Send:
        """Begin a new connection with its dialect's opening."""
        self.renewed_at = inf
        self._to_renew.clear()
        self._ping_at = now.mono + self._ping_seconds
        self._left = self._hourly
        return self._request(session.opening(), now)

    def renew(self, native: str, *, even_if_live: bool) -> None:
        """Have a stream sent anew as soon as it can be."""
        self._to_renew[native] = even_if_live or self._to_renew.get(native, False)

    @property
    def is_waiting(self) -> bool:
        """Whether anything waits to be sent."""
        return bool(self._to_renew)

    def ping(self, session: VenueSession, now: Moment) -> Sequence[Send]:
        """Say that we are there, where the venue wants to be told and it is time."""
        if now.mono < self._ping_at:
            return ()
        self._ping_at = now.mono + self._ping_seconds
        return (self._send(session.ping(), now),)

    def release(self, session: VenueSession, now: Moment, is_live: Callable[[str], bool]) -> Sequence[Send]:
        """Give the renewals, in as few messages as the dialect needs, once what was given before is sent: so what waits
        is bounded by one opening. What has come to life meanwhile is left.
        """
        if now.mono < self._sending_until or not self._may_request(now):
            return ()
        natives = [native for native, even_if_live in self._to_renew.items() if even_if_live or not is_live(native)]
        self._to_renew.clear()
        if not natives:
            return ()
        self.renewed_at = min(self.renewed_at, now.mono)
        return (self._request(session.renewing(natives), now),)

    def _may_request(self, now: Moment) -> bool:
        """Tell whether the venue's hour leaves room for at least one renewal: leaving, and subscribing again."""
        if self._hourly < inf:
            passed = now.mono - self._counted_at
            self._left = min(self._hourly, self._left + passed * self._hourly / _SECONDS_PER_HOUR)
            self._counted_at = now.mono
        return self._left >= _OF_A_RENEWAL

    def _request(self, messages: Sequence[str], now: Moment) -> Send:
        self._left -= len(messages)
        self._counted_at = max(self._counted_at, now.mono)
        return self._send(messages, now)

    def _send(self, messages: Sequence[str], now: Moment) -> Send:
        self._sending_until = max(self._sending_until, now.mono) + len(messages) / self._pace
        return Send(messages)
