"""What a handler returns, between its dataclass and the JSON that is kept with the run."""

from __future__ import annotations

import math
from typing import Any
from uuid import UUID

import orjson
import structlog

from atlas_gql.errors import OperationFailure
from atlas_gql.ops.inputs import adapter
from atlas_gql.plugins.api import Operation
from atlas_gql.reasons import ReasonCode
from atlas_gql.redaction import redact_text

log = structlog.get_logger("atlas.runs")

LARGEST = 1_000_000
"""Bytes of JSON that a result may have."""


def to_keep(operation: Operation[Any], returned: Any, *, run_id: UUID) -> Any:
    """What a handler returned, as plain JSON values without secrets; None where none is declared.

    Raises OperationFailure for what is not as the operation declares it, or more than is kept.
    """
    if operation.result is None:
        return None
    of = adapter(operation.result)
    try:
        plain = _clean(of.dump_python(returned, mode="json", warnings="error"))
        size = len(orjson.dumps(plain))
        # What is kept can be read again: dataclasses do not look at what they are made of.
        of.validate_python(plain)
    except Exception as exc:  # whatever the plugin's own values raise
        log.exception("result refused", run=str(run_id), operation=operation.type)
        raise OperationFailure(
            "What the operation returned is not what it declares as its result.",
            reason=ReasonCode.UNSUPPORTED,
            code="result_refused",
        ) from exc
    if size > LARGEST:
        raise OperationFailure(
            f"The operation returned {size:,} bytes; a result has at most {LARGEST:,}.",
            reason=ReasonCode.UNSUPPORTED,
            code="result_too_large",
        )
    return plain


def _clean(value: Any) -> Any:
    """A plain copy without secrets. Raises ValueError for a number that JSON does not have."""
    if isinstance(value, str):
        return redact_text(value, limit=LARGEST)
    if isinstance(value, dict):
        return {key: _clean(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_clean(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not a number, or an infinite one")
    return value
