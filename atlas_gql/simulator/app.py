"""The ASGI app: login routes, control routes, and Graph for every other path."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from atlas_gql.simulator.clock import Clock
from atlas_gql.simulator.conditions import Conditions
from atlas_gql.simulator.control import Control
from atlas_gql.simulator.faults import Fault, Faults
from atlas_gql.simulator.graph import Graph
from atlas_gql.simulator.habits import Habits
from atlas_gql.simulator.journal import Journal
from atlas_gql.simulator.login import Login
from atlas_gql.simulator.state import State
from atlas_gql.simulator.tokens import LIFETIME, Tokens
from atlas_gql.simulator.wire import drop, graph_response, read_call


def create_app(
    state: State,
    *,
    journal: Journal | None = None,
    faults: Sequence[Fault] = (),
    habits: Habits | None = None,
    latency_ms: int = 0,
    seed: int = 0,
    clock: Callable[[], float] = time.time,
    token_lifetime: int = LIFETIME,
) -> Starlette:
    """The simulator as an ASGI app over `state`, which it changes.

    `faults` and `habits` are in force at first. `latency_ms` delays every answer of Graph. `seed` decides
    which calls faults with a probability hit, the order of batch parts and the request ids. `clock` (Unix
    seconds) and `token_lifetime` (seconds) decide when tokens expire.
    """
    journal = Journal() if journal is None else journal
    conditions = Conditions(faults=Faults(list(faults), seed), habits=habits or Habits(), clock=Clock(clock))
    tokens = Tokens(conditions.clock, token_lifetime)
    login = Login(state=state, tokens=tokens, conditions=conditions, journal=journal)
    graph = Graph(state=state, tokens=tokens, conditions=conditions, journal=journal, seed=seed)
    control = Control(state=state, conditions=conditions, journal=journal)
    return Starlette(
        routes=[
            *control.routes(),
            Route("/common/discovery/instance", login.instance),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", login.discovery),
            Route("/{tenant}/oauth2/v2.0/token", login.token, methods=["POST"]),
            Mount("/", app=_graph_app(graph, latency_ms / 1000, random.Random(seed))),
        ]
    )


def _graph_app(graph: Graph, latency: float, ids: random.Random) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        call = await read_call(request, str(uuid.UUID(int=ids.getrandbits(128), version=4)))
        outcome = graph.answer(call)
        await asyncio.sleep(latency + outcome.delay)
        if outcome.answer is None:
            response = await drop(request)
        else:
            response = graph_response(outcome.answer, call)
        await response(scope, receive, send)

    return app
