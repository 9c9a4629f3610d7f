"""The page says of a status and a reason what every other screen says of it."""

import json

import pytest
from tests.support.web import offered

from market_data.domain.meanings import REASONS, STATUSES

pytestmark = pytest.mark.anyio


async def test_the_page_has_the_words_of_the_domain() -> None:
    async with offered() as world:
        answer = await world.get("words.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    lines = dict(line.removeprefix("export const ").rstrip(";").split(" = ", 1) for line in answer.text.splitlines())
    assert {name: json.loads(words) for name, words in lines.items()} == {"STATUSES": STATUSES, "REASONS": REASONS}
