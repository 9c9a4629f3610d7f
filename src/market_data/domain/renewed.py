"""What the rules share whose streams can be asked for anew one by one, while the connection's others go on.

1. A stream is subscribed. The venue says yes, and sends the book; one that is refused, or says nothing, is asked
for again after growing waits, and once on another connection.
2. A snapshot that is older than what was shown is a repeat, unless the venue keeps to it.
3. A book that is lost is asked for anew: the first time at once, then after growing waits where the one before did
not last as long as the next wait is.
4. A book that says nothing is looked at as ``inband`` says; where the venue has nothing to compare, or does not
answer, the stream is asked for anew, and a snapshot must come.
"""

from math import inf

from market_data.domain.book import InvalidLevel
from market_data.domain.continuity import Quietness
from market_data.domain.effects import Purpose, Reconnect, Renew
from market_data.domain.events import Snapshot
from market_data.domain.inband import InBandSync
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, Reason
from market_data.domain.sync import BookSetup
from market_data.domain.waits import FREE_REBUILDS, Backoff

__all__ = ["RenewedSync"]

_MOST_RENEWALS = 2
"""A stream renewed so often in vain is tried on another connection, once: the other instruments pay for it."""
_TURNS = 2
"""So many times the patience with an answer, a silent stream may wait until it can be asked for."""


class RenewedSync(InBandSync):
    """One book whose stream can be asked for anew while the connection's others go on."""

    def __init__(self, setup: BookSetup) -> None:
        super().__init__(setup)
        self._backoff = Backoff(
            setup.settings.snapshot_retry_initial_seconds, setup.settings.snapshot_retry_max_seconds
        )
        self._has_lost = False
        """A book was lost since one lasted."""
        self._renewals = 0
        """How often the stream was renewed in vain."""
        self._is_checked = False
        """It is asked for anew to see whether the stream still speaks."""
        self._is_asked = False
        """And it was that stream's turn; until then nobody can know, and what waits too long for it is stale."""
        self._answer_by = inf
        """When the answer to that must have come."""

    # inputs

    def _take_stream_book(self, snapshot: Snapshot, now: Moment) -> bool:
        """Start from a snapshot; where it cannot be read, the book is lost."""
        self._renewals = 0
        try:
            self._take_book(snapshot)
        except InvalidLevel as error:
            self._tell("a snapshot could not be read", problem=str(error), sequence=snapshot.sequence)
            self._lose(Reason.MALFORMED, now)
            return False
        return True

    def _is_past(self, snapshot: Snapshot) -> bool:
        """Tell whether a snapshot is older than what was shown here, unless the venue keeps to it."""
        time, theirs = self._event_time, snapshot.event_time
        return time is not None and theirs is not None and theirs < time and self._renewals <= _MOST_RENEWALS

    def _hear(self, now: Moment) -> None:
        super()._hear(now)
        self._is_checked = False
        self._answer_by = inf

    def asked(self, sent_at: float) -> None:
        if self._is_checked:
            self._is_asked = True
            self._answer_by = sent_at + self._settings.probe_timeout_seconds

    # a silent stream

    def _probe(self, now: Moment) -> None:
        if self._continuity.quietness is Quietness.FETCHED:
            super()._probe(now)
        elif not self._is_checked:
            self._ask_to_see(now)

    def _ask_to_see(self, now: Moment) -> None:
        self._is_checked, self._is_asked = True, False
        self._answer_by = now.mono + _TURNS * self._settings.probe_timeout_seconds
        self._probe_at = now.mono + max(self._settings.stream_silence_seconds, self._settings.quiet_probe_seconds)
        self._effects.append(Renew(self.instrument, even_if_live=True))

    def _is_quiet(self, now: Moment) -> None:
        super()._is_quiet(now)
        if not self._is_asked:  # its turn has not come, and it is not needed any more: who is silent again is looked at
            self._is_checked, self._answer_by = False, inf

    def _miss_fetched(self, purpose: Purpose, reason: Reason, retry_after: float | None, now: Moment) -> None:  # noqa: ARG002
        if not self._is_checked and self._stands:
            self._probe_wait.advance()
            self._tell("the venue's own book is not to be had, the stream is renewed instead", problem=reason)
            self._ask_to_see(now)
            self._probe_at = max(self._probe_at, now.mono + (retry_after or 0.0))

    # time

    def extend(self, seconds: float) -> None:
        super().extend(seconds)
        self._answer_by += seconds

    def _watch(self, now: Moment) -> None:
        super()._watch(now)
        if self._answer_by <= now.mono:
            self._become(BookStatus.STALE, Reason.SILENCE, now)
            self._answer_by = inf
            if self._is_asked:
                self._tell("a silent stream did not answer", seconds=self._settings.probe_timeout_seconds)
                self._rebuild(Reason.SILENCE, now)

    def _miss_snapshot(self, now: Moment) -> None:  # step 1
        if self.reason is Reason.REJECTED:
            self.is_refused = not self._is_accepted
            wait = self._subscribe_wait.advance()
        else:
            self.explain(Reason.SILENCE, now)
            wait = self._snapshot_wait.advance()
        self._ask_again(now, wait)

    def _ask_again(self, now: Moment, patience: float) -> None:
        """Have the stream sent anew, once also on another connection where that is in vain."""
        self._renewals += 1
        self._is_accepted = False
        self._snapshot_by = self._accepted_by = now.mono + patience
        is_in_vain = self._renewals == _MOST_RENEWALS + 1 and not self.is_refused
        self._effects.append(Reconnect(Reason.SILENCE) if is_in_vain else Renew(self.instrument))

    # losing

    def _lose(self, reason: Reason, now: Moment) -> None:  # step 3
        lasted = now.mono - self._live_since if self.status is BookStatus.LIVE else 0.0
        self._become(BookStatus.GAP, reason, now)
        if reason is Reason.MALFORMED:
            self._rebuild_alone(reason, FREE_REBUILDS, now)
            return
        if self._rebuild_at < inf:
            return
        if lasted >= self._backoff.next:
            self._backoff.reset()
            self._has_lost = False
        if not self._has_lost:
            self._has_lost = True
            self._rebuild(reason, now)
            return
        self._forget(now)
        self._rebuild_at = now.mono + self._backoff.advance()

    def _rebuild(self, reason: Reason, now: Moment) -> None:  # noqa: ARG002 - another rule's need
        self._forget(now)
        self._ask_again(now, self._settings.first_data_timeout_seconds)

    def _forget(self, now: Moment) -> None:
        super()._forget(now)
        self._is_checked = False
        self._answer_by = inf
