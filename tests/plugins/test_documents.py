"""What a plugin keeps for a tenant: its own alone, bounded, and written by no attempt that lost its run."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from atlas_gql.db.tables import plugin_documents
from atlas_gql.ops.documents import LARGEST, MOST
from atlas_gql.plugins import Operation, RunContext, new
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import fresh_database
from support.paths import DATA_DIR

Work = Callable[[RunContext], Awaitable[Any]]


@dataclass(frozen=True, kw_only=True)
class WorkInput:
    """Which work to do."""

    work: str


WORKS: dict[str, Work] = {}
SAID: dict[str, Any] = {}


async def carry(ctx: RunContext, given: WorkInput) -> None:
    SAID[given.work] = await WORKS[given.work](ctx)


def operation(plugin: str) -> Operation[WorkInput]:
    return Operation(
        type=f"{plugin}.work",
        mutation=f"{plugin}Work",
        label="Work",
        description="Does what a test says.",
        input=WorkInput,
        target=new(),
        capability="policies.view",
        handler=carry,
    )


@pytest.fixture(scope="module")
def atlas() -> Iterator[Installation]:
    operations = {one.type: one for one in map(operation, ("example", "other"))}
    with fresh_database(DATA_DIR) as database, installation(database, operations=operations) as running:
        yield running


@pytest.fixture(scope="module")
def place(atlas: Installation) -> Place:
    return atlas.new_place()


def done(place: Place, work: Work, plugin: str = "example") -> Any:
    """What the work gives, done by a plugin in a run of the place's tenant."""
    name = str(uuid4())
    WORKS[name] = work
    run = place.run(f"{plugin}Work", {"tenantId": place.tenant_id, "work": name})
    assert run["outcome"] == "SUCCEEDED", run
    return SAID[name]


def test_documents_are_kept_until_they_are_forgotten(place: Place) -> None:
    body = {"text": "é\\u0000", "number": 1.5, "large": 2**63 - 1, "none": None, "list": [True, {}]}

    async def write(ctx: RunContext) -> None:
        await ctx.documents.put("a/2", "old")
        await ctx.documents.put("a/2", body)
        await ctx.documents.put("a/1", None)
        await ctx.documents.put("a%", 1)
        await ctx.documents.put("gone", 1)
        await ctx.documents.delete("gone")
        await ctx.documents.delete("never there")

    async def read(ctx: RunContext) -> Any:
        keys = ("a/2", "a/1", "gone")
        found = {key: await ctx.documents.get(key) for key in keys}
        return found, list((await ctx.documents.all("a/")).items()), list(await ctx.documents.all())

    done(place, write)
    found, below, every = done(place, read)
    assert found == {"a/2": body, "a/1": None, "gone": None}
    assert below == [("a/1", None), ("a/2", body)]
    assert every == ["a%", "a/1", "a/2"]


def test_documents_of_another_tenant_and_of_another_plugin_are_out_of_reach(atlas: Installation) -> None:
    first, second = atlas.new_place(), atlas.new_place()
    beside = first.add_tenant("11111111-2222-4333-8444-555555555555", "beside.example")

    async def write(ctx: RunContext) -> None:
        await ctx.documents.put("mine", f"{ctx.tenant.id} {ctx.run.type}")

    async def spoil(ctx: RunContext) -> Any:
        seen = await ctx.documents.get("mine"), await ctx.documents.all()
        await ctx.documents.delete("mine")
        return seen

    done(first, write)
    for place, plugin in ((first, "other"), (second, "example"), (beside, "example")):
        assert done(place, spoil, plugin) == (None, {})

    async def read(ctx: RunContext) -> Any:
        everything: Any = ctx.documents._database  # type: ignore[attr-defined] # which is why it is tested
        rows = await everything.fetch(select(plugin_documents.c.tenant_id))
        return await ctx.documents.get("mine"), {row.tenant_id for row in rows}

    done(beside, write)
    assert done(first, read) == (f"{first.tenant} example.work", {first.tenant})


LOOP: list[Any] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("key", "body", "why"),
    [
        pytest.param("", 1, "1 to 200 printable characters", id="no-key"),
        pytest.param("k" * 201, 1, "1 to 200 printable characters", id="long-key"),
        pytest.param("k\0", 1, "1 to 200 printable characters", id="nul-key"),
        pytest.param(7, 1, "1 to 200 printable characters", id="no-text"),
        pytest.param("k", "x" * (LARGEST - 1), "at most 256 KB", id="large"),
        pytest.param("k", "é" * (LARGEST // 2), "at most 256 KB", id="large-in-bytes"),
        pytest.param("k", {"at": datetime.now(UTC)}, "what JSON cannot say", id="time"),
        pytest.param("k", {"id": uuid4()}, "what JSON cannot say", id="uuid"),
        pytest.param("k", {1, 2}, "what JSON cannot say", id="set"),
        pytest.param("k", {1: 2}, "what JSON cannot say", id="number-as-key"),
        pytest.param("k", float("nan"), "what JSON cannot say", id="nan"),
        pytest.param("k", 2**64, "what JSON cannot say", id="big-integer"),
        pytest.param("k", "\ud800", "what JSON cannot say", id="half-a-character"),
        pytest.param("k", LOOP, "what JSON cannot say", id="circle"),
        pytest.param("k", ["a\0b"], "a NUL character", id="nul"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_kept(
    place: Place, key: Any, body: Any, why: str
) -> None:
    async def work(ctx: RunContext) -> Any:
        with pytest.raises(ValueError, match=why):
            await ctx.documents.put(key, body)
        return await ctx.documents.get("k")

    assert done(place, work) is None


def test_the_largest_document_fits(place: Place) -> None:
    body = "x" * (LARGEST - 2)

    async def work(ctx: RunContext) -> Any:
        await ctx.documents.put("k", body)
        found = await ctx.documents.get("k")
        await ctx.documents.delete("k")
        return found

    assert done(place, work) == body


def test_a_plugin_keeps_no_more_than_so_many_documents_for_a_tenant(atlas: Installation) -> None:
    place = atlas.new_place()
    filling = text(
        "INSERT INTO plugin_documents (tenant_id, workspace_id, plugin, key)"
        " SELECT :tenant_id, :workspace_id, 'example', number::text FROM generate_series(1, :count) AS number"
    )
    values = {"tenant_id": place.tenant, "workspace_id": place.workspace, "count": MOST}
    atlas.call(lambda tx: tx.execute(filling, **values))

    async def work(ctx: RunContext) -> Any:
        with pytest.raises(ValueError, match="at most 1,000 documents"):
            await ctx.documents.put("one more", 1)
        await ctx.documents.put("7", "changed")
        await ctx.documents.delete("8")
        await ctx.documents.put("one more", 1)
        return len(await ctx.documents.all())

    assert done(place, work) == MOST

    async def elsewhere(ctx: RunContext) -> Any:
        await ctx.documents.put("one more", 1)
        return len(await ctx.documents.all())

    assert done(place, elsewhere, "other") == 1


@pytest.mark.parametrize("change", ["put", "delete"])
def test_an_attempt_that_lost_its_run_changes_nothing(atlas: Installation, change: str) -> None:
    place = atlas.new_place()
    taking = text("UPDATE operation_runs SET attempt = attempt + 1 WHERE id = :run_id")
    ended: list[str] = []

    async def work(ctx: RunContext) -> None:
        await ctx.documents.put("k", "mine")
        await ctx.in_thread(atlas.call, lambda tx: tx.execute(taking, run_id=ctx.run.id))
        try:
            await (ctx.documents.put("k", "late") if change == "put" else ctx.documents.delete("k"))
        except BaseException as exc:
            ended.append(type(exc).__name__)
            raise

    WORKS[change] = work
    place.start("exampleWork", {"tenantId": place.tenant_id, "work": change})
    give_up = time.monotonic() + 10
    while not ended and time.monotonic() < give_up:
        time.sleep(0.02)
    ours = select(plugin_documents.c.body).where(plugin_documents.c.tenant_id == place.tenant)
    kept = atlas.call(lambda tx: tx.fetch(ours))
    assert (ended, [row.body for row in kept]) == (["LeaseLost"], ["mine"])
