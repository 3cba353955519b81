"""Letting a handler run: until it ends, its time is over, or its run is another's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from atlas_gql.errors import OperationFailure
from atlas_gql.ops.control import LeaseLost
from atlas_gql.ops.leases import Claim
from atlas_gql.reasons import DESCRIPTIONS, ReasonCode

log = structlog.get_logger("atlas.runs")

LOOK_EVERY = 0.5
"""Seconds between two looks at the claim."""
HANDLER = "handler of "
"""How the tasks of handlers are named, before the run's id."""
TO_CLEAN_UP = 5.0
"""Seconds that a handler gets after it was cancelled; then it is left to itself."""


@dataclass(frozen=True, kw_only=True)
class _Came:
    """What came of a handler: what it returned, or what it raised."""

    returned: Any = None
    error: BaseException | None = None


async def carry_out(held: Claim, handler: Awaitable[Any], *, limit: timedelta) -> Any:
    """Run a handler to its end, and give what it returns or raise what it raises.

    The limit counts from the run's first claim, however often the run went back to the queue since. Raises
    OperationFailure (TIME_LIMIT) when it is over, and LeaseLost as soon as the claim does not hold.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + (limit - (held.row.claimed_at - held.row.started_at)).total_seconds()
    task = asyncio.create_task(_contained(handler), name=f"{HANDLER}{held.run_id}")
    try:
        while not task.done() and held.holds() and loop.time() < end:
            await asyncio.wait({task}, timeout=max(0.0, min(LOOK_EVERY, end - loop.time())))
        by_itself = task.done()
    finally:
        await _ended(task, held)
    if by_itself:
        if task.cancelled():
            raise RuntimeError("the handler cancelled itself")
        came = task.result()
        if came.error is not None:
            raise came.error
        return came.returned
    if not held.holds() and loop.time() < end:
        raise LeaseLost
    raise OperationFailure(
        DESCRIPTIONS[ReasonCode.TIME_LIMIT], reason=ReasonCode.TIME_LIMIT, code="time_limit"
    )


async def _contained(handler: Awaitable[Any]) -> _Came:
    """What the handler raised, as a value: out of a task of its own, SystemExit would end the event loop."""
    try:
        return _Came(returned=await handler)
    except asyncio.CancelledError:
        raise
    except BaseException as exc:
        return _Came(error=exc)


async def _ended(task: asyncio.Task[_Came], held: Claim) -> None:
    """Cancel a handler that still runs; one that does not heed it can write nothing from here on."""
    if task.done():
        return
    task.cancel()
    await asyncio.wait({task}, timeout=TO_CLEAN_UP)
    if not task.done():
        held.lost = True
        log.error("a handler does not end and is left behind", run=str(held.run_id), operation=held.type)
