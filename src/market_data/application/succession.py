"""Make before break: how a new connection takes the place of one that the venue is about to close.

    1. The new one is opened beside the old one, which is read as before; its core is withheld.
    2. Once every book that is live over the old one is live over the new one, too, the old one is read no more.
    3. Once each of these is at least as new as what was shown of it, or after a second, the new one takes over.
    4. Where the old one ends before step 2, the new one takes over as it is.

Where the new one does not come so far, the old one is used until the venue closes it. Pure, as the cores are.
"""

from collections.abc import Callable
from math import inf

from market_data.application.core import FeedCore
from market_data.application.inputs import Input, Ticked
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, Reason

__all__ = ["Succession"]

_CATCH_UP_SECONDS = 1.0


class Succession:
    """Says when one core takes over from another."""

    def __init__(self, old: FeedCore, new: FeedCore, pass_on: Callable[[Reason, Moment], None]) -> None:
        """``pass_on`` lets the new core take over: what is not live over its connection is lost for the reason."""
        self._old = old
        self._new = new
        self._pass_on = pass_on
        self._until = inf
        self._is_over = False

    @property
    def is_catching_up(self) -> bool:
        """Whether the old connection is not to be read any more."""
        return self._until < inf

    @property
    def is_void(self) -> bool:
        """Whether nothing is left to take over: all that the old core spoke for was dropped."""
        return not self._old.instruments

    def watch(self, given: Input, now: Moment) -> None:
        """The new core was given something."""
        if self.is_catching_up or type(given) is Ticked:
            self._look(Reason.CONNECTION, now)

    def ended(self, reason: Reason, now: Moment) -> None:
        """The old connection is gone."""
        self._look(reason, now)
        if not self.is_catching_up:
            self._complete(reason, now)

    def _look(self, reason: Reason, now: Moment) -> None:
        live = [each for each in self._old.standings if each.status is BookStatus.LIVE]
        if not self.is_catching_up:
            if not (self._new.is_open and self._new.books.are_live(live)):
                return
            self._until = now.mono + _CATCH_UP_SECONDS
        if now.mono >= self._until or self._new.books.are_abreast(live):
            self._complete(reason, now)

    def _complete(self, reason: Reason, now: Moment) -> None:
        if not (self._is_over or self.is_void):
            self._is_over = True
            self._pass_on(reason, now)
