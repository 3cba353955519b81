"""The application roles that routes ask for, and how Graph refuses a token that lacks them."""

from __future__ import annotations

from atlas_gql.simulator.calls import Call
from atlas_gql.simulator.errors import Refused


def require_intune(call: Call, demanded: tuple[tuple[str, ...], ...]) -> None:
    """Pass a token with one role of each group. Raises Intune's 403, which tells an empty token apart."""
    roles = next((group for group in demanded if not call.roles.intersection(group)), None)
    if roles is None:
        return
    text = "Application is not authorized to perform this operation"
    if call.roles:
        text += f". Application must have one of the following scopes: {', '.join(roles)}"
    else:
        text += " as called in app only context but does not have application permissions configured."
    raise Refused(403, "Forbidden", text, nested=True)


def require_directory(call: Call, roles: tuple[str, ...]) -> None:
    """Pass a token with one of these roles. Raises the directory's 403."""
    if not call.roles.intersection(roles):
        raise Refused(
            403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
        )
