"""A plugin that misbehaves in every way that a plugin can; real worker processes load it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from atlas_gql.plugins import Doc, Operation, RunContext, hookimpl, new


@dataclass(frozen=True, kw_only=True)
class WorkInput:
    """Some work; runs with the same name are the same run."""

    name: Annotated[str, Doc("Tells runs apart.")]
    items: Annotated[int, Doc("How many items it has.")] = 1
    milliseconds: Annotated[int, Doc("How long each of them takes.")] = 0


@dataclass(frozen=True, kw_only=True)
class MisbehaveInput:
    """A way to go wrong."""

    how: Annotated[str, Doc("Which way.")]


async def work(ctx: RunContext, given: WorkInput) -> None:
    """Items that take a while, as any decent handler does them."""
    done = await ctx.done()
    await ctx.total(given.items)
    for key in (str(n) for n in range(given.items)):
        if key not in done:
            await asyncio.sleep(given.milliseconds / 1000)
            await ctx.succeeded(key)
            await ctx.check()


class Hostile(Exception):
    """Its text cannot be had."""

    def __str__(self) -> str:
        return str(self)

    __repr__ = __str__


async def misbehave(ctx: RunContext, given: MisbehaveInput) -> None:
    """Go wrong in the way that is asked for."""
    await ctx.total(1)
    match given.how:
        case "exits the process":
            os._exit(3)
        case "spins without awaiting":
            while True:
                pass
        case "blocks the loop":
            time.sleep(3600)  # noqa: ASYNC251 - the misbehaviour
        case "does not end when cancelled":
            while True:
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    ctx.log("no")
        case "blocks a thread":
            await ctx.in_thread(time.sleep, 3600)
        case "raises SystemExit":
            raise SystemExit("no")
        case "raises a group":
            raise ExceptionGroup("no", [ValueError("no"), ExceptionGroup("no", [KeyError("no")])])
        case "recurses in str":
            raise Hostile
        case "raises 5 MB":
            raise RuntimeError("x" * 5_000_000)
        case "raises NUL and surrogates":
            raise RuntimeError("\x00\ud800")


@hookimpl
def atlas_operations() -> Iterable[Operation[Any]]:
    """Return work that only reads, work that counts as writing, and misbehaviour with time and without."""
    common = {"input": WorkInput, "target": new(), "handler": work}
    return [
        Operation(
            type="faults.work",
            mutation="faultsWork",
            label="Work",
            description="Takes its time.",
            capability="policies.view",
            **common,
        ),
        Operation(
            type="faults.write",
            mutation="faultsWrite",
            label="Write",
            description="Takes its time, as a run that writes.",
            capability="restores.execute",
            writes=True,
            audit_action="faults.written",
            **common,
        ),
        *(
            Operation(
                type=f"faults.{verb}",
                mutation=f"faults{verb.capitalize()}",
                label=verb.capitalize(),
                description="Goes wrong as asked.",
                input=MisbehaveInput,
                target=new(),
                capability="policies.view",
                handler=misbehave,
                time_limit=limit,
            )
            for verb, limit in (("misbehave", timedelta(minutes=5)), ("linger", timedelta(seconds=3)))
        ),
    ]
