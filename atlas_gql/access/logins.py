"""Bearer tokens of OpenID Connect: what an issuer says of whoever shows one."""

from __future__ import annotations

import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
import jwt

from atlas_gql.access.keysets import KeySet
from atlas_gql.errors import ValidationError
from atlas_gql.settings import Issuer
from atlas_gql.values import LONGEST_NAME, checked_email, checked_name

LONGEST = 16_384
"""Characters of a token."""
LONGEST_SUBJECT = 255
_REQUIRED = ("exp", "iat", "iss", "aud")
_YES = (True, 1, "1", "true", "True")


@dataclass(frozen=True, kw_only=True)
class Login:
    """What a token proves. `email` is only there when the issuer says that it is verified."""

    issuer: str
    subject: str
    name: str | None
    email: str | None
    ends_at: datetime


@cache
def _certificates() -> ssl.SSLContext:
    """Whom to trust; read once in a process, which takes longer than all the rest."""
    return httpx.create_ssl_context()


class Logins:
    """Verifies the bearer tokens of the issuers that the settings name."""

    def __init__(self, issuers: Collection[Issuer]) -> None:
        # Without issuers there is nothing to fetch, and the system's certificates need not be read.
        self._client = httpx.AsyncClient(verify=_certificates(), follow_redirects=False) if issuers else None
        self._issuers = {
            issuer.issuer: (issuer, KeySet(issuer, self._client)) for issuer in issuers if self._client
        }

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def verified(self, token: str) -> Login | None:
        """What the token proves; None for whatever proves nothing, whyever that is."""
        if not self._issuers or len(token) > LONGEST or token.count(".") != 2:
            return None
        try:
            header = jwt.get_unverified_header(token)
            claimed = jwt.decode(token, options={"verify_signature": False})
            issuer, keys = self._issuers[claimed["iss"]]
            algorithm, key_id = header.get("alg"), header.get("kid")
            if algorithm not in issuer.algorithms or not isinstance(key_id, str) or "crit" in header:
                return None
            key = await keys.key(key_id, algorithm)
            if key is None:
                return None
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=issuer.audience,
                issuer=issuer.issuer,
                leeway=issuer.skew_seconds,
                options={"require": [*_REQUIRED, issuer.subject_claim]},
            )
            return _login(claims, issuer)
        # The claims are the sender's: whatever is odd about them proves nothing.
        except (jwt.PyJWTError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return None


def _login(claims: Mapping[str, Any], issuer: Issuer) -> Login | None:
    subject = claims[issuer.subject_claim]
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
        return None
    if not all(_says(claims.get(name), value) for name, value in issuer.required_claims.items()):
        return None
    ends = datetime.fromtimestamp(int(claims["exp"]), UTC) + timedelta(seconds=issuer.skew_seconds)
    return Login(
        issuer=issuer.issuer,
        subject=subject,
        name=_name(claims.get(issuer.name_claim)),
        email=_email(claims, issuer),
        ends_at=ends,
    )


def _says(claim: Any, value: str) -> bool:
    """Whether a claim is this value, or holds it as one of a list or of several words."""
    if isinstance(claim, str):
        return claim == value or value in claim.split(" ")
    return isinstance(claim, list) and value in claim


def _name(claim: Any) -> str | None:
    if not isinstance(claim, str) or "@" in claim:  # an address is no name, and the audit trail holds none
        return None
    try:
        return checked_name(claim[:LONGEST_NAME])
    except ValidationError:
        return None


def _email(claims: Mapping[str, Any], issuer: Issuer) -> str | None:
    email, verified = claims.get(issuer.email_claim), claims.get(issuer.email_verified_claim)
    if not isinstance(email, str) or not any(verified is yes or verified == yes for yes in _YES):
        return None
    try:
        return checked_email(email).lower()
    except ValidationError:
        return None
