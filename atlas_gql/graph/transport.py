"""One call to Microsoft Graph: token, turn, timeouts, and tries again where that is safe."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import uuid4

import httpx
import orjson

from atlas_gql.errors import GraphError
from atlas_gql.graph.answers import Answer, invalid_response, parse, refusal, unreachable
from atlas_gql.graph.contract import Family
from atlas_gql.graph.observer import Observer, Unobserved
from atlas_gql.graph.pacing import Pacer
from atlas_gql.graph.patience import Clock, Patience
from atlas_gql.graph.permissions import grants
from atlas_gql.graph.tokens import TokenSource, roles_of
from atlas_gql.reasons import ReasonCode

TIMEOUT = httpx.Timeout(connect=10, read=30, write=30, pool=60)
MAX_ANSWER_BYTES = 8 * 1024 * 1024
ANSWER_TOO_LARGE = "answer_too_large"
"""The `detail` of the GraphError for an answer beyond MAX_ANSWER_BYTES."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """What to ask of Graph."""

    url: str
    """A path with its version, or an absolute URL on Graph's own host (a nextLink)."""
    family: Family
    method: str = "GET"
    params: Mapping[str, str] | None = None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    permission: str | None = None
    """The Graph permission the call takes, named in the error when it is missing."""
    writing: bool = False
    cost: int = 1
    """How many requests Microsoft counts: the parts of a batch count each."""
    repeatable: bool = True
    """Whether doing it twice does no harm."""
    success: tuple[int, ...] = (200, 201, 204)


class Transport:
    """The road to one tenant's Graph; all clients of a process share `http` and `pacer`."""

    def __init__(
        self,
        *,
        base_url: str,
        tokens: TokenSource,
        http: httpx.AsyncClient,
        tenant: str,
        pacer: Pacer,
        patience: Patience | None = None,
        clock: Clock | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.base = httpx.URL(base_url)
        self.tenant = tenant
        self.pacer = pacer
        self.patience = patience or Patience()
        self.clock = clock or Clock()
        self.observer = observer or Unobserved()
        self._tokens = tokens
        self._token_sent = ""
        self._http = http

    async def send(self, call: Call) -> Answer:
        """The successful answer, after as many tries as are safe and worth it.

        A call that does harm when done twice is only tried again when it surely was not carried out.
        Raises GraphError; of a write whose effect is unknown with `may_have_happened`. Patience that ends
        after a 429 is THROTTLED, whatever failed last: later the call may get through.
        """
        request_id = str(uuid4())
        token, refused = "", None
        waited, stubborn = 0.0, 0
        slow_down: GraphError | None = None
        for tried in count(1):
            try:
                async with self.pacer.turn(
                    self.tenant,
                    call.family,
                    writing=call.writing,
                    at_most=self.patience.total - waited,
                    cost=call.cost,
                ) as paused:
                    waited += paused
                    token = self._token_sent = await self._token(refused)
                    answer = await self._attempt(call, token, request_id)
                self.pacer.went_well(self.tenant, call.family, writing=call.writing)
                return answer
            except GraphError as error:
                error.client_request_id = request_id
                self.observer.error(error.reason_code)
                error.request_id = error.request_id or request_id
                if error.status == 401 and refused is None:
                    refused = token  # a refused token means that nothing was carried out
                    continue
                delay = self.patience.delay(error, tried)
                throttled = error.reason_code is ReasonCode.THROTTLED
                everybody = throttled or error.retry_after is not None
                if everybody:
                    self.pacer.pause(self.tenant, call.family, delay)
                if throttled:
                    error.retry_after = delay
                    slow_down = error
                stubborn += not self.patience.passes(error)
                safe = call.repeatable or not error.may_have_happened
                if not (safe and self.patience.worth_repeating(error, stubborn)):
                    raise
                if waited + delay > self.patience.total:
                    raise slow_down or error  # noqa: B904  an error of the same call
                if not everybody:  # a pause is waited for in the next turn
                    await self.clock.sleep(delay)
                    waited += delay
        raise AssertionError("count() does not end")

    async def permissions(self) -> frozenset[str]:
        """The application permissions in a token that is asked for now."""
        return roles_of(await self._tokens.token(refresh=True))

    def permits(self, permission: str | None) -> bool:
        """Whether the token of the newest call includes a permission; a refusal has other grounds then."""
        return permission is not None and grants(roles_of(self._token_sent), permission)

    async def _token(self, refused: str | None) -> str:
        token = await self._tokens.token()
        # Another call may have renewed the refused token meanwhile.
        return await self._tokens.token(refresh=True) if token == refused else token

    async def _attempt(self, call: Call, token: str, request_id: str) -> Answer:
        headers = {
            "Accept": "application/json",
            "client-request-id": request_id,
            "return-client-request-id": "true",
            **call.headers,
            "Authorization": f"Bearer {token}",
        }
        content = None
        if call.body is not None:
            content = orjson.dumps(call.body)
            headers["Content-Type"] = "application/json"
        url = self.absolute(call.url)
        try:
            async with (
                asyncio.timeout(self.patience.attempt),
                self._http.stream(
                    call.method,
                    url,
                    params=call.params,
                    content=content,
                    headers=headers,
                    timeout=TIMEOUT,
                    follow_redirects=False,  # a redirect would carry the token to another host
                ) as response,
            ):
                answer = await _read(response, request_id)
        except (httpx.HTTPError, TimeoutError) as exc:
            self.observer.call(call.method, None)
            raise unreachable(exc, writing=call.writing, request_id=request_id) from exc
        except GraphError as error:
            error.may_have_happened = call.writing
            raise
        self.observer.call(call.method, answer.status)
        if answer.status in call.success:
            return answer
        refused = refusal(
            answer.status,
            answer.headers,
            parse(answer.content),
            now=self.clock.wall(),
            writing=call.writing,
            permission=call.permission,
            permitted=answer.status == 403 and self.permits(call.permission),
            request_id=answer.request_id,
        )
        if answer.status < 400:
            refused.may_have_happened = call.writing
        raise refused

    def absolute(self, url: str) -> httpx.URL:
        """The URL on Graph's host. Raises GraphError for another host, or for what is no URL."""
        try:
            if not url.startswith(("http://", "https://")):
                return httpx.URL(f"{str(self.base).rstrip('/')}/{url.lstrip('/')}")
            target = httpx.URL(url)
        except httpx.InvalidURL:
            raise GraphError("This is not a path of Graph.", reason=ReasonCode.INVALID_REQUEST) from None
        ours = (self.base.scheme, self.base.host, self.base.port)
        if target.userinfo or (target.scheme, target.host, target.port) != ours:
            raise invalid_response("Microsoft's answer refers to another host; it was not followed.")
        return target


async def _read(response: httpx.Response, request_id: str) -> Answer:
    request_id = response.headers.get("request-id") or request_id
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise invalid_response(
                "Microsoft's answer is larger than Atlas reads.",
                request_id=request_id,
                detail=ANSWER_TOO_LARGE,
            )
    return Answer(
        status=response.status_code,
        headers=response.headers,
        content=bytes(content),
        request_id=request_id,
    )
