"""Access tokens for one application in one tenant, by msal's client credentials.

Tokens and secrets live in memory only, and never in a repr or an error. msal is asked in a thread, as it
blocks: building an application already calls the login service.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

import httpx
import msal
from msal.exceptions import MsalServiceError

from atlas_gql.errors import GraphError
from atlas_gql.graph.aadsts import code_of, is_known, login_error
from atlas_gql.graph.answers import invalid_response, parse
from atlas_gql.graph.clouds import Cloud
from atlas_gql.graph.patience import Clock
from atlas_gql.reasons import ReasonCode

LOGIN_TIMEOUT = httpx.Timeout(connect=10, read=30, write=30, pool=60)
RENEW_BEFORE = 300.0
"""Seconds before its end at which a token is renewed."""


class TokenSource(Protocol):
    """Where a client's access tokens come from."""

    async def token(self, *, refresh: bool = False) -> str:
        """A bearer token for Graph; a new one with `refresh`. Raises GraphError."""


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A client secret."""

    value: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A certificate and its private key, both PEM."""

    certificate: str = field(repr=False)
    private_key: str = field(repr=False)
    passphrase: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Federated:
    """A workload identity: `assertion` gives a fresh JWT; it is called in a thread and may block."""

    assertion: Callable[[], str] = field(repr=False)


Credential = Secret | Certificate | Federated


class MsalTokens:
    """The tokens of one application in one tenant of one cloud; keep one per provider.

    `http` belongs to the caller, as does `executor` (None: the event loop's own). Callers that come at
    once share one request, and its refusal.
    """

    def __init__(
        self,
        *,
        cloud: Cloud,
        tenant_id: str,
        client_id: str,
        credential: Credential,
        http: httpx.Client,
        executor: Executor | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._cloud = cloud
        self._tenant_id = tenant_id.lower()
        self._client_id = client_id
        self._credential = credential
        self._http = _LoginHttp(http, cloud)
        self._executor = executor
        self._clock = clock or Clock()
        self._asking: asyncio.Task[str] | None = None
        self._app: msal.ConfidentialClientApplication | None = None
        self._token: str | None = None
        self._renew_at = 0.0

    async def token(self, *, refresh: bool = False) -> str:
        """A token with at least some minutes left; with `refresh`, one that comes after this call began.

        Raises GraphError with the reason code of what the login service said; nothing of it is kept, so
        that the next call asks anew.
        """
        if self._token is not None and not refresh and self._clock.monotonic() < self._renew_at:
            return self._token
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._renewed(refresh), name="atlas-token")
            self._asking.add_done_callback(_looked_at)
        # Whoever is cancelled leaves the others their answer.
        return await asyncio.shield(self._asking)

    async def _renewed(self, anew: bool) -> str:
        asked = self._clock.monotonic()
        loop = asyncio.get_running_loop()
        result = await loop.run_in_executor(self._executor, self._acquire, anew)
        token = self._checked(result)
        life = float(result.get("expires_in") or 0)
        self._renew_at = asked + life - min(RENEW_BEFORE, life / 2)
        self._token = token
        return token

    def _acquire(self, anew: bool) -> dict[str, Any]:
        """msal's result, in a thread. Raises GraphError."""
        # msal repeats a refusal from its own cache for a minute; only a new application asks again.
        app = None if anew else self._app
        self._app = None
        try:
            app = app or self._application()
            result: dict[str, Any] = app.acquire_token_for_client(scopes=[self._cloud.scope])
        except MsalServiceError as exc:
            code = code_of(self._http.said)
            raise login_error(
                code if is_known(code) else None, fallback=ReasonCode.DEPENDENCY_UNREACHABLE
            ) from exc
        except httpx.TimeoutException as exc:
            raise GraphError(
                "Microsoft's login service did not answer in time. Try again later.",
                reason=ReasonCode.TIMEOUT,
            ) from exc
        except httpx.HTTPError as exc:
            raise GraphError(
                "Microsoft's login service could not be reached. Check the network, the proxy and DNS.",
                reason=ReasonCode.DEPENDENCY_UNREACHABLE,
            ) from exc
        except (ValueError, TypeError, LookupError, AttributeError, RuntimeError) as exc:
            # msal raises these for unknown tenants, unreadable keys and broken answers alike. Their text
            # may hold an answer of Microsoft's: it is searched for a code, and dropped.
            raise login_error(code_of(exc), fallback=_meaning(exc)) from None
        if "access_token" not in result:
            raise login_error(code_of(result), request_id=result.get("correlation_id"))
        self._app = app
        return result

    def _application(self) -> msal.ConfidentialClientApplication:
        return msal.ConfidentialClientApplication(
            self._client_id,
            authority=f"{self._cloud.authority}/{self._tenant_id}",
            client_credential=_for_msal(self._credential),
            token_cache=msal.TokenCache(),
            http_client=self._http,
            http_cache={},
            instance_discovery=False,
        )

    def _checked(self, result: dict[str, Any]) -> str:
        token = result["access_token"]
        tenant = claims(token).get("tid")
        if not isinstance(tenant, str) or tenant.lower() != self._tenant_id:
            raise GraphError(
                "Microsoft issued a token for another tenant; it was not used. Check the tenant id.",
                reason=ReasonCode.AUTHENTICATION_FAILED,
                detail="wrong_tenant",
            )
        return str(token)


def claims(token: str) -> dict[str, Any]:
    """What a token says of itself (`tid`, `roles`, ...), unverified. Raises GraphError when unreadable."""
    try:
        payload = str(token).split(".")[1]
        decoded = parse(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        decoded = None
    if not isinstance(decoded, dict):
        raise invalid_response("Microsoft's login service gave a token that Atlas cannot read.")
    return decoded


def roles_of(token: str) -> frozenset[str]:
    """The application permissions in a token, unverified; none where it cannot be read."""
    try:
        roles = claims(token).get("roles")
    except GraphError:
        return frozenset()
    return frozenset(map(str, roles)) if isinstance(roles, list) else frozenset()


def _looked_at(task: asyncio.Task[str]) -> None:
    """An error is told to whoever waits; when nobody does any more, it need not be reported as lost."""
    if not task.cancelled():
        task.exception()


def _for_msal(credential: Credential) -> Any:
    match credential:
        case Secret(value=value):
            return value
        case Federated(assertion=assertion):
            return {"client_assertion": lambda: _asserted(assertion)}
        case Certificate(certificate=certificate, private_key=key, passphrase=passphrase):
            form = {"private_key": key, "public_certificate": certificate}
            return {**form, "passphrase": passphrase} if passphrase else form


def _asserted(assertion: Callable[[], str]) -> str:
    try:
        return assertion()
    except GraphError:
        raise
    except Exception as exc:
        raise GraphError(
            "The federated assertion could not be had. Check where the provider gets it from.",
            reason=ReasonCode.MISSING_CONFIGURATION,
        ) from exc


def _meaning(exc: Exception) -> ReasonCode:
    """What an exception of msal's means that names no AADSTS code."""
    if isinstance(exc, json.JSONDecodeError) or isinstance(exc.__context__, json.JSONDecodeError):
        return ReasonCode.INVALID_RESPONSE
    if isinstance(exc, LookupError | AttributeError | RuntimeError):
        return ReasonCode.INVALID_RESPONSE  # a discovery document without what must be in it
    if str(exc).startswith("Unable to get authority"):
        return ReasonCode.TENANT_NOT_FOUND
    return ReasonCode.MISSING_CONFIGURATION  # the private key or its passphrase


class _LoginHttp:
    """The HTTP client that msal uses: ours, with the login service's real address put in."""

    def __init__(self, http: httpx.Client, cloud: Cloud) -> None:
        self._http = http
        self._cloud = cloud
        self.said: dict[str, Any] = {}
        """What came last with a status of 500 or more: msal raises an exception without it."""

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> httpx.Response:
        real = self._real(url)
        return self._kept(self._http.get(real, params=params, headers=headers, timeout=LOGIN_TIMEOUT))

    def post(
        self,
        url: str,
        params: Any = None,
        data: Mapping[str, Any] = MappingProxyType({}),
        headers: Any = None,
        **_: Any,
    ) -> httpx.Response:
        # msal signs to bytes, which httpx would send as the text "b'...'".
        form = {name: value.decode() if isinstance(value, bytes) else value for name, value in data.items()}
        return self._kept(
            self._http.post(self._real(url), params=params, data=form, headers=headers, timeout=LOGIN_TIMEOUT)
        )

    def close(self) -> None:
        """Nothing: the client belongs to the caller."""

    def _kept(self, response: httpx.Response) -> httpx.Response:
        body = parse(response.content) if response.status_code >= 500 else None
        self.said = body if isinstance(body, dict) else {}
        return response

    def _real(self, url: str) -> str:
        return url.replace(self._cloud.authority, self._cloud.login_url, 1)
