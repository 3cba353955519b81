"""Audit entries: who did what to which resource, when, why, with what outcome. Only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert

from atlas_gql.db.database import Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.tables import audit_entries
from atlas_gql.redaction import redact, redact_text

_COLUMNS = (
    "id",
    "workspace_id",
    "tenant_id",
    "run_id",
    "action",
    "actor_kind",
    "actor_id",
    "actor_name",
    "token_id",
    "resource_kind",
    "resource_id",
    "outcome",
    "reason",
    "details",
    "request_id",
)
# A run has one entry of each action, whoever comes second.
_ADD = (
    insert(audit_entries)
    .values({name: bindparam(name, type_=audit_entries.c[name].type) for name in _COLUMNS})
    .on_conflict_do_nothing(index_elements=["run_id", "action"])
)


async def record(
    tx: Transaction,
    *,
    action: str,
    actor_kind: str,
    actor_name: str,
    actor_id: UUID | None = None,
    token_id: UUID | None = None,
    workspace_id: UUID | None = None,
    tenant_id: UUID | None = None,
    run_id: UUID | None = None,
    resource: tuple[str, str] | None = None,
    outcome: str | None = None,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
    request_id: str | None = None,
) -> None:
    """Add an entry in the caller's transaction; a second one of the same run and action changes nothing.

    `action` is past tense (`restore.executed`); `resource` is (kind, id). Free text is cleaned of secrets.
    """
    await tx.execute(
        _ADD,
        id=new_id(),
        workspace_id=workspace_id,
        tenant_id=tenant_id,
        run_id=run_id,
        action=action,
        actor_kind=actor_kind,
        actor_id=actor_id,
        actor_name=actor_name,
        token_id=token_id,
        resource_kind=resource[0] if resource else None,
        resource_id=resource[1] if resource else None,
        outcome=outcome,
        reason=redact_text(reason) if reason else None,
        details=redact(dict(details or {})),
        request_id=request_id,
    )
