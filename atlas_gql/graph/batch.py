"""Many reads in few calls: `$batch`, 20 parts at a time.

Each part is judged by itself: a throttled or failing part is asked again, the others are not; a part
that is missing from the answer is an error, never nothing. Parts are reads; writes are single calls.
Source: https://learn.microsoft.com/graph/json-batching (read 2026-11-23).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from atlas_gql.errors import GraphError
from atlas_gql.graph.answers import as_object, count_of, decode, invalid_response, refusal
from atlas_gql.graph.contract import Family
from atlas_gql.graph.transport import Call, Transport
from atlas_gql.reasons import ReasonCode

PARTS = 20
"""What Microsoft takes in one batch."""
COUNT = "@odata.count"

Part = dict[str, Any] | GraphError
"""What became of one part: its JSON object, or why there is none."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What the parts of a batch have in common."""

    version: str
    family: Family
    permission: str | None = None
    counting: bool = False
    """Whether each part is a `$count`: it is given as `{COUNT: number}`."""


async def read_all(transport: Transport, batch: Batch, urls: Sequence[str]) -> list[Part]:
    """What became of each url (relative to the version), in their order.

    Raises GraphError when a batch as a whole is refused.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_read_some(transport, batch, urls[start : start + PARTS]))
                for start in range(0, len(urls), PARTS)
            ]
    except ExceptionGroup as several:
        raise several.exceptions[0]  # noqa: B904  the error keeps its own cause; the group adds nothing
    return [part for task in tasks for part in task.result()]


async def _read_some(transport: Transport, batch: Batch, urls: Sequence[str]) -> list[Part]:
    done: dict[int, Part] = {}
    waiting = list(range(len(urls)))
    patience, waited = transport.patience, 0.0
    stubborn: Counter[int] = Counter()
    slow_down: dict[int, GraphError] = {}
    tried = 0
    while True:
        done |= await _ask(transport, batch, urls, waiting)
        failing = {index: part for index in waiting if isinstance(part := done[index], GraphError)}
        slow_down |= {i: part for i, part in failing.items() if part.reason_code is ReasonCode.THROTTLED}
        stubborn.update(index for index, part in failing.items() if not patience.passes(part))
        failing = {
            index: part for index, part in failing.items() if patience.worth_repeating(part, stubborn[index])
        }
        # Where some went well, Microsoft is not refusing all: no need to wait ever longer.
        tried = tried + 1 if len(failing) == len(waiting) else 1
        waiting = list(failing)
        delay = max((patience.delay(part, tried) for part in failing.values()), default=0.0)
        if not waiting or waited + delay > patience.total:
            # Patience that ends after a 429 is THROTTLED, whatever failed last.
            done |= {index: slow_down[index] for index in waiting if index in slow_down}
            return [done[index] for index in range(len(urls))]
        transport.pacer.pause(transport.tenant, batch.family, delay)
        waited += delay


async def _ask(
    transport: Transport, batch: Batch, urls: Sequence[str], indexes: Sequence[int]
) -> dict[int, Part]:
    """One batch call; every index is in the result."""
    call = Call(
        method="POST",
        url=f"/{batch.version}/$batch",
        family=batch.family,
        permission=batch.permission,
        body={"requests": [_request(batch, index, urls[index]) for index in indexes]},
        cost=len(indexes),
    )
    try:
        answer = await transport.send(call)
        responses = decode(answer).get("responses")
        if not isinstance(responses, list):
            raise invalid_response(request_id=answer.request_id)
    except GraphError as error:
        if error.reason_code is not ReasonCode.INVALID_RESPONSE:
            raise
        return dict.fromkeys(indexes, error)
    by_id = {str(part.get("id")): part for part in responses if isinstance(part, dict)}
    return {
        index: _judge(transport, batch, by_id.get(str(index)), request_id=answer.request_id)
        for index in indexes
    }


def _request(batch: Batch, index: int, url: str) -> dict[str, Any]:
    request: dict[str, Any] = {"id": str(index), "method": "GET", "url": url}
    # https://learn.microsoft.com/graph/aad-advanced-queries (read 2026-11-23)
    return {**request, "headers": {"ConsistencyLevel": "eventual"}} if batch.counting else request


def _judge(transport: Transport, batch: Batch, part: dict[str, Any] | None, *, request_id: str) -> Part:
    if part is None or not isinstance(status := part.get("status"), int):
        return invalid_response(
            "Microsoft left out a part of its answer; it was not taken for an empty one.",
            request_id=request_id,
        )
    body, headers = part.get("body"), part.get("headers")
    if status == 200:
        try:
            return {COUNT: count_of(body)} if batch.counting else as_object(body, request_id=request_id)
        except GraphError as error:
            return error
    refused = refusal(
        status,
        headers if isinstance(headers, dict) else {},
        body,
        now=transport.clock.wall(),
        permission=batch.permission,
        permitted=status == 403 and transport.permits(batch.permission),
        request_id=request_id,
    )
    transport.observer.error(refused.reason_code)
    return refused
