"""An operation's input between its dataclass and the JSON that is kept with the run."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from pydantic import TypeAdapter

_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(type_: type[Any]) -> TypeAdapter[Any]:
    """One adapter per type: building one costs milliseconds."""
    if type_ not in _adapters:
        _adapters[type_] = TypeAdapter(type_)
    return _adapters[type_]


def dump(given: Any) -> dict[str, Any]:
    """The input as plain JSON values."""
    dumped: dict[str, Any] = _adapter(type(given)).dump_python(given, mode="json")
    return dumped


def load(type_: type[Any], stored: dict[str, Any]) -> Any:
    """The input as its dataclass. Raises pydantic.ValidationError when the type no longer fits."""
    return _adapter(type_).validate_python(stored)


def digest(payload: Any) -> bytes:
    """SHA-256 over canonical JSON: equal inputs, equal digest."""
    return hashlib.sha256(orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)).digest()
