"""An operation's input: its dataclass made of what was given, and the JSON that is kept with the run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dis import opname
from typing import Any

import orjson
from pydantic import TypeAdapter

from atlas_gql.errors import DomainError, OperationFailure, ValidationError
from atlas_gql.reasons import ReasonCode

_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def adapter(type_: type[Any]) -> TypeAdapter[Any]:
    """One adapter per type: building one costs milliseconds."""
    if type_ not in _adapters:
        _adapters[type_] = TypeAdapter(type_)
    return _adapters[type_]


def made(type_: type[Any], given: Mapping[str, Any]) -> Any:
    """An input, or a part of one. Raises ValidationError for what its own `__post_init__` refuses.

    Its `field` is empty where the whole does not fit. What a ValueError says is shown only when the
    dataclass's own code said it.
    """
    try:
        return type_(**given)
    except ValueError as exc:
        own = str(exc) if _is_own(exc, type_) else ""
        raise ValidationError(own or "This does not fit.", field="") from exc


def _is_own(exc: ValueError, type_: type[Any]) -> bool:
    """Whether a `raise` in the package of the dataclass made the error: no library, and not Python itself.

    `int("x")` quotes the value, which may be a secret, from within the line that calls it.
    """
    raised = exc.__traceback__
    while raised is not None and raised.tb_next is not None:
        raised = raised.tb_next
    if raised is None or type(exc) is not ValueError:
        return False
    frame = raised.tb_frame
    return opname[frame.f_code.co_code[raised.tb_lasti]] == "RAISE_VARARGS" and _package(
        frame.f_globals.get("__name__", "")
    ) == _package(type_.__module__)


def _package(module: str) -> str:
    return module.partition(".")[0]


def dump(given: Any) -> dict[str, Any]:
    """The input as plain JSON values."""
    dumped: dict[str, Any] = adapter(type(given)).dump_python(given, mode="json")
    return dumped


def load(type_: type[Any], stored: dict[str, Any]) -> Any:
    """The input as its dataclass. Raises OperationFailure when it no longer fits the operation."""
    try:
        return adapter(type_).validate_python(stored)
    except (ValueError, DomainError) as exc:
        # Its text quotes the input.
        raise OperationFailure(
            "The run's input does not fit this version of the operation.",
            reason=ReasonCode.INVALID_REQUEST,
            code="input_unreadable",
        ) from exc


def digest(payload: Any) -> bytes:
    """SHA-256 over canonical JSON: equal inputs, equal digest."""
    return hashlib.sha256(orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)).digest()
