"""A plugin that keeps to everything, and ways not to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from atlas_gql.plugins import Doc, Operation, OperationFailure, ReasonCode, RunContext, hookimpl, new

KEYS = ("a", "b", "c")


class SampleHow(StrEnum):
    """How to work."""

    WELL = "well"
    TWICE = "twice"
    TOLD = "told"
    DEAF = "deaf"


for _how in SampleHow:
    _how.__doc__ = f"{_how.name.capitalize()}."


@dataclass(frozen=True, kw_only=True)
class WorkInput:
    """What to do."""

    how: Annotated[SampleHow, Doc("How to do it.")] = SampleHow.WELL
    fail: Annotated[tuple[str, ...], Doc("The items that fail.")] = ()


async def work(ctx: RunContext, given: WorkInput) -> None:
    """Three items, after a look at the tenant."""
    try:
        await ctx.graph.filters()
    except Exception as exc:
        if given.how is SampleHow.TOLD:
            raise OperationFailure(f"No: {exc}", reason=ReasonCode.DEPENDENCY_UNREACHABLE) from exc
        raise
    done = frozenset() if given.how is SampleHow.TWICE else await ctx.done()
    ctx.log("work begun", items=len(KEYS))
    await ctx.total(len(KEYS))
    for key in KEYS:
        if key in done:
            continue
        if key in given.fail:
            why = OperationFailure("It is late.", reason=ReasonCode.EXTENSION, code="late", detail="late")
            await ctx.failed(key, key.upper(), why)
        elif given.how is SampleHow.DEAF:
            await deaf(ctx, key)
        else:
            again = given.how is SampleHow.TWICE and ctx.run.attempt > 1
            await ctx.succeeded(key, key.upper(), result="again" if again else "fine")


async def deaf(ctx: RunContext, key: str) -> None:
    """Goes on whatever it is told."""
    try:
        await ctx.succeeded(key, key.upper())
    except BaseException as exc:
        ctx.log("not heard", what=type(exc).__name__)


def operation(**changed: Any) -> Operation[Any]:
    given: dict[str, Any] = {
        "type": "sample.work",
        "mutation": "sampleWork",
        "label": "Work",
        "description": "Works.",
        "input": WorkInput,
        "target": new(),
        "capability": "backups.create",
        "handler": work,
        "audit_action": "sample.worked",
    }
    return Operation(**{**given, **changed})


@hookimpl
def atlas_operations() -> list[Operation[Any]]:
    return [operation()]
