"""What the settings of exchanges make of the plans to follow them."""

import pytest

from market_data.adapters.books import choose_engine
from market_data.config import load_settings
from market_data.factories.venues import make_plans


@pytest.mark.parametrize(
    ("exchange", "seconds"),
    [
        pytest.param("binance", 10.0, id="counted by the minute"),
        pytest.param("okx", 1.0, id="counted in two seconds"),
        pytest.param("bybit", 1.0, id="counted in five seconds"),
        pytest.param("kraken", 1.0, id="counted by the second"),
    ],
)
def test_requests_go_in_bursts_only_where_the_exchange_counts_by_the_minute(exchange: str, seconds: float) -> None:
    settings = load_settings("test", overrides=[f"venues.{exchange}.enabled=true"], environ={}).settings
    plans = {plan.venue.name: plan for plan in make_plans(settings, None, choose_engine("python"))}
    assert plans[exchange].request_burst_seconds == seconds
