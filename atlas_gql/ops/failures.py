"""Whatever went wrong, as a failure that may be shown: code, reason code, public message."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from functools import lru_cache

import httpx
import psycopg
import structlog
from msal.exceptions import MsalError, MsalServiceError
from psycopg.errors import LockNotAvailable, QueryCanceled
from psycopg_pool import PoolTimeout

from atlas_gql.errors import AccessError, AtlasError, ConfigurationError, NotFound, OperationFailure
from atlas_gql.ops.control import meant
from atlas_gql.plugins.details import DETAILS
from atlas_gql.reasons import DESCRIPTIONS, ReasonCode
from atlas_gql.redaction import redact_text

log = structlog.get_logger("atlas.plugin")

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
    error = meant(error)
    if isinstance(error, OperationFailure):
        detail = _name(error.detail)
        if error.reason_code is ReasonCode.EXTENSION and detail:
            detail = f"{operation.split('.', 1)[0]}.{detail}"
            _told(detail)
        return Failure(
            code=f"{operation}.{_name(error.failure_code) or 'failed'}",
            reason=error.reason_code,
            message=redact_text(error.message),
            detail=detail,
            request_id=error.request_id,
        )
    reason, message = _explained(error)
    return Failure(
        code=f"{operation}.{UNEXPECTED}",
        reason=reason,
        message=message or DESCRIPTIONS[reason],
        # The type's name is code, not data: it helps to find the line in the log.
        detail=type(error).__name__[:100],
    )


@lru_cache(maxsize=1000)
def _told(detail: str) -> None:
    """Tell the log, once, of a detail that its plugin does not declare: nobody can look it up."""
    if detail not in DETAILS:
        log.warning("reason detail not declared", detail=detail)


def _name(text: str | None) -> str | None:
    """A code or detail, if it is one: names are shown as they are, so nothing else may pass for one."""
    return text if text and _NAME.fullmatch(text) else None


_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")

DATABASE_SLOW = "Atlas's database did not answer in time. Try again later."
DATABASE_DOWN = "Atlas's database could not be reached, or could not do its part. Try again later."
LOGIN_DOWN = "Microsoft's login service is failing at the moment. Try again later."

_FOREIGN: tuple[tuple[tuple[type[BaseException], ...], ReasonCode, str | None], ...] = (
    # More special ones first: libraries derive one from another.
    ((httpx.TimeoutException,), ReasonCode.TIMEOUT, None),
    ((httpx.DecodingError, httpx.RemoteProtocolError), ReasonCode.INVALID_RESPONSE, None),
    ((httpx.TransportError,), ReasonCode.DEPENDENCY_UNREACHABLE, None),
    ((MsalServiceError,), ReasonCode.DEPENDENCY_UNREACHABLE, LOGIN_DOWN),
    ((MsalError,), ReasonCode.AUTHENTICATION_FAILED, None),
    ((QueryCanceled, LockNotAvailable, PoolTimeout), ReasonCode.TIMEOUT, DATABASE_SLOW),
    ((psycopg.OperationalError, psycopg.InterfaceError), ReasonCode.DEPENDENCY_UNREACHABLE, DATABASE_DOWN),
    ((TimeoutError,), ReasonCode.TIMEOUT, None),
    ((ConnectionError, socket.gaierror), ReasonCode.DEPENDENCY_UNREACHABLE, None),
)

_OURS: tuple[tuple[type[AtlasError], ReasonCode], ...] = (
    (NotFound, ReasonCode.NOT_FOUND),
    (AccessError, ReasonCode.PERMISSION_DENIED),
    (ConfigurationError, ReasonCode.MISSING_CONFIGURATION),
    (AtlasError, ReasonCode.INVALID_REQUEST),
)


def _explained(error: BaseException) -> tuple[ReasonCode, str | None]:
    """The reason behind an exception that is no failure of an operation, and what to say of it."""
    for ours, reason in _OURS:
        if isinstance(error, ours):
            return reason, redact_text(error.message)
    for types, reason, message in _FOREIGN:
        if isinstance(error, types):
            return reason, message
    return ReasonCode.UNKNOWN_ERROR, None
