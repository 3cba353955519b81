"""`atlas backup prune`: what the workers do, at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

SET = (
    "INSERT INTO backup_sets (id, tenant_id, workspace_id, origin, state, run_id, created_at, completed_at)"
    " VALUES (gen_random_uuid(), %s, %s, 'requested', 'complete', gen_random_uuid(),"
    " now() - %s * interval '1 day', now()) RETURNING id"
)


@pytest.fixture
def sets(rows: Callable[..., list[dict[str, Any]]], place: Any) -> list[UUID]:
    """Four sets of the place's tenant, the newest first; one is within its retention."""
    rows("UPDATE tenants SET backup_keep_days = 30 WHERE id = %s RETURNING id", UUID(place.tenant_id))
    owner = (UUID(place.tenant_id), UUID(place.workspace_id))
    return [rows(SET, *owner, days)[0]["id"] for days in (1, 40, 50, 60)]


@pytest.fixture
def left(rows: Callable[..., list[dict[str, Any]]], place: Any) -> Callable[[], list[UUID]]:
    """A function that gives the sets that are there, the newest first."""
    query = "SELECT id FROM backup_sets WHERE tenant_id = %s ORDER BY created_at DESC"
    return lambda: [row["id"] for row in rows(query, UUID(place.tenant_id))]


def test_a_dry_run_only_counts(made, sets, left, rows):
    assert made("backup", "prune", "--dry-run") == {"backupSets": 3, "dryRun": True}
    assert left() == sets
    assert made("backup", "prune") == {"backupSets": 3, "dryRun": False}
    assert left() == sets[:1]


def test_it_says_what_it_did_and_audits_each(atlas, sets, left, rows):
    said = [atlas("backup", "prune", *more).output for more in (("--dry-run",), (), ())]
    assert said == [
        "3 backup sets would be deleted.\n",
        "3 backup sets deleted.\n",
        "0 backup sets deleted.\n",
    ]
    entries = rows(
        "SELECT actor_kind, details -> 'retention' AS why FROM audit_entries WHERE resource_id = %s",
        str(sets[1]),
    )
    assert entries == [{"actor_kind": "command", "why": {"days": 30, "count": None}}]
