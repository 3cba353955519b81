"""Whatever went wrong, as a failure that may be shown: code, reason code, public message."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from atlas_gql.errors import OperationFailure
from atlas_gql.reasons import DESCRIPTIONS, ReasonCode
from atlas_gql.redaction import redact_text

UNEXPECTED = "failed_unexpectedly"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a run or an item failed, ready to be stored and shown.

    `code` is namespaced by the operation (`assignments.restore.item_failed`).
    """

    code: str
    reason: ReasonCode
    message: str
    detail: str | None = None
    request_id: str | None = None


def classify(error: BaseException, operation: str) -> Failure:
    """The failure behind an exception; its text is shown only where it is ours and meant to be public."""
    if isinstance(error, OperationFailure):
        detail = error.detail
        if error.reason_code is ReasonCode.EXTENSION and detail:
            detail = f"{operation.split('.', 1)[0]}.{detail}"
        return Failure(
            code=f"{operation}.{error.failure_code}",
            reason=error.reason_code,
            message=redact_text(error.message),
            detail=detail,
            request_id=error.request_id,
        )
    reason = _foreign(error)
    return Failure(
        code=f"{operation}.{UNEXPECTED}",
        reason=reason,
        message=DESCRIPTIONS[reason],
        # The type's name is code, not data: it helps to find the line in the log.
        detail=type(error).__name__[:100],
    )


def _foreign(error: BaseException) -> ReasonCode:
    if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
        return ReasonCode.TIMEOUT
    if isinstance(error, (ConnectionError,)):
        return ReasonCode.DEPENDENCY_UNREACHABLE
    return ReasonCode.UNKNOWN_ERROR
