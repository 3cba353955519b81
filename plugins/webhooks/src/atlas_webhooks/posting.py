"""One post to one receiver: its address is looked up, judged, connected to; nothing is followed or read."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from ssl import SSLContext

import httpx

from atlas_gql.plugins import OperationFailure, ReasonCode
from atlas_webhooks.networks import Address, Network, is_named, is_public

WITHIN = 15.0
"""Seconds for all of it, from the name to the answer."""
TIMEOUT = httpx.Timeout(10.0, connect=5.0)
AGAIN = frozenset({408, 425, 429})
"""What says that it may go well later, beside all from 500 on."""
GONE = 410
ADDRESSES = 3
"""How many addresses of a name are tried."""


@dataclass(frozen=True, kw_only=True)
class Posted:
    """What became of a post: nothing is wrong, or what, and whether it may go well `after` a while."""

    problem: OperationFailure | None = None
    again: bool = False
    after: timedelta = timedelta()


@cache
def _trusted() -> SSLContext:
    """Whom TLS trusts, for the whole process: reading the certificates takes a while."""
    return httpx.create_ssl_context()


async def post(url: str, body: bytes, headers: Mapping[str, str], *, networks: Sequence[Network]) -> Posted:
    """Post once. Raises nothing for whatever the receiver, or what lies between, does."""
    try:
        async with asyncio.timeout(WITHIN):
            parsed = httpx.URL(url)
            addresses = await _addresses(parsed)
            if problem := _problem_of(parsed, addresses, networks):
                return Posted(problem=problem)
            return await _post(parsed, addresses[:ADDRESSES], body, headers)
    except (httpx.TimeoutException, TimeoutError):
        return _later("The receiver did not answer in time.", ReasonCode.TIMEOUT, "timeout")
    except (httpx.TransportError, OSError, UnicodeError):
        return _later(
            "The receiver could not be reached, or broke off.",
            ReasonCode.DEPENDENCY_UNREACHABLE,
            "unreachable",
        )


async def _addresses(url: httpx.URL) -> list[Address]:
    """Every address of the URL's host. Raises OSError when there is none."""
    found = await asyncio.get_running_loop().getaddrinfo(
        url.raw_host.decode("ascii").strip("[]"), _port(url), type=socket.SOCK_STREAM
    )
    return list(dict.fromkeys(ipaddress.ip_address(place[0]) for *_, place in found))


def _problem_of(
    url: httpx.URL, addresses: Sequence[Address], networks: Sequence[Network]
) -> OperationFailure | None:
    """Why a receiver with these addresses is told nothing. One bad address is enough: any may be taken."""
    named = all(is_named(address, networks) for address in addresses)
    if not named and not all(is_public(address) or is_named(address, networks) for address in addresses):
        return _own("The receiver's address is not public, or not allowed.", "address_refused")
    if url.scheme != "https" and not named:
        return _own("The receiver's URL is not https.", "not_https")
    return None


async def _post(
    url: httpx.URL, addresses: Sequence[Address], body: bytes, headers: Mapping[str, str]
) -> Posted:
    # A client for one post, and no proxy: what was judged is what is connected to.
    async with httpx.AsyncClient(
        verify=_trusted(), trust_env=False, timeout=TIMEOUT, follow_redirects=False
    ) as client:
        for address in addresses:
            try:
                return await _post_to(client, url, address, body, headers)
            except httpx.ConnectError:
                if address == addresses[-1]:
                    raise
    raise AssertionError("a name without an address raises")


async def _post_to(
    client: httpx.AsyncClient, url: httpx.URL, address: Address, body: bytes, headers: Mapping[str, str]
) -> Posted:
    """Post to this very address; TLS asks for the certificate of the URL's host all the same."""
    host = url.raw_host.decode("ascii")
    request = client.build_request(
        "POST",
        url.copy_with(host=str(address)),
        content=body,
        headers={
            **headers,
            "host": url.netloc.decode("ascii"),
            "content-type": "application/json",
            "user-agent": "Atlas-Webhooks/1",
        },
        extensions={"sni_hostname": host.strip("[]")},
    )
    answer = await client.send(request, stream=True)
    try:
        # What it says beside the status is not read: a receiver may send for ever.
        return _judged(answer)
    finally:
        await answer.aclose()


def _judged(answer: httpx.Response) -> Posted:
    status = answer.status_code
    if answer.is_success:
        return Posted()
    if status in AGAIN or answer.is_server_error:
        reason = ReasonCode.THROTTLED if status == 429 else ReasonCode.DEPENDENCY_UNREACHABLE
        problem = _failure(f"The receiver answers {status}.", reason, "busy")
        return Posted(problem=problem, again=True, after=_asked(answer.headers.get("retry-after")))
    if status == GONE:
        return Posted(problem=_own("The receiver is gone: it answers 410.", "gone"))
    if answer.is_redirect or 300 <= status < 400:
        return Posted(
            problem=_own(f"The receiver answers {status}; redirects are not followed.", "redirected")
        )
    return Posted(problem=_own(f"The receiver answers {status}.", "refused"))


def _asked(retry_after: str | None) -> timedelta:
    """How long a receiver asks to be left alone; nothing for what is neither seconds nor a date."""
    if retry_after is None:
        return timedelta()
    try:
        if retry_after.isdecimal():
            return timedelta(seconds=int(retry_after[:9]))
        return max(parsedate_to_datetime(retry_after) - datetime.now(UTC), timedelta())
    except (ValueError, TypeError, OverflowError):
        return timedelta()


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _failure(message: str, reason: ReasonCode, code: str) -> OperationFailure:
    return OperationFailure(message, reason=reason, code=code)


def _own(message: str, detail: str) -> OperationFailure:
    return OperationFailure(message, reason=ReasonCode.EXTENSION, detail=detail, code=detail)


def _later(message: str, reason: ReasonCode, code: str) -> Posted:
    return Posted(problem=_failure(message, reason, code), again=True)
