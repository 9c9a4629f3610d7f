"""Kinds of values: what a setting may hold, in the words of a fault and as a test; and `Secret`.

A kind stands in the annotation of a setting (`heartbeat_seconds: Seconds`), so that the type, the range and the message are
written once. Nothing is coerced: `"5"` is not a number and `true` is not 1; a whole number is fine where a fraction may be.
"""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

import attrs

__all__ = [
    "MASK",
    "Brokers",
    "Bytes",
    "Count",
    "CountOrNone",
    "Depth",
    "Digits",
    "ExistingFile",
    "Factor",
    "Hours",
    "HttpUrl",
    "Kind",
    "Milliseconds",
    "Rate",
    "Secret",
    "Seconds",
    "Share",
    "SnapshotLimit",
    "StartPosition",
    "Symbol",
    "Text",
    "TopicName",
    "Unfit",
    "WebSocketUrl",
    "Word",
    "received",
]

MASK = "********"
_SHOWN_CHARACTERS = 60
