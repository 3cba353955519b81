"""Many reads in few calls: `$batch`, 20 parts at a time.

Each part is judged by itself: a throttled or failing part is asked again, the others are not; a part
that is missing from the answer is an error, never nothing. Parts are reads; writes are single calls.
Source: https://learn.microsoft.com/graph/json-batching (read 2026-11-23).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from atlas_gql.errors import GraphError
from atlas_gql.graph.answers import as_object, decode, invalid_response, refusal
from atlas_gql.graph.contracts import Family
from atlas_gql.graph.transport import Call, Transport

PARTS = 20
"""What Microsoft takes in one batch."""

Part = dict[str, Any] | GraphError
"""What became of one part: its JSON object, or why there is none."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What the parts of a batch have in common."""

    version: str
    family: Family
    permission: str | None = None


async def read_all(transport: Transport, batch: Batch, urls: Sequence[str]) -> list[Part]:
    """What became of each url (relative to the version), in their order.

    Raises GraphError when a batch as a whole fails.
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
    for tried in count(1):
        done |= await _ask(transport, batch, urls, waiting)
        failing = {
            index: part
            for index in waiting
            if isinstance(part := done[index], GraphError) and patience.worth_repeating(part, tried)
        }
        waiting = list(failing)
        delay = max((patience.delay(part, tried) for part in failing.values()), default=0.0)
        if not waiting or waited + delay > patience.total:
            return [done[index] for index in range(len(urls))]
        transport.pacer.pause(transport.tenant, batch.family, delay)
        waited += delay
    raise AssertionError("count() does not end")


async def _ask(
    transport: Transport, batch: Batch, urls: Sequence[str], indexes: Sequence[int]
) -> dict[int, Part]:
    """One batch call; every index is in the result."""
    answer = await transport.send(
        Call(
            method="POST",
            url=f"/{batch.version}/$batch",
            family=batch.family,
            permission=batch.permission,
            body={"requests": [{"id": str(index), "method": "GET", "url": urls[index]} for index in indexes]},
        )
    )
    responses = decode(answer).get("responses")
    if not isinstance(responses, list):
        raise invalid_response(request_id=answer.request_id)
    by_id = {str(part.get("id")): part for part in responses if isinstance(part, dict)}
    return {
        index: _judge(transport, batch, by_id.get(str(index)), request_id=answer.request_id)
        for index in indexes
    }


def _judge(transport: Transport, batch: Batch, part: dict[str, Any] | None, *, request_id: str) -> Part:
    if part is None or not isinstance(status := part.get("status"), int):
        return invalid_response(
            "Microsoft left out a part of its answer; it was not taken for an empty one.",
            request_id=request_id,
        )
    body, headers = part.get("body"), part.get("headers")
    if status == 200:
        try:
            return as_object(body, request_id=request_id)
        except GraphError as error:
            return error
    return refusal(
        status,
        headers if isinstance(headers, dict) else {},
        body,
        now=transport.clock.wall(),
        permission=batch.permission,
        request_id=request_id,
    )
