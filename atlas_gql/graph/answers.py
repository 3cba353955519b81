"""What an answer of Microsoft's, or the lack of one, means: data, or a GraphError with a reason code.

Decided by HTTP status first, by the error's code second, and never by its text alone. Microsoft's text
is read and thrown away: what an error says is ours. Forms of the bodies: an envelope
`{"error": {"code", "message", "innerError"}}`, where Intune puts another JSON document into `message`;
also empty bodies, HTML and broken JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import orjson

from atlas_gql.errors import GraphError
from atlas_gql.reasons import ReasonCode

LONGEST_RETRY_AFTER = 86_400.0
UNCERTAIN_STATUS = frozenset({408, 409, 423, 429, 500, 502, 503, 504, 509})
"""After these a write may have been carried out all the same."""

_REASONS = {
    400: ReasonCode.INVALID_REQUEST,
    401: ReasonCode.AUTHENTICATION_FAILED,
    402: ReasonCode.NOT_LICENSED,
    403: ReasonCode.PERMISSION_DENIED,
    404: ReasonCode.NOT_FOUND,
    408: ReasonCode.TIMEOUT,
    409: ReasonCode.CONFLICT,
    412: ReasonCode.CONFLICT,
    423: ReasonCode.CONFLICT,
    424: ReasonCode.DEPENDENCY_UNREACHABLE,
    429: ReasonCode.THROTTLED,
    504: ReasonCode.TIMEOUT,
    509: ReasonCode.THROTTLED,
}
_MESSAGES = {
    ReasonCode.INVALID_REQUEST: (
        "Microsoft refused the call as malformed, or the tenant does not have this feature."
    ),
    ReasonCode.AUTHENTICATION_FAILED: (
        "Microsoft Graph did not accept the access token. Check the provider's client id and credential."
    ),
    ReasonCode.NOT_LICENSED: "The tenant lacks the licence that this feature needs.",
    ReasonCode.PERMISSION_DENIED: (
        "The application may not do this. Grant it the permission with admin consent in Microsoft Entra, "
        "and check its Intune role and the tenant's licence."
    ),
    ReasonCode.NOT_FOUND: "Microsoft Graph does not find this: it is gone, or was never there.",
    ReasonCode.TIMEOUT: "Microsoft did not answer in time. Try again later.",
    ReasonCode.CONFLICT: "It is locked, or in a state that forbids the change. Try again later.",
    ReasonCode.THROTTLED: "Microsoft asked us to slow down, for longer than this call may wait.",
    ReasonCode.DEPENDENCY_UNREACHABLE: "Microsoft's service is failing at the moment. Try again later.",
    ReasonCode.INVALID_RESPONSE: "Microsoft's answer could not be understood.",
    ReasonCode.APPROVAL_REQUIRED: (
        "The tenant wants a second administrator to approve this change (Multi Admin Approval). Have it "
        "approved in the Intune admin center, or exclude the application there, and try again."
    ),
}
_FILED = (
    "The tenant wants a second administrator to approve this change (Multi Admin Approval). A request was "
    "filed with the reason given. Have it approved in the Intune admin center, or exclude the application "
    "there, and try again."
)
APPROVAL_REQUEST = "approval_request."
"""How the `detail` of an APPROVAL_REQUIRED begins when a request was filed; its code follows."""
_APPROVAL_CODE = re.compile(r"[0-9A-Za-z-]{1,64}")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One HTTP answer, read to its end."""

    status: int
    headers: httpx.Headers
    content: bytes
    request_id: str
    """Microsoft's `request-id`, or our own `client-request-id` where there is none."""


def decode(answer: Answer) -> dict[str, Any]:
    """The JSON object of a successful answer. Raises GraphError (INVALID_RESPONSE) for anything else."""
    return as_object(parse(answer.content), request_id=answer.request_id)


def decode_any(answer: Answer) -> Any:
    """The JSON value of a write's answer. Raises GraphError (INVALID_RESPONSE), though the write happened."""
    try:
        return orjson.loads(answer.content)
    except orjson.JSONDecodeError as exc:
        error = invalid_response(request_id=answer.request_id)
        error.may_have_happened = True
        raise error from exc


def as_object(body: Any, *, request_id: str | None = None) -> dict[str, Any]:
    """`body` when it is a JSON object. Raises GraphError (INVALID_RESPONSE)."""
    if not isinstance(body, dict):
        raise invalid_response(request_id=request_id)
    return body


def count_of(raw: Any) -> int:
    """A `$count`, which comes as plain text. Raises GraphError (INVALID_RESPONSE) for anything else."""
    text = str(raw).strip().removeprefix("\ufeff")
    if not (text.isascii() and text.isdigit()):
        raise invalid_response("Microsoft gave no number.")
    return int(text)


def parse(content: bytes) -> Any:
    """The JSON value of a body; None when it is none."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def invalid_response(
    message: str = "", *, request_id: str | None = None, detail: str | None = None
) -> GraphError:
    """The error for an answer that is no answer; `message` is public."""
    return GraphError(
        message or _MESSAGES[ReasonCode.INVALID_RESPONSE],
        reason=ReasonCode.INVALID_RESPONSE,
        detail=detail,
        request_id=request_id,
    )


def refusal(
    status: int,
    headers: Mapping[str, str],
    body: Any,
    *,
    now: float,
    writing: bool = False,
    permission: str | None = None,
    permitted: bool = False,
    request_id: str | None = None,
) -> GraphError:
    """The error that an unsuccessful answer, or part of a batch, means.

    `body` is the parsed JSON, whatever it is; `now` the wall clock, for a Retry-After that is a date;
    `permission` the Graph permission that the call takes, named when it is missing; `permitted` whether
    the token that was sent includes it.
    """
    code, text = _error_of(body)
    reason = _reason(status, headers, code, text, writing=writing)
    if permitted and not writing and _is_unlicensed(status, code, body):
        reason = ReasonCode.NOT_LICENSED
    message, detail = _MESSAGES[reason], None
    if reason is ReasonCode.PERMISSION_DENIED and permission:
        message = f"{message} Permission: {permission}."
    filed = _filed(headers)
    if reason is ReasonCode.APPROVAL_REQUIRED and filed is not None:
        message, detail = _FILED, f"{APPROVAL_REQUEST}{filed}"
    return GraphError(
        message,
        reason=reason,
        detail=detail,
        status=status,
        retry_after=retry_after(headers, now=now),
        may_have_happened=writing and reason is not ReasonCode.APPROVAL_REQUIRED and _uncertain(status),
        request_id=request_id,
    )


def unreachable(exc: httpx.HTTPError | TimeoutError, *, writing: bool, request_id: str) -> GraphError:
    """The error that an exception of the transport means; chain it with `raise ... from exc`."""
    never_sent = isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    if isinstance(exc, TimeoutError | httpx.TimeoutException):
        reason = ReasonCode.TIMEOUT
        message = "Microsoft Graph did not answer in time. Try again later; check proxy and firewall."
    elif isinstance(exc, httpx.DecodingError):
        reason, message = ReasonCode.INVALID_RESPONSE, _MESSAGES[ReasonCode.INVALID_RESPONSE]
    else:
        reason = ReasonCode.DEPENDENCY_UNREACHABLE
        message = "Microsoft Graph could not be reached. Check the network, the proxy and DNS."
    return GraphError(
        message, reason=reason, may_have_happened=writing and not never_sent, request_id=request_id
    )


def retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds to wait by the Retry-After header, as number or date; None when absent or garbage."""
    value = next((str(v).strip() for k, v in headers.items() if k.lower() == "retry-after"), "")
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_RETRY_AFTER)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    if when.tzinfo is None:  # a date that says "-0000"; HTTP dates are in UTC
        when = when.replace(tzinfo=UTC)
    return min(max(0.0, when.timestamp() - now), LONGEST_RETRY_AFTER)


def _uncertain(status: int) -> bool:
    return status in UNCERTAIN_STATUS or status >= 500


def _reason(status: int, headers: Mapping[str, str], code: str, text: str, *, writing: bool) -> ReasonCode:
    # Only writes are held for approval; 412 says that the request for it was filed, 409 that one is open.
    # https://learn.microsoft.com/intune/fundamentals/role-based-access-control/multi-admin-approval-graph-api
    said = f"{code} {text}".lower()
    if writing and status in (400, 403, 409, 412) and (_filed(headers) is not None or "approval" in said):
        return ReasonCode.APPROVAL_REQUIRED
    if status in (400, 403) and ("license" in said or "licence" in said):
        return ReasonCode.NOT_LICENSED
    if status == 401 and code == "Forbidden":  # Intune's old way of refusing for want of permission
        return ReasonCode.PERMISSION_DENIED
    if status < 400:
        return ReasonCode.INVALID_RESPONSE
    return _REASONS.get(
        status, ReasonCode.INVALID_REQUEST if status < 500 else ReasonCode.DEPENDENCY_UNREACHABLE
    )


def _is_unlicensed(status: int, code: str, body: Any) -> bool:
    """Whether Intune itself refuses a read for which the token has the permission, and does not name one.

    To a tenant without the licence Intune answers with its own document, "An error has occurred", and no
    word of a licence. Whom it does not authorize it tells so.
    """
    if status != 403 or code != "Forbidden" or not isinstance(body, dict):
        return False
    message = str(body["error"].get("message"))
    return message.lstrip().startswith("{") and "not authorized" not in message


def _filed(headers: Mapping[str, str]) -> str | None:
    """The code of the request for approval that Microsoft filed; empty for one that is no code."""
    code = next((str(v) for name, v in headers.items() if name.lower() == "x-msft-approval-code"), None)
    return code if code is None or _APPROVAL_CODE.fullmatch(code) else ""


def _error_of(body: Any) -> tuple[str, str]:
    """(code, text) of an error body, from Intune's document inside the message where there is one."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "", ""
    code, text = str(error.get("code") or ""), str(error.get("message") or "")
    nested = parse(text.encode(errors="replace")) if text.lstrip().startswith("{") else None
    if isinstance(nested, dict):
        code = str(nested.get("ErrorCode") or code)
        said = str(nested.get("Message") or "").split(" - Operation ID", 1)[0]
        text = f"{said} {nested.get('CustomApiErrorPhrase') or ''}"
    return code, text
