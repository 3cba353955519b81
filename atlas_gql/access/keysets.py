"""The public keys of an issuer: fetched seldom, by one at a time, and kept while the issuer is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import orjson
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from atlas_gql.settings import Issuer

log = structlog.get_logger("atlas.access")

FRESH = 3600.0
"""Seconds after which keys are fetched anew, beside what is answered with those that are known."""
KEPT = 86_400.0
"""Seconds for which keys are used while the issuer does not answer."""
BETWEEN = 30.0
"""Seconds between two fetches, whatever comes: keys that nobody has are asked for no more often."""
PATIENCE = 5.0
"""Seconds for all of a fetch."""
LARGEST = 256 * 1024
"""Bytes of an answer."""
MOST = 100
"""Keys of an issuer."""
LEAST_BITS = 2048
"""Of an RSA key."""


class KeySet:
    """The keys of one issuer, by their ids. Belongs to one event loop."""

    def __init__(
        self, issuer: Issuer, client: httpx.AsyncClient, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer = issuer
        self._client = client
        self._clock = clock
        self._keys: dict[str, dict[str, Any]] = {}
        self._made: dict[tuple[str, str], jwt.PyJWK | None] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, key_id: str, algorithm: str) -> jwt.PyJWK | None:
        """The key of this id, for this algorithm; None when the issuer has none, or cannot be asked."""
        age = None if self._fetched_at is None else self._clock() - self._fetched_at
        if age is None or age > KEPT or key_id not in self._keys:
            if fetching := self._fetch():
                await asyncio.shield(fetching)
            age = None if self._fetched_at is None else self._clock() - self._fetched_at
        elif age > FRESH:
            self._fetch()  # nobody waits for it
        if age is None or age > KEPT:
            return None
        return self._usable(key_id, algorithm)

    def _usable(self, key_id: str, algorithm: str) -> jwt.PyJWK | None:
        if key_id not in self._keys:
            return None
        named = (key_id, algorithm)
        if named not in self._made:
            self._made[named] = usable(self._keys[key_id], algorithm)
        return self._made[named]

    def _fetch(self) -> asyncio.Task[None] | None:
        """The fetch that is under way, begun here if need be; None where it is too early for another one."""
        if self._fetching is None:
            now = self._clock()
            if self._tried_at is not None and now - self._tried_at < BETWEEN:
                return None
            self._tried_at = now
            self._fetching = asyncio.create_task(self._fetch_once())
        return self._fetching

    async def _fetch_once(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                document = await self._read(self._issuer.jwks_url or await self._discovered())
            self._keys, self._made = _by_id(document), {}
            self._fetched_at = self._clock()
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as exc:
            log.warning("cannot fetch an issuer's keys", issuer=self._issuer.issuer, error=type(exc).__name__)
        finally:
            self._fetching = None

    async def _discovered(self) -> str:
        found = await self._read(f"{self._issuer.issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self._issuer.issuer:
            raise ValueError("the issuer says that it is another one")
        # Checked as the setting is: keys come over https, or from this machine.
        return Issuer(issuer=self._issuer.issuer, audience="-", jwks_url=found.get("jwks_uri")).jwks_url or ""

    async def _read(self, url: str) -> dict[str, Any]:
        body = bytearray()
        async with self._client.stream("GET", url, headers={"Accept": "application/json"}) as answer:
            answer.raise_for_status()
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > LARGEST:
                    raise ValueError("the answer is too large")
        document = orjson.loads(bytes(body))
        if not isinstance(document, dict):
            raise ValueError("the answer is no object")
        return document


def _by_id(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    keys = document.get("keys")
    if not isinstance(keys, list):
        raise ValueError("the answer has no keys")
    return {
        key["kid"]: key
        for key in keys[:MOST]
        if isinstance(key, dict) and isinstance(key.get("kid"), str) and key.get("use", "sig") == "sig"
    }


def usable(key: dict[str, Any], algorithm: str) -> jwt.PyJWK | None:
    """A JSON Web Key to verify with; None for one that is of another algorithm, weak or malformed."""
    if key.get("alg", algorithm) != algorithm or key.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    try:
        # Without what only the holder should know, whatever the issuer put there.
        made = jwt.PyJWK({name: value for name, value in key.items() if name != "d"}, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if isinstance(made.key, RSAPublicKey) and made.key.key_size < LEAST_BITS:
        return None
    return made
