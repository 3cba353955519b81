"""`/_simulator/`: the state, the journal and the conditions, for tests and demonstrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from atlas_gql.simulator.approvals import DECISIONS, OPEN
from atlas_gql.simulator.calls import Answer
from atlas_gql.simulator.conditions import Conditions
from atlas_gql.simulator.errors import LoadError
from atlas_gql.simulator.faults import Fault, FaultError, parse_faults
from atlas_gql.simulator.habits import HabitError, Habits, habits_json, parse_habits
from atlas_gql.simulator.journal import Journal
from atlas_gql.simulator.load import load_tenants
from atlas_gql.simulator.state import State, registration_of
from atlas_gql.simulator.wire import response

PREFIX = "/_simulator"

INDEX = """A Microsoft Graph on loopback, with invented tenants.

GET    /{tenant}/v2.0/.well-known/openid-configuration, POST /{tenant}/oauth2/v2.0/token
       /beta/..., /v1.0/...        Graph
GET    /_simulator/export          the whole state, in the form it is loaded from
POST   /_simulator/load            replace the tenants named in a document of that form
GET    /_simulator/journal         every call served; DELETE empties it
GET    /_simulator/faults          the rules in force; POST replaces them, DELETE clears them
GET    /_simulator/habits          how the service behaves; POST replaces, DELETE restores the default
GET    /_simulator/clock           the time; POST {now, advance: seconds, stopped}, DELETE restores it
GET    /_simulator/approvals       requests for approval; POST {code, status} decides one
POST   /_simulator/registration    {tenant, clientId, secret, secretExpired, disabled, certificates (PEM),
                                   roles}: the app in a tenant, or with `further` one more

A fault is {tenant, method, path, query (regular expressions), family} - whom it hits - with
{status, retryAfter, body: json|nested|html|empty|raw, content, code, message}, latencyMs, reset,
lostResponse, missing (a batch's part), or at the token endpoint secretExpired, wrongSecret, aadsts,
tokenOf; and {times, probability}.

Habits are throttling {scale, limits: {family: {writes, any}}, seconds, retryAfter, size}, lagSeconds,
lagReads, protected, approvalStatus, justificationStatus, unlicensed, statuses: observed|documented,
emptyBodies, emptyPages, brokenToken, unknownGroups: accepted|refused, filterPlatforms, assumptions.
"""


class Control:
    """The control routes. Nothing here needs a token: the simulator listens on loopback."""

    def __init__(self, *, state: State, conditions: Conditions, journal: Journal) -> None:
        self._state = state
        self._conditions = conditions
        self._journal = journal

    def routes(self) -> list[BaseRoute]:
        return [
            Route(f"{PREFIX}/", self.index, methods=["GET"]),
            Route(f"{PREFIX}/export", self.export, methods=["GET"]),
            Route(f"{PREFIX}/load", self.load, methods=["POST"]),
            Route(f"{PREFIX}/journal", self.journal, methods=["GET", "DELETE"]),
            Route(f"{PREFIX}/faults", self.faults, methods=["GET", "POST", "DELETE"]),
            Route(f"{PREFIX}/habits", self.habits, methods=["GET", "POST", "DELETE"]),
            Route(f"{PREFIX}/clock", self.clock, methods=["GET", "POST", "DELETE"]),
            Route(f"{PREFIX}/approvals", self.approvals, methods=["GET", "POST"]),
            Route(f"{PREFIX}/registration", self.registration, methods=["POST"]),
        ]

    async def index(self, _request: Request) -> Response:
        tenants = [
            f"{tenant.id}  {tenant.described['displayName']}" for tenant in self._state.tenants.values()
        ]
        return PlainTextResponse("\n".join([INDEX, "Tenants:", *tenants, ""]))

    async def export(self, _request: Request) -> Response:
        return response(Answer(body=self._state.export()))

    async def load(self, request: Request) -> Response:
        """Replace the tenants in the document: all of them, or none when something is wrong."""

        def replace(document: Any) -> None:
            for tenant in load_tenants(document):
                self._state.replace(tenant)

        return await _taken(request, replace)

    async def journal(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._journal.clear()
            return Response(status_code=204)
        return response(Answer(body=list(self._journal)))

    async def faults(self, request: Request) -> Response:
        faults = self._conditions.faults
        if request.method == "GET":
            pairs = zip(faults.rules, faults.fired, strict=True)
            return response(Answer(body=[{**_json(rule), "fired": fired} for rule, fired in pairs]))
        if request.method == "DELETE":
            faults.replace([])
            return Response(status_code=204)
        return await _taken(request, lambda document: faults.replace(parse_faults(document)))

    async def habits(self, request: Request) -> Response:
        if request.method == "GET":
            return response(Answer(body=habits_json(self._conditions.habits)))
        if request.method == "DELETE":
            self._conditions.adopt(Habits())
            return Response(status_code=204)
        return await _taken(request, lambda document: self._conditions.adopt(parse_habits(document)))

    async def clock(self, request: Request) -> Response:
        clock = self._conditions.clock
        if request.method == "GET":
            return response(Answer(body={"now": clock(), "stopped": clock.stopped}))
        if request.method == "DELETE":
            clock.reset()
            return Response(status_code=204)

        def change(document: Any) -> None:
            given = _fields(document, {"now": (int, float), "advance": (int, float), "stopped": (bool,)})
            if "stopped" in given:
                clock.stop(given["stopped"])
            if "now" in given:
                clock.set(given["now"])
            clock.advance(given.get("advance", 0))

        return await _taken(request, change)

    async def approvals(self, request: Request) -> Response:
        """All requests by tenant; or let a second administrator decide one."""
        now = self._conditions.clock()
        tenants = self._state.tenants.values()
        if request.method == "GET":
            listed = {t.id: [a.document(now) for a in t.approvals.values()] for t in tenants}
            return response(Answer(body=listed))

        def decide(document: Any) -> None:
            given = _fields(document, {"code": (str,), "status": (str,)})
            held = [t.approvals[given["code"]] for t in tenants if given.get("code") in t.approvals]
            if not held or held[0].at(now) not in OPEN or given.get("status") not in DECISIONS:
                raise HabitError(f"No open request has this code, or the status is not of {DECISIONS}.")
            held[0].status = given["status"]

        return await _taken(request, decide)

    async def registration(self, request: Request) -> Response:
        """Give a tenant's app another secret or other roles; what is not named is as by default.

        With `further`, the app is one more that the tenant knows.
        """

        def register(document: Any) -> None:
            known: dict[str, tuple[type, ...]] = dict.fromkeys(("tenant", "clientId", "secret"), (str,))
            known |= dict.fromkeys(("secretExpired", "disabled", "further"), (bool,))
            given = _fields(document, {**known, "roles": (list,), "certificates": (list,)})
            tenant = self._state.find(given.pop("tenant", ""))
            if tenant is None:
                raise HabitError("There is no such tenant.")
            registration = registration_of(given)
            if given.get("further"):
                tenant.further[registration.client_id.lower()] = registration
            else:
                tenant.registration = registration

        return await _taken(request, register)


async def _taken(request: Request, take: Callable[[Any], None]) -> Response:
    """204 once the request's document was taken, or 400 with what is wrong in it."""
    try:
        take(orjson.loads(await request.body()))
    except (orjson.JSONDecodeError, LoadError, FaultError, HabitError) as exc:
        return response(Answer(status=400, body={"error": {"code": "BadRequest", "message": str(exc)}}))
    return Response(status_code=204)


def _fields(document: Any, known: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
    """The fields of an object, each of its type. Raises HabitError."""
    if not isinstance(document, dict) or not set(document) <= set(known):
        raise HabitError(f"Not an object of {', '.join(known)}.")
    for name, value in document.items():
        if not isinstance(value, known[name]) or (isinstance(value, bool) and bool not in known[name]):
            raise HabitError(f"'{name}' has the wrong type.")
    return dict(document)


def _json(fault: Fault) -> dict[str, Any]:
    """A rule as it was given: without what is as by default."""
    fields = ((name, getattr(fault, name)) for name in fault.__dataclass_fields__)
    return {name: value for name, value in fields if value != getattr(Fault, name)}
