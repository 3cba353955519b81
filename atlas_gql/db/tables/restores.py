"""Restore runs: a plan, and what each of its policies would become."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from atlas_gql.db.tables.metadata import (
    created_at,
    instant,
    json,
    metadata,
    one_of,
    parent,
    primary_key,
    required,
    tenant_columns,
)

restore_runs = Table(
    "restore_runs",
    metadata,
    primary_key(),
    *tenant_columns(),  # the target's
    Column("backup_set_id", Uuid, nullable=False),
    Column("source_tenant_id", Uuid, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'planning'")),
    required("mode"),
    json("options", "{}"),
    json("mappings", "[]"),
    json("summary", "{}"),
    Column("plan_digest", Text),
    Column("created_by", Text, nullable=False),
    created_at(),
    instant("planned_at"),
    instant("expires_at"),
    UniqueConstraint("id", "tenant_id", "workspace_id"),
    ForeignKeyConstraint(["backup_set_id", "workspace_id"], ["backup_sets.id", "backup_sets.workspace_id"]),
    ForeignKeyConstraint(["source_tenant_id", "workspace_id"], ["tenants.id", "tenants.workspace_id"]),
    one_of("state", ("planning", "planned", "failed")),
    one_of("mode", ("replace", "merge")),
    CheckConstraint(
        "(state = 'planned') = (plan_digest IS NOT NULL AND expires_at IS NOT NULL)", name="digest"
    ),
    Index(None, "tenant_id", text("created_at DESC"), text("id DESC")),
    Index(None, "backup_set_id"),
)

restore_items = Table(
    "restore_items",
    metadata,
    primary_key(),
    *tenant_columns(),  # the target's
    Column("restore_run_id", Uuid, nullable=False),
    Column("position", Integer, nullable=False),
    required("policy_type"),
    required("source_id"),
    required("source_name"),
    Column("platform", Text),
    # The backed-up assignments, copied here by the start: the plan's run never reads another tenant's rows.
    required("assignments_state"),
    json("source"),
    Column("target_id", Text),
    Column("target_name", Text),
    Column("action", Text, nullable=False, server_default=text("'pending'")),
    Column("matched_by", Text),
    Column("blocked_reason", Text),
    Column("blocked_message", Text),
    # The live state that the plan was computed from, and what would be written.
    Column("base_hash", Text),
    json("base"),
    json("desired"),
    json("changes", "[]"),
    json("warnings", "[]"),
    UniqueConstraint("restore_run_id", "position"),
    UniqueConstraint("id", "tenant_id", "workspace_id"),
    parent("restore_run_id", "restore_runs", ondelete="CASCADE"),
    one_of("action", ("pending", "write", "none", "blocked")),
    CheckConstraint("(action = 'blocked') = (blocked_reason IS NOT NULL)", name="blocked"),
    CheckConstraint("action <> 'write' OR target_id IS NOT NULL AND base_hash IS NOT NULL", name="write"),
    Index(None, "restore_run_id", "action", "position"),
)
