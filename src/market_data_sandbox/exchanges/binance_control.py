"""Binance's control messages: what a client may ask of its connection, and what is wrong with other messages.

For example:

    {"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 1}    ->    {"result": null, "id": 1}
"""

import json
from typing import Any

import attrs
import msgspec

__all__ = ["Streams", "answer"]

_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_LONGEST_TEXT_ID = 36


@attrs.define
class Streams:
    """What one connection has subscribed, and its one property."""

    combined: bool
    """Whether its frames are wrapped with the name of their stream."""
    names: dict[str, None] = attrs.field(factory=dict)
    """In order of subscription."""


class _RefusedError(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def answer(text: str, streams: Streams) -> str:
    """Do what a message says, and give the venue's reply to it."""
    identity: object = None
    try:
        message = _decode(text)
        identity = _identity(message)
        result = _perform(message, streams, len(text))
    except _RefusedError as refusal:
        error: dict[str, object] = {"code": refusal.code, "msg": str(refusal)}
        return _encode(error if identity is None else {**error, "id": identity})
    return _encode({"result": result, "id": identity})


def _encode(message: object) -> str:
    return msgspec.json.encode(message).decode()


def _decode(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except ValueError as error:
        line, column = (error.lineno, error.colno) if isinstance(error, json.JSONDecodeError) else (1, 1)
        raise _RefusedError(3, f"Invalid JSON: expected value at line {line} column {column}") from error
    if not isinstance(message, dict):
        raise _RefusedError(2, "Invalid request: expected a map at line 1 column 1")
    return message


def _identity(message: dict[str, Any]) -> object:
    identity = message.get("id")
    match identity:
        case bool() | float() | list() | dict():
            pass
        case str() if not identity.isalnum() or len(identity) > _LONGEST_TEXT_ID:
            pass
        case _:
            return identity
    raise _RefusedError(2, "Invalid request: request ID must be an unsigned integer")


def _perform(message: dict[str, Any], streams: Streams, column: int) -> object:
    if "method" not in message:
        raise _RefusedError(2, f"Invalid request: missing field `method` at line 1 column {column}")
    params = message.get("params", [])
    match message["method"]:
        case "SUBSCRIBE":
            streams.names.update(dict.fromkeys(_names(params)))
        case "UNSUBSCRIBE":
            for name in _names(params):
                streams.names.pop(name, None)
        case "LIST_SUBSCRIPTIONS":
            return list(streams.names)
        case "SET_PROPERTY":
            streams.combined = _new_value(params)
        case "GET_PROPERTY":
            _property_name(params, 1)
            return streams.combined
        case unknown:
            known = ", ".join(f"`{method}`" for method in _METHODS)
            raise _RefusedError(
                2, f"Invalid request: unknown variant `{unknown}`, expected one of {known} at line 1 column {column}"
            )
    return None


def _names(params: object) -> list[str]:
    if not isinstance(params, list) or not params or not all(isinstance(name, str) for name in params):
        raise _RefusedError(2, "Invalid request: params must be a list of stream names")
    return params


def _property_name(params: object, count: int) -> list[Any]:
    if not isinstance(params, list) or not params or not isinstance(params[0], str):
        raise _RefusedError(2, "Invalid request: property name must be a string")
    if len(params) > count:
        raise _RefusedError(2, "Invalid request: too many parameters")
    if params[0] != "combined":
        raise _RefusedError(0, "Unknown property")
    return params


def _new_value(params: object) -> bool:
    values = _property_name(params, 2)
    if len(values) < 2 or not isinstance(values[1], bool):
        raise _RefusedError(1, "Invalid value type: expected Boolean")
    return values[1]
