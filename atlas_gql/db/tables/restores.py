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
    newest,
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
    # Null once the set is deleted: what was selected of it is in the items.
    Column("backup_set_id", Uuid),
    Column("source_tenant_id", Uuid, nullable=False),
    Column("purpose", Text, nullable=False, server_default=text("'restore'")),
    # What a comparison compares with, where that is not the tenant as it is: a backup set of this tenant.
    Column("against_set_id", Uuid),
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
    ForeignKeyConstraint(
        ["backup_set_id", "workspace_id"],
        ["backup_sets.id", "backup_sets.workspace_id"],
        ondelete="SET NULL (backup_set_id)",
    ),
    ForeignKeyConstraint(["source_tenant_id", "workspace_id"], ["tenants.id", "tenants.workspace_id"]),
    # A comparison stays readable when the set is deleted.
    parent("against_set_id", "backup_sets", ondelete="SET NULL (against_set_id)"),
    one_of("purpose", ("restore", "undo", "compare")),
    one_of("state", ("planning", "planned", "failed")),
    one_of("mode", ("replace", "merge")),
    CheckConstraint(
        "(state = 'planned') = (plan_digest IS NOT NULL AND expires_at IS NOT NULL)", name="digest"
    ),
    Index(None, "tenant_id", text("created_at DESC"), text("id DESC")),
    Index(None, "workspace_id", text("created_at DESC"), text("id DESC")),
    newest("tenant_id", "state"),
    newest("tenant_id", "purpose"),
    newest("tenant_id", "created_by"),
    Index(None, "backup_set_id"),
    Index(None, "against_set_id"),
    Index(None, "source_tenant_id"),
)

restore_items = Table(
    "restore_items",
    metadata,
    primary_key(),
    *tenant_columns(),  # the target's
    Column("restore_run_id", Uuid, nullable=False),
    Column("position", Integer, nullable=False),
    required("policy_type"),
    # Of a policy that is in the tenant and not in the backup only the target is known.
    Column("source_id", Text),
    Column("source_name", Text),
    Column("platform", Text),
    # The backed-up assignments, copied here by the start: the plan's run never reads another tenant's rows.
    Column("assignments_state", Text),
    json("source"),
    # Of an undo: the fingerprints of what the execution may have left in the tenant.
    json("left_behind"),
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
    one_of("action", ("pending", "write", "none", "blocked", "not_in_backup")),
    CheckConstraint(
        "CASE WHEN action = 'not_in_backup'"
        " THEN num_nulls(source_id, source_name, assignments_state) = 3"
        " AND num_nonnulls(target_id, target_name) = 2"
        " ELSE num_nulls(source_id, source_name, assignments_state) = 0 END",
        name="source",
    ),
    CheckConstraint("(action = 'blocked') = (blocked_reason IS NOT NULL)", name="blocked"),
    CheckConstraint("action <> 'write' OR target_id IS NOT NULL AND base_hash IS NOT NULL", name="write"),
    Index(None, "restore_run_id", "action", "position"),
)
