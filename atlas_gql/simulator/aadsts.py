"""The errors of Microsoft's login service by their AADSTS code: error word, status, text."""

from __future__ import annotations

_CLIENT = ("invalid_client", 401)
_GRANT = ("invalid_grant", 400)
_REQUEST = ("invalid_request", 400)
_RESOURCE = ("invalid_resource", 400)
_SCOPE = ("invalid_scope", 400)
_APP = ("unauthorized_client", 400)
_DOWN = ("temporarily_unavailable", 503)

AADSTS: dict[int, tuple[str, int, str]] = {
    7000215: (*_CLIENT, "Invalid client secret provided."),
    7000222: (*_CLIENT, "The provided client secret keys are expired."),
    700027: (*_CLIENT, "Client assertion failed signature validation."),
    50012: (*_CLIENT, "Authentication failed."),
    50013: (*_CLIENT, "The assertion is not valid."),
    900384: (*_CLIENT, "JWT token failed signature validation."),
    700024: (*_CLIENT, "Client assertion is not within its valid time range."),
    700016: (*_APP, "Application was not found in the directory."),
    7000112: (*_APP, "Application is disabled."),
    7000218: (*_CLIENT, "The request body must contain 'client_assertion' or 'client_secret'."),
    900144: (*_REQUEST, "The request body must contain a parameter."),
    90014: (*_REQUEST, "The required field is missing from the credential."),
    90002: (*_REQUEST, "Tenant not found."),
    90038: (*_REQUEST, "Confidential client is not supported in cross cloud request."),
    900382: (*_REQUEST, "Confidential client is not supported in cross cloud request."),
    900432: (*_REQUEST, "Confidential client is not supported in cross cloud request."),
    65001: (*_GRANT, "The user or administrator has not consented to use the application."),
    90094: (*_GRANT, "Admin consent is required."),
    90099: (*_GRANT, "The application has not been authorized in the tenant."),
    500011: (*_RESOURCE, "The resource principal was not found."),
    50001: (*_RESOURCE, "The resource is not known."),
    70011: (*_SCOPE, "The provided value for the input parameter 'scope' is not valid."),
    28002: (*_SCOPE, "The provided value for the input parameter 'scope' is not valid."),
    700023: (*_SCOPE, "Client assertion audience claim does not match."),
    9001023: (*_REQUEST, "The grant type is not supported over the /common endpoints."),
    90130: (*_REQUEST, "The application is not supported over the /common endpoints."),
    53003: (*_GRANT, "Access has been blocked by Conditional Access policies."),
    530032: ("access_denied", 400, "Blocked by security policy."),
    50005: ("access_denied", 400, "Access has been blocked by Conditional Access policies."),
    50034: (*_GRANT, "The user account does not exist in the directory."),
    50126: (*_GRANT, "Error validating credentials due to invalid username or password."),
    50076: (*_GRANT, "Multi-factor authentication is required."),
    50079: (*_GRANT, "Enrolment in multi-factor authentication is required."),
    90055: ("temporarily_unavailable", 429, "The tenant is throttled."),
    90006: (*_DOWN, "An external server error has occurred."),
    90024: (*_DOWN, "A transient error has occurred."),
    90033: (*_DOWN, "A transient error has occurred. Please try again."),
    90090: (*_DOWN, "The request failed with a transient error."),
    50000: (*_DOWN, "There was an error issuing a token."),
    40010: (*_DOWN, "A retryable error has occurred."),
    90012: (*_DOWN, "The request has timed out."),
}
"""The words and statuses are from experience; the meanings are documented."""


def aadsts(code: int) -> tuple[str, int, str]:
    """The error word, the status and the text of a code, also of one that is not in the table."""
    return AADSTS.get(code, (*_REQUEST, "The request was refused."))
