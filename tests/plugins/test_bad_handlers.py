"""Whatever a handler does, its run ends with a code, nothing is leaked, and the service goes on.

What takes its whole process down is in `tests/faults`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Protocol, cast
from uuid import UUID

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from atlas_gql.db.ids import new_id
from atlas_gql.db.tables import tenants
from atlas_gql.plugins import Doc, OperationFailure, ReasonCode, RunContext, contract_of
from atlas_gql.plugins.loading import Loaded, load_plugins
from atlas_gql.schema import ids
from atlas_gql.testing import (
    Failure,
    Installation,
    Outcome,
    Place,
    fresh_database,
    installation,
    run_operation,
)
from support import sample
from support.paths import DATA_DIR

TOKEN = ".".join(("eyJ" + "hbGciOiJub25lIn0", "eyJzdWIiOiJtYXJpYSJ9", "c2lnbmF0dXJl"))
SECRET = f"Bearer {TOKEN}"


@dataclass(frozen=True, kw_only=True)
class BadInput:
    """Which way to go wrong."""

    how: Annotated[str, Doc("Which way.")]


@dataclass(frozen=True, kw_only=True)
class BadResult:
    """What is returned."""

    number: Annotated[float, Doc("A number.")]


class Hostile(Exception):
    """Its text cannot be had."""

    def __str__(self) -> str:
        return str(self)

    __repr__ = __str__


class Odd(BaseException):
    """No Exception."""


class Anything(Protocol):
    """What is not in the types, and tried all the same."""

    def __getattr__(self, name: str) -> Any: ...


Way = Callable[[RunContext, BadInput], Awaitable[Any]]
WAYS: dict[str, Way] = {}


def way(function: Way) -> Way:
    WAYS[function.__name__] = function
    return function


def raising(name: str, error: Callable[[], BaseException]) -> None:
    async def handler(_ctx: RunContext, _given: BadInput) -> None:
        raise error()

    WAYS[name] = handler


raising("exits", lambda: SystemExit(3))
raising("interrupts", lambda: KeyboardInterrupt())
raising("odd", lambda: Odd(SECRET))
raising("generator_exit", lambda: GeneratorExit())
raising("stop_iteration", lambda: StopAsyncIteration(SECRET))
raising("cancelled_by_itself", lambda: asyncio.CancelledError(SECRET))
raising("group", lambda: BaseExceptionGroup(SECRET, [ValueError(SECRET), ExceptionGroup("x", [KeyError(1)])]))
raising("hostile", Hostile)
raising("long", lambda: RuntimeError(SECRET * 100_000))
raising("unprintable", lambda: RuntimeError("\x00\ud800" + SECRET))
raising("deep", lambda: RecursionError(SECRET))
raising("no_memory", lambda: MemoryError(SECRET))
raising("with_a_token", lambda: OperationFailure(f"No: {SECRET}", reason=ReasonCode.EXTENSION, detail=SECRET))


@way
async def returns_an_object(_ctx: RunContext, _given: BadInput) -> Any:
    return object()


@way
async def returns_infinity(_ctx: RunContext, _given: BadInput) -> Any:
    return BadResult(number=float("inf"))


@way
async def returns_another_type(_ctx: RunContext, _given: BadInput) -> Any:
    return BadResult(number=cast("Any", SECRET))


@way
async def recurses(ctx: RunContext, given: BadInput) -> None:
    await recurses(ctx, given)


@way
async def blocks_for_a_while(_ctx: RunContext, _given: BadInput) -> Any:
    time.sleep(1)  # noqa: ASYNC251 # the misbehaviour
    return BadResult(number=1)


@way
async def waits_for_ever(_ctx: RunContext, _given: BadInput) -> None:
    await asyncio.sleep(3600)


@way
async def posts_to_an_assign_path(ctx: RunContext, _given: BadInput) -> None:
    contract = contract_of("deviceConfigurations")
    policies = [policy async for policy in ctx.graph.policies(contract)]
    await cast("Anything", ctx.graph).assign(contract, policies[0].id, [])


@way
async def goes_around_the_guard(ctx: RunContext, _given: BadInput) -> None:
    await cast("Anything", ctx.graph).post("/beta/deviceManagement/deviceConfigurations/x/assign", {})


@way
async def reaches_around_for_other_tenants(ctx: RunContext, _given: BadInput) -> None:
    """Python hides nothing, but the database shows a run no more than its tenant."""
    database = cast("Anything", ctx)._database
    seen = {row.id for row in await database.fetch(select(tenants.c.id))}
    for other in seen - {ctx.tenant.id}:
        await ctx.succeeded(str(other))
    assert seen == {ctx.tenant.id}
    raise OperationFailure("Nothing is found.", reason=ReasonCode.NOT_FOUND, code="nothing")


@way
async def reads_another_tenants_documents(ctx: RunContext, _given: BadInput) -> None:
    """Documents are by plugin and tenant; there is no key that leads out."""
    for key in ("../other", f"{new_id()}/known", "known"):
        if await ctx.documents.get(key) is not None:
            await ctx.succeeded(key)
    if await ctx.documents.all():
        await ctx.succeeded("all")
    await ctx.documents.put("known", {"of": str(ctx.tenant.id)})
    raise OperationFailure("Nothing is found.", reason=ReasonCode.NOT_FOUND, code="nothing")


@way
async def logs_a_token(ctx: RunContext, _given: BadInput) -> None:
    ctx.log(f"asked with {SECRET}", header=SECRET, nested={"authorization": SECRET})
    await ctx.succeeded(f"key {TOKEN}", f"label {SECRET}", result=SECRET)
    raise OperationFailure(f"It failed with {SECRET}.", reason=ReasonCode.CONFLICT, code="told")


async def bad(ctx: RunContext, given: BadInput) -> Any:
    """Go wrong in the way that is asked for."""
    return await WAYS[given.how](ctx, given)


def plugins() -> Loaded:
    """The good plugin, and beside it the bad one."""
    common = {"input": BadInput, "handler": bad}
    offered = [
        sample.operation(type="bad.work", mutation="badWork", result=BadResult, **common),
        sample.operation(type="bad.hurry", mutation="badHurry", time_limit=timedelta(seconds=1), **common),
    ]
    module = type("Bad", (), {"atlas_operations": staticmethod(sample.hookimpl(lambda: offered))})()
    loaded = load_plugins([("bad", module), ("sample", sample)])
    assert loaded.refused == {}
    return loaded


@pytest.fixture(scope="module")
def running() -> Iterator[Installation]:
    with (
        fresh_database(DATA_DIR) as database,
        installation(database, plugins=plugins(), staged=True) as atlas,
    ):
        yield atlas


@pytest.fixture
def tenant(running: Installation) -> Place:
    running.graph.reset()
    return running.new_place()


UNEXPECTED = ("failed", "bad.work.failed_unexpectedly", ReasonCode.UNKNOWN_ERROR)


@pytest.mark.parametrize(
    ("how", "ended"),
    [
        *(
            pytest.param(how, UNEXPECTED, id=how)
            for how in (
                *("exits", "interrupts", "odd", "generator_exit", "stop_iteration", "cancelled_by_itself"),
                *("group", "hostile", "long", "unprintable", "deep", "no_memory", "recurses"),
                "goes_around_the_guard",
            )
        ),
        ("with_a_token", ("failed", "bad.work.failed", ReasonCode.EXTENSION)),
        ("returns_an_object", ("failed", "bad.work.result_refused", ReasonCode.UNSUPPORTED)),
        ("returns_infinity", ("failed", "bad.work.result_refused", ReasonCode.UNSUPPORTED)),
        ("returns_another_type", ("failed", "bad.work.result_refused", ReasonCode.UNSUPPORTED)),
        ("posts_to_an_assign_path", ("failed", "bad.work.write_refused", ReasonCode.UNSUPPORTED)),
        ("reaches_around_for_other_tenants", ("failed", "bad.work.nothing", ReasonCode.NOT_FOUND)),
        ("logs_a_token", ("partially_succeeded", "bad.work.told", ReasonCode.CONFLICT)),
    ],
)
def test_a_bad_handler_ends_with_a_code_and_harms_nobody(tenant: Place, how: str, ended: Any):
    with capture_logs() as logged:
        seen = run_operation(tenant, "bad.work", BadInput(how=how))
    assert seen.failure is not None
    assert (seen.outcome, seen.failure.code, seen.failure.reason) == ended
    assert TOKEN not in repr(seen)
    assert len(seen.items) == (1 if how == "logs_a_token" else 0)
    assert [call for call in tenant.atlas.graph.calls("POST", "PATCH", "DELETE") if "assign" in call[1]] == []
    assert tenant.atlas.worker is not None
    assert tenant.atlas.worker.trouble() is None
    assert run_operation(tenant, "sample.work").outcome == "succeeded"
    assert all(isinstance(line["event"], str) for line in logged)


def test_a_handler_that_does_not_end_is_ended(tenant: Place):
    seen = run_operation(tenant, "bad.hurry", BadInput(how="waits_for_ever"))
    assert (seen.outcome, seen.failure and seen.failure.reason) == ("failed", ReasonCode.TIME_LIMIT)


def test_a_handler_that_blocks_for_a_while_costs_its_neighbours_that_while(tenant: Place):
    assert run_operation(tenant, "bad.work", BadInput(how="blocks_for_a_while")).result == {"number": 1}
    assert run_operation(tenant, "sample.work").outcome == "succeeded"


def test_documents_of_another_tenant_are_out_of_reach(running: Installation):
    """Asked twice, the second tenant still sees none of what the first one's run has kept."""
    for _ in range(2):
        seen = run_operation(running.new_place(), "bad.work", BadInput(how="reads_another_tenants_documents"))
        assert (seen.items, seen.failure and seen.failure.code) == ((), "bad.work.nothing")


def test_another_tenants_thing_cannot_be_named(tenant: Place, running: Installation):
    """A start for a tenant of another workspace is as for one that does not exist."""
    other = running.new_place()
    refused = run_operation(tenant, "bad.work", {"how": "exits", "tenantId": other.tenant_id})
    missing = run_operation(
        tenant, "bad.work", {"how": "exits", "tenantId": ids.encode("Tenant", UUID(int=0))}
    )
    assert refused == missing == Outcome("refused", failure=Failure("NOT_FOUND", message="Not found."))
