"""Indexes for the filters and orders of lists: each serves a filter together with its list's order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NEWEST = (sa.text("created_at DESC"), sa.text("id DESC"))
ENDED = "coalesce(finished_at, '9999-12-31 00:00:00+00'::timestamptz) DESC"


def upgrade() -> None:
    for owner in ("tenant_id", "workspace_id"):
        op.create_index(
            f"ix_operation_runs_{owner}_ended", "operation_runs", [owner, sa.text(ENDED), sa.text("id DESC")]
        )
    _newest("operation_runs", "tenant_id", "request_id", partly=True)
    _newest("operation_runs", "tenant_id", "failure_reason", partly=True)
    _newest("operation_runs", "tenant_id", "initiator_id", partly=True)
    for owner in ("tenant_id", "workspace_id"):
        for column in ("actor_id", "outcome", "resource_id", "request_id"):
            _newest("audit_entries", owner, column, partly=True)
    _newest("audit_entries", "workspace_id", "action")
    for table, columns in (
        ("backup_sets", ("state", "origin")),
        ("restore_runs", ("state", "purpose", "created_by")),
    ):
        op.create_index(f"ix_{table}_workspace_id", table, ["workspace_id", *NEWEST])
        for column in columns:
            _newest(table, "tenant_id", column)
    op.create_index("ix_policies_workspace_id_name_id", "policies", ["workspace_id", "name", "id"])
    for column in ("platform", "external_id"):
        op.create_index(
            f"ix_policies_tenant_id_{column}_name_id", "policies", ["tenant_id", column, "name", "id"]
        )


def _newest(table: str, owner: str, column: str, *, partly: bool = False) -> None:
    """An index for the newest rows that have a value; `partly`: it may be null, and is not looked for then."""
    op.create_index(
        f"ix_{table}_{owner}_{column}",
        table,
        [owner, column, *NEWEST],
        postgresql_where=sa.text(f"{column} IS NOT NULL") if partly else None,
    )
