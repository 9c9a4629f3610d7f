"""Changes of status as the page tells them."""

import attrs
import pytest
from tests.support.records import record

from market_data.adapters.web import losses as losses_module
from market_data.adapters.web.losses import Losses
from market_data.domain.normalized import BookStatus, Reason
from market_data.domain.quote import Quote


def quote(status: BookStatus, since: int, seen: int = 0, reason: Reason | None = None) -> Quote:
    return Quote(attrs.evolve(record(status=status, reason=reason), status_since=since), 6, 0.0, seen or since)


def test_only_what_changed_is_told_and_by_the_number_of_its_change() -> None:
    losses = Losses()
    losses.take(quote(BookStatus.LIVE, 10), 1)
    losses.take(quote(BookStatus.LIVE, 10), 2)
    losses.take(quote(BookStatus.GAP, 20, reason=Reason.SEQUENCE), 3)
    losses.take(quote(BookStatus.GAP, 20, reason=Reason.RATE_LIMITED), 4)
    assert [(each.status, each.reason, each.was) for each in losses.between(1, 3)] == [
        ("gap", "sequence", "live"),
    ]
    assert [each.reason for each in losses.between(2, 9)] == ["sequence", "rate_limited"]


def test_times_of_one_instrument_go_forwards() -> None:
    """Its producer was silent, and says the same as before: live since long."""
    losses = Losses()
    losses.take(quote(BookStatus.LIVE, 10), 1)
    losses.take(quote(BookStatus.STALE, 50, reason=Reason.SILENCE), 2)
    losses.take(quote(BookStatus.LIVE, 10, seen=70), 3)
    assert [each.since for each in losses.between(0, 3)] == [10, 50, 70]


def test_only_so_many_are_kept_and_it_is_known_what_was_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses_module, "_KEPT", 3)
    losses = Losses()
    for at in range(1, 7):
        losses.take(
            quote(BookStatus.GAP if at % 2 else BookStatus.LIVE, at, reason=Reason.AUDIT if at % 2 else None), at
        )
    assert [each.since for each in losses.between(0, 9)] == [4, 5, 6]
    assert losses.dropped_until == 3
