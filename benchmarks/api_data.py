"""A million runs and a million audit entries over 200 tenants, made by PostgreSQL itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from psycopg import sql
from sqlalchemy import insert

from atlas_gql.access import tokens
from atlas_gql.db.database import ENGINE, Database
from atlas_gql.db.ids import new_id
from atlas_gql.db.tables import memberships, users, workspaces
from atlas_gql.testing.postgres import TestDatabase

TENANTS, RUNS, AUDITED, ENTRIES = 200, 5_000, 1_000, 5
"""Runs of each tenant; how many of them, the newest, have entries; entries of each of those."""

_TENANTS = """
INSERT INTO tenants (id, workspace_id, name, entra_tenant_id, primary_domain)
SELECT gen_random_uuid(), %(workspace)s, 'tenant ' || n, gen_random_uuid(), n || '.example'
FROM generate_series(1, %(tenants)s) AS n
"""
# Ids follow the time, as those that Atlas makes; no time has whole seconds, so all are written alike.
_RUNS = """
INSERT INTO operation_runs (id, tenant_id, workspace_id, type, target, subject_kind, subject_id, input_hash,
    writes, status, outcome, total, processed, failed, skipped, failure_code, failure_reason,
    failure_message, initiator_kind, initiator_id, initiator_name, request_id, reason, attempt, created_at,
    started_at, finished_at)
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000'
        || lpad(to_hex((random() * 4095)::int), 4, '8') || substr(md5(t.id::text || n), 1, 12))::uuid,
    t.id, t.workspace_id, (ARRAY['assignments.fetch', 'assignments.plan', 'assignments.restore',
        'assignments.compare', 'providers.verify'])[1 + n %% 5], md5(n::text), 'BackupSet',
    gen_random_uuid(), '', n %% 5 = 2, 'completed',
    (ARRAY['succeeded', 'succeeded', 'succeeded', 'partially_succeeded', 'failed'])[1 + n %% 7 %% 5],
    100, 97, 3, 2, CASE WHEN n %% 7 = 4 THEN 'assignments.fetch.failed' END,
    CASE WHEN n %% 7 = 4 THEN 'THROTTLED' END, CASE WHEN n %% 7 = 4 THEN 'Microsoft asked to wait.' END,
    'user', %(user)s, 'bench', gen_random_uuid()::text, 'Every night', 1, at,
    at + interval '1.000001 second', at + interval '61.000001 second'
FROM tenants AS t, generate_series(1, %(runs)s) AS n,
    LATERAL (SELECT date_trunc('second', now()) - n * interval '10 minutes'
        + (1 + (hashtext(t.id::text) & 65535)) * interval '1 microsecond' AS at) AS times
WHERE t.workspace_id = %(workspace)s
"""
_AUDIT = """
INSERT INTO audit_entries (id, workspace_id, tenant_id, run_id, action, actor_kind, actor_id, actor_name,
    resource_kind, resource_id, outcome, reason, details, request_id, created_at)
SELECT gen_random_uuid(), r.workspace_id, r.tenant_id, r.id, 'bench.step_' || n, 'user', %(user)s, 'bench',
    'OperationRun', r.id::text, r.outcome, r.reason, '{"items": 100}', r.request_id,
    r.created_at + n * interval '1 second'
FROM tenants AS t
CROSS JOIN LATERAL (SELECT * FROM operation_runs WHERE tenant_id = t.id
    ORDER BY created_at DESC LIMIT %(audited)s) AS r
CROSS JOIN generate_series(1, %(entries)s) AS n
"""
_INDEXES = """
SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE i.indrelid = %s::regclass AND NOT i.indisunique
"""


@dataclass(frozen=True, kw_only=True)
class Data:
    """Who asks, and what for."""

    token: str
    tenant: UUID
    run: UUID


async def _owner(database_url: str) -> tuple[UUID, UUID, str]:
    """A workspace, its owner, and the owner's token."""
    workspace, user = new_id(), new_id()
    database = Database(database_url, max_connections=1)
    await database.open()
    async with database.scope(ENGINE).begin() as tx:
        await tx.execute(insert(workspaces).values(id=workspace, name="bench"))
        await tx.execute(insert(users).values(id=user, name="bench"))
        await tx.execute(insert(memberships).values(workspace_id=workspace, user_id=user, role="owner"))
        token = await tokens.create(
            tx,
            user_id=user,
            name="bench",
            plane="workspace",
            expires_at=datetime.now(UTC) + timedelta(days=1),
        )
    await database.close()
    return workspace, user, token


def fill(database: TestDatabase, *, runs: int = RUNS) -> Data:
    """Make all of it, with so many runs of each tenant; some minutes."""
    workspace, user, token = asyncio.run(_owner(database.url))
    values = {
        **{"workspace": workspace, "user": user, "tenants": TENANTS, "runs": runs},
        **{"audited": AUDITED, "entries": ENTRIES},
    }
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        # No triggers and no checks of what is made here; and indexes are quicker made afterwards.
        admin.execute("SET session_replication_role = replica")
        admin.execute(_TENANTS, values)
        _filled(admin, "operation_runs", _RUNS, values)
        _filled(admin, "audit_entries", _AUDIT, values)
        admin.execute("VACUUM ANALYZE")
        (tenant,) = admin.execute(
            "SELECT id FROM tenants WHERE workspace_id = %s ORDER BY id LIMIT 1 OFFSET %s",
            (workspace, TENANTS // 3),
        ).fetchone() or (None,)
        (run,) = admin.execute(
            "SELECT id FROM operation_runs WHERE tenant_id = %s ORDER BY created_at DESC LIMIT 1", (tenant,)
        ).fetchone() or (None,)
    assert tenant is not None
    assert run is not None
    return Data(token=token, tenant=tenant, run=run)


def _filled(
    admin: psycopg.Connection[tuple[object, ...]], table: str, statement: str, values: dict[str, object]
) -> None:
    indexes = admin.execute(_INDEXES, (table,)).fetchall()
    for name, _ in indexes:
        admin.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(str(name))))
    admin.execute(statement.encode(), values)
    for _, definition in indexes:
        admin.execute(str(definition).encode())
