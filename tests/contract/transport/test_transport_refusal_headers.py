"""Whatever stands in the headers of a refusal, it is a reason, one line and a wait within the bounds."""

import httpx
from hypothesis import example, given
from hypothesis import strategies as st
from tests.contract.transport.conftest import SETTINGS

from market_data.adapters.transport.refusals import refusal_of
from market_data.domain.normalized import Reason

WORDS = [
    "Thu, ",
    "01 ",
    "Jan ",
    "Feb ",
    "9999",
    "99999999999",
    " 00:00:00",
    " GMT",
    " +0000",
    " -9999",
    "\xe9",
    "٣",
    "-",
    ":",
]
texts = st.one_of(
    st.text(max_size=80),
    st.integers(-(10**70), 10**70).map(str),
    st.lists(st.sampled_from(WORDS), max_size=12).map("".join),
    st.datetimes().map(lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S GMT")),
)


@given(
    st.integers(400, 599), st.binary(max_size=80) | texts.map(lambda text: text.encode("utf-8", "surrogatepass")), texts
)
@example(503, b"Thu, 01 Jan 99999999999 00:00:00 GMT", "")
@example(429, b"\xff", "\xff")
@example(429, "٣".encode(), "")
@example(400, ("\U0001d42c" * 80).encode(), "")
@example(418, b"1795886687", "Thu, 01 Jan 99999999999 00:00:00 GMT")
def test_any_header_gives_a_wait_within_the_bounds_or_none(status: int, retry_after: bytes, date: str) -> None:
    headers = [(b"retry-after", retry_after), (b"date", date.encode("utf-8", "surrogatepass"))]
    refusal = refusal_of(httpx.Response(status, headers=headers), SETTINGS, 1_795_000_000.0)
    is_ban = refusal.reason is Reason.RATE_LIMITED
    longest = SETTINGS.max_ban_seconds if is_ban else SETTINGS.max_wait_seconds
    assert refusal.retry_after_seconds is None or 0.0 <= refusal.retry_after_seconds <= longest
    assert refusal.problem.isprintable()
    assert len(refusal.problem) < 400
