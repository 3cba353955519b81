"""An operation's input between its dataclass and the JSON that is kept with the run."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from atlas_gql.errors import OperationFailure
from atlas_gql.reasons import ReasonCode

_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def adapter(type_: type[Any]) -> TypeAdapter[Any]:
    """One adapter per type: building one costs milliseconds."""
    if type_ not in _adapters:
        _adapters[type_] = TypeAdapter(type_)
    return _adapters[type_]


def dump(given: Any) -> dict[str, Any]:
    """The input as plain JSON values."""
    dumped: dict[str, Any] = adapter(type(given)).dump_python(given, mode="json")
    return dumped


def load(type_: type[Any], stored: dict[str, Any]) -> Any:
    """The input as its dataclass. Raises OperationFailure when it no longer fits the operation."""
    try:
        return adapter(type_).validate_python(stored)
    except ValidationError as exc:
        # Its text quotes the input.
        raise OperationFailure(
            "The run's input does not fit this version of the operation.",
            reason=ReasonCode.INVALID_REQUEST,
            code="input_unreadable",
        ) from exc


def digest(payload: Any) -> bytes:
    """SHA-256 over canonical JSON: equal inputs, equal digest."""
    return hashlib.sha256(orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)).digest()
