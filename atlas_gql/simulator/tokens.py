"""Access tokens: made at the login routes, checked on every call of Graph."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt

from atlas_gql.simulator.errors import Refused
from atlas_gql.simulator.state import Registration, State, Tenant

LIFETIME = 3599
_CHALLENGE = (
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
    'client_id="00000003-0000-0000-c000-000000000000"'
)


@dataclass(frozen=True, kw_only=True)
class Bearer:
    """What a token says: whose data, and which application roles."""

    tenant: str
    app: str
    roles: frozenset[str]


class Tokens:
    """Makes and checks tokens with a key that no other process knows. `clock` gives Unix seconds."""

    def __init__(self, clock: Callable[[], float], lifetime: int = LIFETIME) -> None:
        self._key = secrets.token_bytes(32)
        self._clock = clock
        self.lifetime = lifetime

    def mint(self, tenant: Tenant, registration: Registration, audience: str) -> str:
        now = int(self._clock())
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{tenant.id}/",
            "tid": tenant.id,
            "appid": registration.client_id,
            "idtyp": "app",
            "roles": sorted(registration.roles),
            "iat": now,
            "nbf": now,
            "exp": now + self.lifetime,
            "ver": "1.0",
        }
        return jwt.encode(claims, self._key, algorithm="HS256")

    def check(self, authorization: str, state: State) -> Bearer:
        """What the token in an `Authorization` header says. Raises Refused (401)."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise _unauthorized("Access token is empty.")
        try:
            claims: dict[str, Any] = jwt.decode(
                token.strip(),
                self._key,
                algorithms=["HS256"],
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
            )
        except jwt.InvalidTokenError:
            raise _unauthorized("CompactToken validation failed with reason code: 80049228.") from None
        if claims["exp"] <= self._clock():
            raise _unauthorized("Lifetime validation failed, the token is expired.")
        if claims["tid"] not in state.tenants:
            raise _unauthorized("The token's tenant is not known.")
        return Bearer(tenant=claims["tid"], app=claims["appid"], roles=frozenset(claims["roles"]))


def _unauthorized(message: str) -> Refused:
    return Refused(401, "InvalidAuthenticationToken", message, headers={"WWW-Authenticate": _CHALLENGE})
