"""Where the schema of the topic's values is registered: for those who write, and who look whether they could."""

from market_data.adapters.kafka.records import json_schema
from market_data.adapters.schema_registry import ConfluentRegistry
from market_data.application.ports import SchemaRegistry
from market_data.config import Settings

__all__ = ["make_registry"]


def make_registry(settings: Settings) -> SchemaRegistry | None:
    """Say where the schema of the topic's values is registered, if anywhere."""
    registry = settings.kafka.schema_registry
    if registry.url is None:
        return None
    return ConfluentRegistry(
        registry.url,
        f"{settings.kafka.topics.books}-value",
        json_schema(),
        username=registry.username,
        password=registry.password.reveal() if registry.password else None,
        timeout_seconds=registry.timeout_seconds,
    )
