"""What one connection has to say: its opening, renewals when it is their turn, and signs of life."""

from collections.abc import Callable, Sequence
from math import inf

import attrs

from market_data.application.inputs import Send
from market_data.application.ports import Venue, VenueSession
from market_data.domain.moment import Moment

__all__ = ["Outgoing", "Renewal"]


_SECONDS_PER_HOUR = 3600.0
_AT_ONCE = 0.5
"""Of what the venue takes an hour, so much may go at once and the rest spread over the hour: together never more."""

_CHECKS_SHARE = 0.5
"""Of what may be sent in the long run, for books that are live and only silent."""
_OF_A_RENEWAL = 2
"""Messages."""


@attrs.frozen
class Renewal:
    """Streams that are asked for anew."""

    natives: Sequence[str]
    send: Send
    sent_at: float
    """When the last of the messages will have been sent at the venue's pace, seconds of the monotonic clock."""


class Outgoing:
    """Bounded: nothing more is given before all messages given so far are sent, at the venue's pace.

    Where the venue takes only so many requests an hour, renewals wait once half of them were made in a row, and go
    together when it is their turn. So do, at any venue, those of live books that are only to show whether their streams
    still speak: together they take half of its pace at most, however many books are silent.
    """

    def __init__(self, venue: Venue) -> None:
        self.renewed_at = inf
        """Since when the answer to a renewal is owed."""
        self._pace = venue.messages_per_second
        self._ping_seconds = inf if venue.ping_seconds is None else venue.ping_seconds
        self._hourly = inf if venue.requests_per_hour is None else venue.requests_per_hour * _AT_ONCE
        self._left = self._hourly
        self._counted_at = -inf
        self._checks_pace = _CHECKS_SHARE * min(self._pace, self._hourly / _SECONDS_PER_HOUR)
        self._check_at = -inf
        self._to_renew: dict[str, None] = {}
        self._to_check: dict[str, None] = {}
        self._sending_until = -inf
        self._ping_at = inf

    def open(self, session: VenueSession, now: Moment) -> Send:
        """Begin a new connection with its dialect's opening."""
        self.renewed_at = inf
        self._to_renew.clear()
        self._to_check.clear()
        self._ping_at = now.mono + self._ping_seconds
        self._left = self._hourly
        return self._request(session.opening(), now)

    def renew(self, native: str, *, even_if_live: bool) -> None:
        """Have a stream sent anew as soon as it can be."""
        (self._to_check if even_if_live else self._to_renew)[native] = None

    def leave(self, session: VenueSession, natives: Sequence[str], now: Moment) -> Send:
        """Ask the venue to send these streams no more."""
        for native in natives:
            self._to_renew.pop(native, None)
            self._to_check.pop(native, None)
        return self._request(session.leaving(natives), now)

    def heard(self) -> None:
        """Something came: whatever was owed, the connection is not silent."""
        self.renewed_at = inf

    @property
    def is_waiting(self) -> bool:
        """Whether anything waits to be sent."""
        return bool(self._to_renew or self._to_check)

    def ping(self, session: VenueSession, now: Moment) -> Sequence[Send]:
        """Say that we are there, where the venue wants to be told and it is time."""
        if now.mono < self._ping_at:
            return ()
        self._ping_at = now.mono + self._ping_seconds
        return (self._send(session.ping(), now),)

    def release(self, session: VenueSession, now: Moment, is_live: Callable[[str], bool]) -> Renewal | None:
        """Give the renewals, in as few messages as the dialect needs, once what was given before is sent: so what waits
        is bounded by one opening. What has come to life meanwhile is left.
        """
        is_checking = bool(self._to_check) and now.mono >= self._check_at
        if now.mono < self._sending_until or not (self._to_renew or is_checking) or not self._may_request(now):
            return None
        natives = dict.fromkeys(native for native in self._to_renew if not is_live(native))
        self._to_renew.clear()
        if is_checking:
            natives |= self._to_check
            self._to_check.clear()
        if not natives:
            return None
        self.renewed_at = min(self.renewed_at, now.mono)
        send = self._request(session.renewing(list(natives)), now)
        if is_checking:
            self._check_at = now.mono + len(send.messages) / self._checks_pace
        return Renewal(list(natives), send, self._sending_until)

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
