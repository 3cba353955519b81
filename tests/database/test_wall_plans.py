"""With row-level security, lists are still read by their indexes, and reach is looked up once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest

from atlas_gql.db.database import AS_ENGINE
from atlas_gql.db.ids import new_id
from atlas_gql.db.statements import prepare
from atlas_gql.schema import lists, rows
from atlas_gql.schema.connections import Connection
from atlas_gql.schema.listings import Listing
from atlas_gql.schema.maps import OPERATION_RUN
from atlas_gql.schema.pages import Shape, page_of
from atlas_gql.testing.postgres import fresh_database
from support.paths import DATA_DIR
from support.rows import insert, make_place

TENANTS, EACH = 40, 250

_FILL = (
    """
    INSERT INTO tenants (id, workspace_id, name, entra_tenant_id, primary_domain)
    SELECT gen_random_uuid(), (ARRAY[%(here)s, %(there)s]::uuid[])[1 + n %% 2], 't', gen_random_uuid(), 't'
    FROM generate_series(1, %(tenants)s) AS n
    """,
    """
    INSERT INTO operation_runs (id, tenant_id, workspace_id, type, target, input_hash, writes,
        initiator_kind, initiator_name, status, outcome, finished_at, created_at)
    SELECT gen_random_uuid(), id, workspace_id, 'test.run', n::text, '', false, 'user', 'u', 'completed',
        'succeeded', now(), now() - n * interval '1 minute'
    FROM tenants, generate_series(1, %(each)s) AS n
    """,
    """
    INSERT INTO audit_entries (id, tenant_id, workspace_id, run_id, action, actor_kind, actor_name,
        created_at)
    SELECT gen_random_uuid(), tenant_id, workspace_id, id, 'test.done', 'user', 'u', created_at
    FROM operation_runs
    """,
)


@dataclass(frozen=True)
class Filled:
    connection: psycopg.Connection[Any]
    workspace: UUID
    tenant: UUID
    run: UUID
    owner: UUID
    operator: UUID

    def plan(self, statement: Any, user: UUID, **parameters: Any) -> str:
        prepared = prepare(statement)
        with self.connection.transaction():
            self.connection.execute("SELECT set_config('atlas.user_id', %s, true)", [str(user)])
            explained = self.connection.execute(
                b"EXPLAIN (COSTS OFF) " + prepared.sql.encode(), prepared.parameters(parameters)
            ).fetchall()
        return "\n".join(line for (line,) in explained)


@pytest.fixture(scope="module")
def filled() -> Iterator[Filled]:
    with fresh_database(DATA_DIR) as database:
        with psycopg.connect(database.url, autocommit=True, options=AS_ENGINE) as connection:
            here, there = make_place(connection), make_place(connection)
            values = {
                "here": here.workspace,
                "there": there.workspace,
                "tenants": TENANTS,
                "each": EACH,
            }
            for statement in _FILL:
                connection.execute(statement.encode(), values)
            owner = new_id()
            insert(connection, "users", id=owner, name=str(owner))
            insert(connection, "memberships", workspace_id=here.workspace, user_id=owner, role="owner")
            insert(
                connection,
                "tenant_grants",
                tenant_id=here.tenant,
                workspace_id=here.workspace,
                user_id=here.rows["users"],
                role="readonly",
            )
        with psycopg.connect(database.admin_url, autocommit=True) as admin:
            admin.execute("VACUUM ANALYZE")
        with psycopg.connect(database.url) as connection:
            yield Filled(
                connection=connection,
                workspace=here.workspace,
                tenant=here.tenant,
                run=here.rows["operation_runs"],
                owner=owner,
                operator=here.rows["users"],
            )


@pytest.mark.parametrize("who", ["owner", "operator"])
@pytest.mark.parametrize(
    ("listing", "parent", "index"),
    [
        pytest.param(lists.TENANT_RUNS, "tenant", "ix_operation_runs_tenant_id", id="runs-of-a-tenant"),
        pytest.param(lists.WORKSPACE_RUNS, "workspace", "ix_operation_runs_workspace_id", id="runs"),
        pytest.param(lists.TENANT_AUDIT, "tenant", "ix_audit_entries_tenant_id", id="audit-of-a-tenant"),
        pytest.param(lists.WORKSPACE_AUDIT, "workspace", "ix_audit_entries_workspace_id", id="audit"),
    ],
)
def test_a_page_is_read_by_its_index(
    filled: Filled, listing: Listing, parent: str, index: str, who: str
) -> None:
    statement = page_of(Shape(listing=listing, names=listing.rows.needed(("type",)), descending=True))
    plan = filled.plan(statement, getattr(filled, who), key_0=[getattr(filled, parent)], limit=51)
    assert f"using {index} " in plan
    assert "Sort" not in plan
    assert "InitPlan" in plan
    assert "atlas_" not in plan, "no function is asked for each row"


@pytest.mark.parametrize("who", ["owner", "operator"])
def test_a_run_is_found_by_its_id(filled: Filled, who: str) -> None:
    statement = rows.by_id(OPERATION_RUN, OPERATION_RUN.needed(("type",)))
    plan = filled.plan(statement, getattr(filled, who), ids=[filled.run])
    assert "Index Cond: (id = ANY" in plan
    assert "Seq Scan on operation_runs" not in plan
    assert "atlas_" not in plan


@pytest.mark.parametrize("who", ["owner", "operator"])
@pytest.mark.parametrize(
    ("listing", "parent"), [(lists.TENANT_RUNS, "tenant"), (lists.WORKSPACE_RUNS, "workspace")]
)
def test_runs_are_counted_without_their_rows(filled: Filled, listing: Listing, parent: str, who: str) -> None:
    shape = Shape(
        listing=listing,
        names=listing.rows.needed(()),
        descending=True,
        extras=tuple(Connection.EXTRAS.items()),
    )
    keys = {"key_0": [getattr(filled, parent)], "limit": 1}
    plan = filled.plan(page_of(shape), getattr(filled, who), **keys)
    assert "Index Only Scan using ix_operation_runs" in plan
