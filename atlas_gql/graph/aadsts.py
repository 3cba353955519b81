"""What the login service's error codes (AADSTS...) mean, and what to do about them.

Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes (read 2026-11-23).
Microsoft may change codes: one that is not in the table is AUTHENTICATION_FAILED.
"""

from __future__ import annotations

import re
from typing import Any

from atlas_gql.errors import GraphError
from atlas_gql.reasons import ReasonCode

_CODE = re.compile(r"AADSTS(\d{4,8})")

_WRONG_VALUE = (
    "The client secret is wrong. Enter the secret's value - not its id - from Microsoft Entra, "
    "App registrations, Certificates & secrets."
)
_ASSERTION_BAD = (
    "Microsoft Entra does not accept the certificate or assertion. Check that the certificate is uploaded "
    "to the app registration and has not ended, or that the federated credential fits."
)
_NO_CONSENT = (
    "The tenant's administrator has not consented to the application. Have an administrator of the tenant "
    "grant admin consent, then try again."
)
_WRONG_CLOUD = "The tenant lives in another cloud. Choose the tenant's own cloud in the provider."
_BAD_REQUEST = "Microsoft Entra refused the token request. Check the provider's cloud and client id."
_BLOCKED = (
    "Conditional access in the tenant blocks the application. Have an administrator of the tenant exclude "
    "the service principal or its addresses from the policy."
)
_FAILING = "Microsoft's login service is failing at the moment. Try again later."

_TABLE: dict[int, tuple[ReasonCode, str]] = {
    7000215: (ReasonCode.AUTHENTICATION_FAILED, _WRONG_VALUE),
    7000222: (
        ReasonCode.CREDENTIAL_EXPIRED,
        "The client secret has expired. Make a new one in Microsoft Entra and rotate the credential.",
    ),
    **dict.fromkeys((700027, 50012, 50013, 900384), (ReasonCode.AUTHENTICATION_FAILED, _ASSERTION_BAD)),
    700024: (
        ReasonCode.AUTHENTICATION_FAILED,
        "The client assertion is outside its time window. Check this machine's clock, and the certificate.",
    ),
    700016: (
        ReasonCode.CONSENT_MISSING,
        "The application is not known in the tenant. Check the client id, and have an administrator of the "
        "tenant grant admin consent.",
    ),
    7000112: (
        ReasonCode.AUTHENTICATION_FAILED,
        "The application is disabled in the tenant. Enable it in Microsoft Entra, Enterprise applications.",
    ),
    **dict.fromkeys(
        (7000218, 900144, 90014, 500011, 50001, 70011, 28002, 700023, 9001023, 90130),
        (ReasonCode.INVALID_REQUEST, _BAD_REQUEST),
    ),
    90002: (
        ReasonCode.TENANT_NOT_FOUND,
        "There is no such tenant in this cloud. Check the tenant id and the provider's cloud.",
    ),
    **dict.fromkeys((90038, 900382, 900432), (ReasonCode.AUTHENTICATION_FAILED, _WRONG_CLOUD)),
    **dict.fromkeys((65001, 90094, 90099), (ReasonCode.CONSENT_MISSING, _NO_CONSENT)),
    **dict.fromkeys((53003, 530032, 50005), (ReasonCode.BLOCKED_BY_POLICY, _BLOCKED)),
    90055: (ReasonCode.THROTTLED, "Microsoft's login service asked us to slow down. Try again later."),
    **dict.fromkeys(
        (90006, 90024, 90033, 90090, 50000, 40010), (ReasonCode.DEPENDENCY_UNREACHABLE, _FAILING)
    ),
    90012: (ReasonCode.TIMEOUT, "Microsoft's login service did not answer in time. Try again later."),
}
_FALLBACKS = {
    ReasonCode.AUTHENTICATION_FAILED: (
        "Microsoft Entra refused the credential. Check the provider's client id and credential."
    ),
    ReasonCode.DEPENDENCY_UNREACHABLE: _FAILING,
    ReasonCode.TENANT_NOT_FOUND: _TABLE[90002][1],
    ReasonCode.INVALID_RESPONSE: "The answer of Microsoft's login service could not be understood.",
    ReasonCode.MISSING_CONFIGURATION: (
        "The provider's credential cannot be used: the private key or its passphrase cannot be read."
    ),
}


def code_of(said: dict[str, Any] | BaseException) -> int | None:
    """The AADSTS code in msal's result, or in an exception or what led to it; None when there is none."""
    if isinstance(said, dict):
        codes = said.get("error_codes")
        if isinstance(codes, list) and codes and isinstance(codes[0], int):
            return codes[0]
        return _search(str(said.get("error_description")))
    link: BaseException | None = said
    while link is not None:
        if code := _search(str(link)):
            return code
        link = link.__cause__ or link.__context__
    return None


def is_known(code: int | None) -> bool:
    """Whether the table tells what a code means."""
    return code in _TABLE


def login_error(
    code: int | None,
    *,
    fallback: ReasonCode = ReasonCode.AUTHENTICATION_FAILED,
    request_id: str | None = None,
) -> GraphError:
    """The error for an AADSTS code; `fallback` is the reason where there is no code at all."""
    if code in _TABLE:
        reason, message = _TABLE[code]
    else:
        reason = fallback if code is None else ReasonCode.AUTHENTICATION_FAILED
        message = _FALLBACKS[reason]
    return GraphError(message, reason=reason, detail=f"AADSTS{code}" if code else None, request_id=request_id)


def _search(text: str) -> int | None:
    found = _CODE.search(text)
    return int(found.group(1)) if found else None
