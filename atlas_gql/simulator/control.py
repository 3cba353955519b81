"""`/_simulator/`: the state, the journal and the faults, for tests and demonstrations."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from atlas_gql.simulator.calls import Answer
from atlas_gql.simulator.errors import LoadError
from atlas_gql.simulator.faults import Fault, FaultError, Faults, parse_faults
from atlas_gql.simulator.journal import Journal
from atlas_gql.simulator.load import load_tenants
from atlas_gql.simulator.state import State
from atlas_gql.simulator.wire import response

PREFIX = "/_simulator"

INDEX = """A Microsoft Graph on loopback, with invented tenants.

GET    /{tenant}/v2.0/.well-known/openid-configuration, POST /{tenant}/oauth2/v2.0/token
       /beta/..., /v1.0/...        Graph
GET    /_simulator/export          the whole state, in the form it is loaded from
POST   /_simulator/load            replace the tenants named in a document of that form
GET    /_simulator/journal         every call served; DELETE empties it
GET    /_simulator/faults          the rules in force; POST replaces them, DELETE clears them

A fault is {tenant, method, path (regular expression)} - whom it hits - with
{status, retryAfter, body: json|nested|html|empty|raw, content, code, message}, latencyMs, reset,
lostResponse, secretExpired or wrongSecret, and {times, probability}.
"""


class Control:
    """The control routes. Nothing here needs a token: the simulator listens on loopback."""

    def __init__(self, *, state: State, faults: Faults, journal: Journal) -> None:
        self._state = state
        self._faults = faults
        self._journal = journal

    def routes(self) -> list[BaseRoute]:
        return [
            Route(f"{PREFIX}/", self.index, methods=["GET"]),
            Route(f"{PREFIX}/export", self.export, methods=["GET"]),
            Route(f"{PREFIX}/load", self.load, methods=["POST"]),
            Route(f"{PREFIX}/journal", self.journal, methods=["GET", "DELETE"]),
            Route(f"{PREFIX}/faults", self.faults, methods=["GET", "POST", "DELETE"]),
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
        try:
            tenants = load_tenants(orjson.loads(await request.body()))
        except (orjson.JSONDecodeError, LoadError) as exc:
            return _refused(exc)
        for tenant in tenants:
            self._state.replace(tenant)
        return Response(status_code=204)

    async def journal(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._journal.clear()
            return Response(status_code=204)
        return response(Answer(body=list(self._journal)))

    async def faults(self, request: Request) -> Response:
        if request.method == "GET":
            pairs = zip(self._faults.rules, self._faults.fired, strict=True)
            return response(Answer(body=[{**_json(rule), "fired": fired} for rule, fired in pairs]))
        try:
            rules = [] if request.method == "DELETE" else parse_faults(orjson.loads(await request.body()))
        except (orjson.JSONDecodeError, FaultError) as exc:
            return _refused(exc)
        self._faults.replace(rules)
        return Response(status_code=204)


def _json(fault: Fault) -> dict[str, Any]:
    """A rule as it was given: without what is as by default."""
    fields = ((name, getattr(fault, name)) for name in fault.__dataclass_fields__)
    return {name: value for name, value in fields if value != getattr(Fault, name)}


def _refused(exc: Exception) -> Response:
    return response(Answer(status=400, body={"error": {"code": "BadRequest", "message": str(exc)}}))
