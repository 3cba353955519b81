"""Faults on demand: rules that say which calls go wrong, and how."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from atlas_gql.simulator.calls import Answer, Call
from atlas_gql.simulator.errors import envelope, nested_message
from atlas_gql.simulator.kind import Family
from atlas_gql.simulator.table import family_of

BODIES = ("json", "nested", "html", "empty", "raw")
_CODES = {
    400: "BadRequest",
    401: "InvalidAuthenticationToken",
    403: "Forbidden",
    404: "ResourceNotFound",
    409: "Conflict",
    429: "TooManyRequests",
    500: "InternalServerError",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}
_MESSAGES = {429: "Too many requests.", 500: "An internal server error has occurred"}
_HTML = "<html><head><title>{0} {1}</title></head><body><h1>{0} {1}</h1></body></html>"


class FaultError(ValueError):
    """A fault rule that cannot be used; the text says which field and why."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A rule: whom it hits (all that is given must fit), what happens, how often.

    A rule that only delays lets the rules after it act as well; otherwise the first that fires wins.
    """

    tenant: str | None = None
    method: str | None = None
    path: str | None = None
    """A regular expression, searched in the path with its version."""
    query: str | None = None
    """A regular expression, searched in the decoded query."""
    family: str | None = None
    """The service family that a call counts in: `updates`, `devices`, `identity` and so on."""
    status: int | None = None
    retryAfter: int | str | None = None  # noqa: N815 - the fields are the JSON's
    """The `Retry-After` header as it is sent: seconds, a date, or anything else."""
    body: str = "json"
    content: str = ""
    """The body of a `raw` answer, verbatim."""
    code: str | None = None
    message: str | None = None
    latencyMs: int = 0  # noqa: N815
    reset: bool = False
    """The connection drops; nothing has happened. Hits no part of a batch, which has no connection."""
    lostResponse: bool = False  # noqa: N815
    """The call takes effect, then the connection drops - or, with a status, that is answered.

    Hits no reads and no batch envelope.
    """
    missing: bool = False
    """The part is left out of the answer to its batch; hits only parts, and nothing has happened."""
    secretExpired: bool = False  # noqa: N815
    wrongSecret: bool = False  # noqa: N815
    aadsts: int | None = None
    """No token: the error of this AADSTS code."""
    tokenOf: str | None = None  # noqa: N815
    """A token, but of this tenant. These four hit the token endpoint, and only it."""
    times: int | None = None
    """How often the rule fires; None for always."""
    probability: float = 1.0

    @property
    def only_delays(self) -> bool:
        return not (self.status or self.reset or self.lostResponse or self.missing or self.for_login)

    @property
    def for_login(self) -> bool:
        return self.secretExpired or self.wrongSecret or self.aadsts is not None or self.tokenOf is not None


_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("tenant", "method", "path", "query", "family", "body", "content"), (str,)),
    **dict.fromkeys(("code", "message", "tokenOf"), (str,)),
    **dict.fromkeys(("status", "latencyMs", "times", "aadsts"), (int,)),
    **dict.fromkeys(("reset", "lostResponse", "missing", "secretExpired", "wrongSecret"), (bool,)),
    "retryAfter": (int, str),
    "probability": (int, float),
}


def parse_faults(document: object) -> list[Fault]:
    """The rules in a JSON list. Raises FaultError."""
    if not isinstance(document, list):
        raise FaultError("Faults are a list of rules.")
    return [_parse(rule, f"rule {i}") for i, rule in enumerate(document)]


def _parse(rule: object, where: str) -> Fault:
    if not isinstance(rule, dict):
        raise FaultError(f"{where} is not an object.")
    given = {name: value for name, value in rule.items() if value is not None}
    for name, value in given.items():
        if name not in _TYPES:
            raise FaultError(f"{where}: there is no field '{name}'.")
        if not isinstance(value, _TYPES[name]) or (isinstance(value, bool) and bool not in _TYPES[name]):
            raise FaultError(f"{where}: '{name}' has the wrong type.")
    fault = Fault(**given)
    _check(fault, where)
    return fault


def _check(fault: Fault, where: str) -> None:
    if fault.body not in BODIES:
        raise FaultError(f"{where}: 'body' is one of {', '.join(BODIES)}.")
    if fault.status is not None and not 200 <= fault.status <= 599:
        raise FaultError(f"{where}: 'status' is no HTTP status of an answer.")
    if not 0 <= fault.probability <= 1 or fault.latencyMs < 0 or (fault.times or 0) < 0:
        raise FaultError(f"{where}: 'probability', 'latencyMs' or 'times' is out of range.")
    if fault.only_delays and not fault.latencyMs:
        raise FaultError(f"{where} has no effect: give status, latencyMs, reset, lostResponse or a secret's.")
    if fault.family is not None and fault.family not in {family.value for family in Family}:
        raise FaultError(f"{where}: 'family' is one of {', '.join(Family)}.")
    for name in ("path", "query"):
        try:
            re.compile(getattr(fault, name) or "")
        except re.error as exc:
            raise FaultError(f"{where}: '{name}' is no regular expression: {exc}.") from exc


class Faults:
    """The rules in force, how often each fired, and the seeded chance behind `probability`."""

    def __init__(self, rules: list[Fault], seed: int) -> None:
        self._seed = seed
        self.replace(rules)

    def replace(self, rules: list[Fault]) -> None:
        """Put these rules in force, and the chance back to its seed."""
        self.rules = list(rules)
        self.fired = [0] * len(rules)
        self._chance = random.Random(self._seed)

    def for_call(self, call: Call, *, is_part: bool = False) -> tuple[Fault | None, float]:
        """The rule that hits a call of Graph, if any, and the seconds that rules delay it."""
        reads = call.method == "GET" or call.is_batch
        query, family = unquote_plus(call.query), family_of(call.segments)

        def fits(fault: Fault) -> bool:
            return (
                not fault.for_login
                and not (reads and fault.lostResponse)
                and not (fault.missing and not is_part)
                and not (fault.reset and is_part)
                and (fault.query is None or re.search(fault.query, query) is not None)
                and (fault.family is None or fault.family == family)
            )

        return self._pick(call.tenant, call.method, call.path, fits)

    def for_login(self, tenant: str | None, method: str, path: str) -> tuple[Fault | None, float]:
        """The rule that hits a call of a login route: a secret's, or one that names a path."""
        is_token = path.endswith("/token")
        return self._pick(tenant, method, path, lambda f: is_token if f.for_login else _is_for_any(f))

    def _pick(self, tenant: str | None, method: str, path: str, fits: Any) -> tuple[Fault | None, float]:
        delay = 0.0
        for i, fault in enumerate(self.rules):
            if not (fits(fault) and _matches(fault, tenant, method, path)):
                continue
            if fault.times is not None and self.fired[i] >= fault.times:
                continue
            if fault.probability < 1 and self._chance.random() >= fault.probability:
                continue
            self.fired[i] += 1
            delay += fault.latencyMs / 1000
            if not fault.only_delays:
                return fault, delay
        return None, delay


def fault_answer(fault: Fault, call: Call) -> Answer:
    """The answer that a rule with a status gives to a call."""
    assert fault.status is not None
    code = fault.code or _CODES.get(fault.status, "UnknownError")
    message = fault.message or _MESSAGES.get(fault.status, "An error has occurred")
    headers: Mapping[str, str] = {} if fault.retryAfter is None else {"Retry-After": str(fault.retryAfter)}
    match fault.body:
        case "empty":
            return Answer(status=fault.status, headers=headers)
        case "html":
            html = _HTML.format(fault.status, code)
            return Answer(status=fault.status, headers=headers, body=html, content_type="text/html")
        case "raw":
            return Answer(
                status=fault.status, headers=headers, body=fault.content, content_type="application/json"
            )
        case "nested":
            message = nested_message(call, message)
    return Answer(status=fault.status, headers=headers, body=envelope(call, code, message))


def _is_for_any(fault: Fault) -> bool:
    """Whether a rule for calls of Graph hits a login route as well: it has to name its path."""
    return fault.path is not None and fault.query is None and fault.family is None and not fault.missing


def _matches(fault: Fault, tenant: str | None, method: str, path: str) -> bool:
    return (
        (fault.tenant is None or fault.tenant.lower() == tenant)
        and (fault.method is None or fault.method.upper() == method)
        and (fault.path is None or re.search(fault.path, path) is not None)
    )
