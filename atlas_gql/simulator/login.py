"""Entra's login routes: discovery, and tokens for the client credentials flow."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import jwt
from cryptography import x509
from starlette.requests import Request
from starlette.responses import Response

from atlas_gql.simulator.aadsts import aadsts
from atlas_gql.simulator.calls import Answer, Call
from atlas_gql.simulator.conditions import Conditions
from atlas_gql.simulator.faults import Fault, fault_answer
from atlas_gql.simulator.journal import Journal
from atlas_gql.simulator.state import Registration, State, Tenant
from atlas_gql.simulator.tokens import Tokens
from atlas_gql.simulator.wire import drop, response

HOST = "https://login.microsoftonline.com"
"""Stands in discovery documents, whatever host was asked: clients insist on https there."""
AUDIENCES = (
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
)
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SHARED = ("common", "organizations", "consumers")


class TokenRefused(Exception):
    """No token: an AADSTS code and its OAuth error word."""

    def __init__(self, code: int, error: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.code, self.error, self.text, self.status = code, error, text, status


class Login:
    """The login routes over the tenants' app registrations."""

    def __init__(self, *, state: State, tokens: Tokens, conditions: Conditions, journal: Journal) -> None:
        self._state = state
        self._tokens = tokens
        self._conditions = conditions
        self._journal = journal
        self._clock = conditions.clock

    async def discovery(self, request: Request) -> Response:
        """`GET /{tenant}/v2.0/.well-known/openid-configuration`, with the tenant's own GUID in it."""
        return await self._serve(request, lambda _form, _fault: self._discovery(self._tenant(request)))

    async def token(self, request: Request) -> Response:
        """`POST /{tenant}/oauth2/v2.0/token`, form-encoded."""
        return await self._serve(request, lambda form, fault: self._token(request, form, fault))

    async def instance(self, _request: Request) -> Response:
        """`GET /common/discovery/instance`: which hosts are one cloud."""
        name = HOST.removeprefix("https://")
        aliases = [name, "login.windows.net", "login.microsoft.com", "sts.windows.net"]
        metadata = [{"preferred_network": name, "preferred_cache": "login.windows.net", "aliases": aliases}]
        endpoint = f"{HOST}/common/v2.0/.well-known/openid-configuration"
        return response(
            Answer(
                body={
                    "tenant_discovery_endpoint": endpoint,
                    "api-version": "1.1",
                    "metadata": metadata,
                }
            )
        )

    async def _serve(
        self, request: Request, act: Callable[[dict[str, str], Fault | None], dict[str, Any]]
    ) -> Response:
        """Journal the call, let faults act, turn TokenRefused into its answer. Forms are never kept."""
        method, path = request.method, request.url.path
        tenant = self._state.find(request.path_params["tenant"])
        entry = self._journal.begin(method, path, request.url.query)
        entry["tenant"] = tenant.id if tenant else None
        fault, delay = self._conditions.faults.for_login(entry["tenant"], method, path)
        form = dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))
        await asyncio.sleep(delay)
        correlation = request.headers.get("client-request-id") or str(uuid.uuid4())
        if fault is not None and (fault.reset or fault.lostResponse):
            entry["dropped"] = True
            return await drop(request)
        try:
            if fault is not None and fault.status is not None:
                answer = fault_answer(fault, self._as_call(request, correlation))
            else:
                answer = Answer(body=act(form, fault))
        except TokenRefused as refused:
            answer = Answer(status=refused.status, body=self._error(refused, correlation))
        entry["status"] = answer.status
        return response(answer)

    def _tenant(self, request: Request) -> Tenant:
        name = request.path_params["tenant"]
        tenant = self._state.find(name)
        if tenant is None:
            raise TokenRefused(
                90002,
                "invalid_tenant" if request.method == "GET" else "invalid_request",
                f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are "
                "signing into the correct cloud.",
            )
        return tenant

    def _discovery(self, tenant: Tenant) -> dict[str, Any]:
        base = f"{HOST}/{tenant.id}"
        return {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "issuer": f"{base}/v2.0",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "response_types_supported": ["code", "id_token"],
            "tenant_region_scope": "EU",
        }

    def _token(self, request: Request, form: dict[str, str], fault: Fault | None) -> dict[str, Any]:
        if request.path_params["tenant"].lower() in _SHARED:
            raise TokenRefused(
                9001023, "invalid_request", "The grant type is not supported over the /common endpoints."
            )
        tenant = self._tenant(request)
        for name in ("grant_type", "client_id", "scope"):
            if not form.get(name):
                raise TokenRefused(
                    900144, "invalid_request", f"The request body must contain the parameter: '{name}'."
                )
        if form["grant_type"] != "client_credentials":
            raise TokenRefused(70003, "unsupported_grant_type", "The grant type is not supported.")
        audience = _audience(form["scope"], str(request.base_url).rstrip("/"))
        registration = tenant.registered(form["client_id"])
        if registration is None:
            raise TokenRefused(
                700016,
                "unauthorized_client",
                f"Application with identifier '{form['client_id']}' was not found in the directory "
                f"'{tenant.described['displayName']}'.",
            )
        if fault is not None and fault.aadsts is not None:
            error, status, text = aadsts(fault.aadsts)
            raise TokenRefused(fault.aadsts, error, text, status)
        if registration.disabled:
            raise TokenRefused(
                7000112, "unauthorized_client", f"Application '{registration.client_id}' is disabled."
            )
        self._check_credential(form, registration, fault)
        if fault is not None and fault.tokenOf is not None:
            tenant = self._state.find(fault.tokenOf) or tenant
        return {
            "token_type": "Bearer",
            "expires_in": self._tokens.lifetime,
            "ext_expires_in": self._tokens.lifetime,
            "access_token": self._tokens.mint(tenant, registration, audience),
        }

    def _check_credential(
        self, form: dict[str, str], registration: Registration, fault: Fault | None
    ) -> None:
        """Check the secret, or the shape, time and signature of an assertion. Raises TokenRefused."""
        if "client_assertion" in form:
            self._check_assertion(form, registration)
        elif not form.get("client_secret"):
            raise TokenRefused(
                7000218,
                "invalid_client",
                "The request body must contain the following parameter: 'client_assertion' or "
                "'client_secret'.",
                401,
            )
        elif (fault is not None and fault.wrongSecret) or form["client_secret"] != registration.secret:
            raise TokenRefused(
                7000215,
                "invalid_client",
                "Invalid client secret provided. Ensure the secret being sent in the request is the client "
                f"secret value, not the client secret ID, for a secret added to app "
                f"'{registration.client_id}'.",
                401,
            )
        elif (fault is not None and fault.secretExpired) or registration.secret_expired:
            raise TokenRefused(
                7000222,
                "invalid_client",
                f"The provided client secret keys for app '{registration.client_id}' are expired.",
                401,
            )

    def _check_assertion(self, form: dict[str, str], registration: Registration) -> None:
        """Accept any JWT within its time that an uploaded certificate signed, where there are some."""
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise TokenRefused(900144, "invalid_request", "The client_assertion_type is missing or unknown.")
        try:
            claims = jwt.decode(form["client_assertion"], options={"verify_signature": False})
        except jwt.InvalidTokenError:
            raise TokenRefused(50013, "invalid_client", "The assertion is not valid.", 401) from None
        if not isinstance(claims.get("exp"), int | float) or claims["exp"] <= self._clock():
            raise TokenRefused(
                700024, "invalid_client", "Client assertion is not within its valid time range.", 401
            )
        certificates = registration.certificates
        if certificates is not None and not any(_signed(form, known) for known in certificates):
            raise TokenRefused(700027, "invalid_client", "Client assertion failed signature validation.", 401)

    def _as_call(self, request: Request, correlation: str) -> Call:
        return Call(
            method=request.method,
            path=request.url.path,
            base=HOST,
            request_id=str(uuid.uuid4()),
            client_request_id=correlation,
            now=self._clock(),
        )

    def _error(self, refused: TokenRefused, correlation: str) -> dict[str, Any]:
        trace = str(uuid.uuid4())
        timestamp = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        return {
            "error": refused.error,
            "error_description": f"AADSTS{refused.code}: {refused.text} Trace ID: {trace} "
            f"Correlation ID: {correlation} Timestamp: {timestamp}",
            "error_codes": [refused.code],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"{HOST}/error?code={refused.code}",
        }


def _signed(form: dict[str, str], certificate: str) -> bool:
    """Whether a certificate's key signed the assertion."""
    key: Any = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    try:
        jwt.decode(
            form["client_assertion"],
            key,
            algorithms=["PS256", "RS256"],
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
        )
    except jwt.InvalidTokenError:
        return False
    return True


def _audience(scope: str, own: str) -> str:
    """The resource in a `<resource>/.default` scope. Raises TokenRefused."""
    if not scope.endswith("/.default"):
        raise TokenRefused(
            70011, "invalid_scope", "The provided value for the input parameter 'scope' is not valid."
        )
    audience = scope.removesuffix("/.default").rstrip("/")
    if audience not in (*AUDIENCES, own):
        raise TokenRefused(
            500011,
            "invalid_resource",
            f"The resource principal named {audience} was not found.",
        )
    return audience
