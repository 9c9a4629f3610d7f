"""The API's description is an OpenAPI document."""

import json
from importlib import resources

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

pytestmark = pytest.mark.browser


def test_the_description_is_valid() -> None:
    text = (resources.files("market_data.adapters.web") / "openapi.json").read_text(encoding="utf-8")
    document = json.loads(text)
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
