"""A handler, whatever it reaches for, sees its run's tenant and nothing of another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import func, literal_column, select

from atlas_gql.db.tables import operation_runs, tenants
from atlas_gql.plugins import Operation, RunContext, new
from atlas_gql.testing.installation import Installation, installation
from atlas_gql.testing.postgres import fresh_database
from support.paths import DATA_DIR

SEEN: dict[str, dict[str, set[Any]]] = {}


@dataclass(frozen=True, kw_only=True)
class LookInput:
    """Nothing."""


async def look(ctx: RunContext, _given: LookInput) -> None:
    """Ask every door to the database that a handler's context has, as a plugin never should."""
    doors = {
        "context": ctx,
        "backups": ctx.backups,
        "restores": ctx.restores,
        "provider": ctx.provider,
        "documents": ctx.documents,
    }
    for name, door in doors.items():
        database: Any = door._database  # type: ignore[attr-defined] # which is why it is tested
        role = select(literal_column("current_user::text").label("role"), func.now())
        SEEN[name] = {
            "role": {(await database.one(role)).role},
            "tenants": {row.id for row in await database.fetch(select(tenants.c.id))},
            "runs": {row.tenant_id for row in await database.fetch(select(operation_runs.c.tenant_id))},
        }


LOOK = Operation(
    type="tests.look",
    mutation="look",
    label="Look",
    description="Looks around.",
    input=LookInput,
    target=new(),
    capability="policies.view",
    handler=look,
)


@pytest.fixture(scope="module")
def atlas() -> Iterator[Installation]:
    with (
        fresh_database(DATA_DIR) as database,
        installation(database, operations={LOOK.type: LOOK}) as running,
    ):
        yield running


def test_a_handler_sees_its_tenant_alone(atlas: Installation) -> None:
    place, other = atlas.new_place(), atlas.new_place()
    beside = place.add_tenant("11111111-2222-4333-8444-555555555555", "beside.example")
    for one in (other, beside, place):
        run = one.run("look", {"tenantId": one.tenant_id})
        assert run["outcome"] == "SUCCEEDED", run
    mine = {"role": {"atlas_app"}, "tenants": {place.tenant}, "runs": {place.tenant}}
    assert mine == SEEN["context"]
    assert all(seen == mine for seen in SEEN.values()), SEEN
