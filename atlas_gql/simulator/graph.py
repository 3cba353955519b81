"""Graph as a whole: token, faults, the route, the journal - for single calls and for batches."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

import orjson

from atlas_gql.simulator import batch
from atlas_gql.simulator.calls import Answer, Call
from atlas_gql.simulator.conditions import Conditions
from atlas_gql.simulator.errors import Refused, render
from atlas_gql.simulator.faults import fault_answer
from atlas_gql.simulator.journal import Journal
from atlas_gql.simulator.routes import answer_call
from atlas_gql.simulator.state import State
from atlas_gql.simulator.tokens import Tokens


class ConnectionDropped(Exception):
    """The connection is to be dropped without an answer."""


@dataclass(kw_only=True)
class Outcome:
    """What becomes of a call: its answer, or None for a dropped connection; seconds to wait first.

    `missing`: a part of a batch that is not answered.
    """

    answer: Answer | None
    delay: float = 0.0
    missing: bool = False


class Graph:
    """Answers calls, one at a time: a call's effect is complete before the next one is looked at."""

    def __init__(
        self, *, state: State, tokens: Tokens, conditions: Conditions, journal: Journal, seed: int
    ) -> None:
        self._state = state
        self._tokens = tokens
        self._conditions = conditions
        self._journal = journal
        self._order = random.Random(seed)

    def answer(self, call: Call) -> Outcome:
        """The outcome of a call as it came in from outside."""
        call = replace(call, now=self._conditions.clock(), habits=self._conditions.habits)
        try:
            bearer = self._tokens.check(call.headers.get("authorization", ""), self._state)
        except Refused as refused:
            self._begin(call)["status"] = refused.status
            return Outcome(answer=render(refused, call))
        return self._outcome(replace(call, tenant=bearer.tenant, app=bearer.app, roles=bearer.roles))

    def _outcome(self, call: Call, envelope: int | None = None) -> Outcome:
        entry = self._begin(call, envelope)
        fault, delay = self._conditions.faults.for_call(call, is_part=envelope is not None)
        if fault is not None and fault.missing:
            entry["dropped"] = True
            return Outcome(answer=None, delay=delay, missing=True)
        if fault is not None and fault.reset:
            entry["dropped"] = True
            return Outcome(answer=None, delay=delay)
        if fault is not None and fault.status is not None and not fault.lostResponse:
            entry["status"] = fault.status
            return Outcome(answer=fault_answer(fault, call), delay=delay)
        outcome = self._batch(call, entry["n"]) if call.is_batch else Outcome(answer=self._single(call))
        outcome.delay += delay
        if outcome.answer is not None:
            entry["status"] = outcome.answer.status
        if fault is not None and fault.status is not None:
            outcome.answer = fault_answer(fault, call)
        elif outcome.answer is None or fault is not None:
            entry["dropped"] = True
            outcome.answer = None
        return outcome

    def _single(self, call: Call) -> Answer:
        assert call.tenant is not None
        try:
            about = self._conditions.buckets.take(call)
            answer = answer_call(call, self._state.tenants[call.tenant])
        except Refused as refused:
            return render(refused, call)
        return replace(answer, headers={**answer.headers, **about})

    def _batch(self, call: Call, n: int) -> Outcome:
        """The batch takes as long as its slowest part; a part whose connection drops, drops it all."""
        delays = [0.0]

        def perform(part: Call) -> Answer | None:
            outcome = self._outcome(part, n)
            delays.append(outcome.delay)
            if outcome.answer is None and not outcome.missing:
                raise ConnectionDropped
            return outcome.answer

        try:
            answer = batch.run(call, perform, self._order)
        except ConnectionDropped:
            return Outcome(answer=None, delay=max(delays))
        except Refused as refused:
            answer = render(refused, call)
        return Outcome(answer=answer, delay=max(delays))

    def _begin(self, call: Call, envelope: int | None = None) -> dict[str, Any]:
        entry = self._journal.begin(call.method, call.path, call.query)
        entry |= {"tenant": call.tenant, "clientRequestId": call.client_request_id}
        if envelope is not None:
            entry["batch"] = envelope
        if call.method != "GET" and call.content and not call.is_batch:
            try:
                entry["body"] = orjson.loads(call.content)
            except orjson.JSONDecodeError:
                entry["body"] = call.content.decode(errors="replace")
        return entry
