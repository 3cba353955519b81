"""Every order of a list, and every filter of several values, is served by an index that knows both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy.dialects import postgresql

from atlas_gql.db.ids import new_id
from atlas_gql.db.statements import prepare
from atlas_gql.schema import lists
from atlas_gql.schema.connections import Connection
from atlas_gql.schema.listings import Listing
from atlas_gql.schema.pages import WITHIN, Shape, page_of
from atlas_gql.testing.postgres import fresh_database
from support.paths import DATA_DIR

CASES = [
    pytest.param(listing, name, id=f"{list_name} by {name or 'nothing'}")
    for list_name, listing in vars(lists).items()
    if isinstance(listing, Listing)
    and (listing.each or list_name.endswith("_RUNS_ENDED") or "_INTERNAL_" in list_name)
    for name in (None, *listing.each)
]


@pytest.fixture(scope="module")
def planner() -> Iterator[psycopg.Connection[Any]]:
    """A connection that plans for any values, to a database that no other test has filled."""
    with fresh_database(DATA_DIR) as own, psycopg.connect(own.admin_url, autocommit=True) as connection:
        for setting in ("enable_seqscan", "enable_bitmapscan", "enable_sort", "enable_incremental_sort"):
            connection.execute(f"SET {setting} = off")
        connection.execute("SET plan_cache_mode = force_generic_plan")
        yield connection


@pytest.mark.parametrize(("listing", "name"), CASES)
def test_a_list_is_read_from_an_index(planner: psycopg.Connection[Any], listing: Listing, name: str | None):
    shape = Shape(
        listing=listing,
        names=listing.rows.needed((), *listing.sort),
        filters=(name,) if name else (),
        descending=listing.descending,
    )
    plan = explained(planner, shape)
    table = listing.rows.table.name
    scans = [line for line in plan if line.strip().startswith("Index Cond")]
    assert not any(f"Seq Scan on {table}" in line for line in plan), plan
    if name is None:
        # The rows come as they are wanted.
        assert not any("Sort Key" in line for line in plan), plan
    else:
        column = str(listing.each[name].compile(dialect=postgresql.dialect())).split(".")[1]
        (scan,) = (line for line in scans if f"({column} >=" in line)
        assert f"({column} <=" in scan
        assert "tenant_id =" in scan or "workspace_id =" in scan


@pytest.mark.parametrize(
    "listing",
    [pytest.param(listing, id=name) for name, listing in vars(lists).items()
     if isinstance(listing, Listing) and listing.tenant is not None],
)  # fmt: skip
def test_the_list_of_a_workspace_is_read_tenant_by_tenant_for_who_reaches_some(
    planner: psycopg.Connection[Any], listing: Listing
):
    shape = Shape(
        listing=listing,
        names=listing.rows.needed((), *listing.sort),
        filters=(WITHIN,),
        descending=listing.descending,
    )
    scans = [line for line in explained(planner, shape) if "Index Cond" in line]
    assert any("(tenant_id >= " in line for line in scans), scans


def explained(planner: psycopg.Connection[Any], shape: Shape) -> list[str]:
    """The plan of a page's statement, whatever its values."""
    prepared = prepare(page_of(shape))
    arrays = {name for name in prepared.defaults if name.startswith("key_") or name in shape.filters}
    values = {name: [] if name in arrays else 1 for name in prepared.required}
    rows = planner.execute(f"EXPLAIN {prepared.sql}", prepared.parameters(values), prepare=True).fetchall()
    return [row[0] for row in rows]


PLACE = """
    INSERT INTO workspaces (id, name) VALUES (%(id)s, 'a workspace');
    INSERT INTO tenants (id, workspace_id, name, entra_tenant_id, primary_domain)
    VALUES (%(id)s, %(id)s, 'a tenant', %(id)s, 'a.example');
    INSERT INTO policies (id, tenant_id, workspace_id, policy_type, external_id, name, last_seen_at)
    SELECT gen_random_uuid(), %(id)s, %(id)s, 'a', n::text, n::text, now() FROM generate_series(1, 5) AS n
"""


def test_a_list_is_counted_once_and_not_for_each_of_its_rows(planner: psycopg.Connection[Any]):
    place = new_id()
    with psycopg.ClientCursor(planner) as cursor:
        cursor.execute(PLACE, {"id": place})
    listing = lists.TENANT_POLICIES
    shape = Shape(
        listing=listing,
        names=listing.rows.needed((), *listing.sort),
        extras=tuple(Connection.EXTRAS.items()),
    )
    prepared = prepare(page_of(shape))
    values = prepared.parameters({"key_0": [place], "limit": 5})
    assert [row[1] for row in planner.execute(prepared.sql, values)] == [5] * 5
    explained = planner.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {prepared.sql}", values).fetchone()
    assert explained is not None
    (counting,) = (node for node in nodes(explained[0][0]["Plan"]) if node["Node Type"] == "Aggregate")
    assert counting["Actual Loops"] == 1


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of a plan."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)
