"""Settings: read from YAML, `.env`, environment and `--set`, merged, checked whole, and told with their origins.

`settings` is the tree, `kinds` and `words` are what its values may be, `schema` tells which paths it has; `layers` and
`sources` read, `structure` builds and checks, `load` knows the order, `describe` writes it all down for a person.
"""

from market_data.config.describe import Described, describe, differences, render
from market_data.config.faults import Fault, Origin, SettingsError
from market_data.config.kinds import Secret
from market_data.config.load import LoadedSettings, load_defaults, load_settings
from market_data.config.settings import (
    BookSettings,
    ConsumerSettings,
    KafkaSettings,
    LogSettings,
    MarketSettings,
    OutboxSettings,
    ReconnectSettings,
    SchemaRegistrySettings,
    SecuritySettings,
    Settings,
    TopicSettings,
    TransportSettings,
    VenueSettings,
    ViewSettings,
)
from market_data.config.words import (
    Compression,
    EventLoop,
    LogFormat,
    LogLevel,
    OutboxPolicy,
    SaslMechanism,
    SecurityProtocol,
)

__all__ = [
    "BookSettings",
    "Compression",
    "ConsumerSettings",
    "Described",
    "EventLoop",
    "Fault",
    "KafkaSettings",
    "LoadedSettings",
    "LogFormat",
    "LogLevel",
    "LogSettings",
    "MarketSettings",
    "Origin",
    "OutboxPolicy",
    "OutboxSettings",
    "ReconnectSettings",
    "SaslMechanism",
    "SchemaRegistrySettings",
    "Secret",
    "SecurityProtocol",
    "SecuritySettings",
    "Settings",
    "SettingsError",
    "TopicSettings",
    "TransportSettings",
    "VenueSettings",
    "ViewSettings",
    "describe",
    "differences",
    "load_defaults",
    "load_settings",
    "render",
]
