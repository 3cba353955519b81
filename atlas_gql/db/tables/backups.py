"""Backup sets: explicit, immutable captures of assignments."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
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

WHOLE = "origin = 'requested' AND state = 'complete' AND policy_types IS NULL"
"""The condition of a set that holds all of its tenant, as its index has it."""

backup_sets = Table(
    "backup_sets",
    metadata,
    primary_key(),
    *tenant_columns(),
    required("origin"),
    Column("state", Text, nullable=False, server_default=text("'capturing'")),
    # The run that made it; pruned long before the set, so no foreign key. An imported set has none.
    Column("run_id", Uuid),
    Column("restore_run_id", Uuid),
    # What it was to hold: kinds, and single policies as "kind/id"; null for the whole tenant.
    json("policy_types"),
    Column("item_count", Integer, nullable=False, server_default=text("0")),
    Column("failed_count", Integer, nullable=False, server_default=text("0")),
    # Whether a run wrote to the tenant while this was captured; known when the capture ends.
    Column("overlapped_write", Boolean, nullable=False, server_default=text("false")),
    # Of an imported set: where and when it was captured, as its archive says, and the archive's digest.
    json("source"),
    Column("archive_digest", LargeBinary),
    created_at(),
    instant("completed_at"),
    UniqueConstraint("id", "tenant_id", "workspace_id"),
    # A restore into another tenant of the workspace names its source by these two.
    UniqueConstraint("id", "workspace_id"),
    # The same archive is imported into a tenant once.
    UniqueConstraint("tenant_id", "archive_digest"),
    one_of("origin", ("requested", "before_restore", "imported")),
    one_of("state", ("capturing", "complete", "partial", "failed")),
    CheckConstraint(
        "CASE origin WHEN 'imported' THEN run_id IS NULL AND num_nonnulls(source, archive_digest) = 2"
        " ELSE run_id IS NOT NULL AND num_nonnulls(source, archive_digest) = 0 END",
        name="imported",
    ),
    Index(None, "tenant_id", text("created_at DESC"), text("id DESC")),
    Index(None, "workspace_id", text("created_at DESC"), text("id DESC")),
    newest("tenant_id", "state"),
    newest("tenant_id", "origin"),
    Index(None, "run_id"),
    Index("ix_backup_sets_whole", "tenant_id", text("completed_at DESC"), postgresql_where=text(WHOLE)),
    Index("ix_backup_sets_imported", "workspace_id", postgresql_where=text("origin = 'imported'")),
)

backup_contents = Table(
    "backup_contents",
    metadata,
    *tenant_columns(),
    # SHA-256 of the content's canonical JSON: what did not change since the last backup is stored once.
    Column("hash", LargeBinary, nullable=False),
    json("content", "{}"),
    created_at(),
    PrimaryKeyConstraint("tenant_id", "hash"),
    UniqueConstraint("hash", "tenant_id", "workspace_id"),
)

backup_items = Table(
    "backup_items",
    metadata,
    primary_key(),
    *tenant_columns(),
    Column("backup_set_id", Uuid, nullable=False),
    required("policy_type"),
    required("external_id"),
    required("name"),
    Column("platform", Text),
    required("assignments_state"),
    Column("content_hash", LargeBinary),
    Column("assignment_count", Integer, nullable=False, server_default=text("0")),
    Column("reason", Text),
    Column("message", Text),
    created_at(),
    UniqueConstraint("backup_set_id", "policy_type", "external_id"),
    parent("backup_set_id", "backup_sets", ondelete="CASCADE"),
    ForeignKeyConstraint(
        ["content_hash", "tenant_id", "workspace_id"],
        ["backup_contents.hash", "backup_contents.tenant_id", "backup_contents.workspace_id"],
    ),
    one_of("assignments_state", ("fetched", "failed", "unsupported")),
    Index(None, "backup_set_id", "id"),
    Index(None, "tenant_id", "content_hash"),
)
