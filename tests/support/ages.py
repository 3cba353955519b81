"""Backup sets made past the engine, of any age: for what is kept and what goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from atlas_gql.db.ids import new_id
from atlas_gql.testing.installation import Place

LIVE_PLAN = """
    INSERT INTO restore_runs (id, tenant_id, workspace_id, backup_set_id, source_tenant_id, state, mode,
        plan_digest, created_by, expires_at)
    VALUES (%s, %s, %s, %s, %s, 'planned', 'replace', 'x', 'x', now() + interval '1 hour')
"""
"""A plan that can be executed for an hour; wants its id, tenant, workspace, set and the set's tenant."""

_SET = """
    INSERT INTO backup_sets (id, tenant_id, workspace_id, origin, state, run_id, policy_types, item_count,
        created_at, completed_at)
    VALUES (%(id)s, %(tenant)s, %(workspace)s, %(origin)s, %(state)s, gen_random_uuid(), %(policy_types)s, 1,
        now() - %(days)s * interval '1 day', now() - %(days)s * interval '1 day')
"""
_CONTENT = """
    INSERT INTO backup_contents (tenant_id, workspace_id, hash, content)
    VALUES (%(tenant)s, %(workspace)s, %(hash)s, %(content)s) ON CONFLICT DO NOTHING
"""
_ITEM = """
    INSERT INTO backup_items (id, tenant_id, workspace_id, backup_set_id, policy_type, external_id, name,
        assignments_state, content_hash)
    VALUES (gen_random_uuid(), %(tenant)s, %(workspace)s, %(id)s, 'deviceConfigurations', %(hash)s::text, 'p',
        'fetched', %(hash)s)
"""


def add_set(
    admin_url: str,
    place: Place,
    *,
    days: float = 0,
    origin: str = "requested",
    state: str = "complete",
    policy_types: list[str] | None = None,
    contents: tuple[bytes, ...] = (b"content",),
) -> UUID:
    """The id of a new set of the place's tenant, with an item for each of these contents."""
    values: dict[str, Any] = {
        "id": new_id(),
        "tenant": place.tenant,
        "workspace": place.workspace,
        "origin": origin,
        "state": state,
        "days": days,
        "policy_types": Jsonb(policy_types) if policy_types else None,
        "content": Jsonb({"assignments": [], "groups": {}, "filters": {}, "scopeTagIds": []}),
    }
    with psycopg.connect(admin_url) as connection:
        connection.execute(_SET, values)
        for hash_ in contents:
            connection.execute(_CONTENT, {**values, "hash": hash_})
            connection.execute(_ITEM, {**values, "hash": hash_})
    made: UUID = values["id"]
    return made


def wait_until(true: Callable[[], bool], *, within: float = 20) -> None:
    """Look again and again. Raises AssertionError when it does not become true."""
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def sets_of(admin_url: str, place: Place) -> set[UUID]:
    """The tenant's sets."""
    with psycopg.connect(admin_url) as connection:
        rows = connection.execute(
            "SELECT id FROM backup_sets WHERE tenant_id = %s", (place.tenant,)
        ).fetchall()
    return {row[0] for row in rows}


def contents_of(admin_url: str, place: Place) -> set[bytes]:
    """The hashes of the tenant's contents."""
    with psycopg.connect(admin_url) as connection:
        rows = connection.execute(
            "SELECT hash FROM backup_contents WHERE tenant_id = %s", (place.tenant,)
        ).fetchall()
    return {bytes(row[0]) for row in rows}
