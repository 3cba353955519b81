"""Audit entries: append-only. UPDATE, DELETE and TRUNCATE are refused by triggers and by rights."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from atlas_gql.db.tables.metadata import created_at, json, metadata, newest, primary_key, required

audit_entries = Table(
    "audit_entries",
    metadata,
    primary_key(),
    # An entry about the installation has no workspace; one about a workspace has no tenant.
    Column("workspace_id", Uuid, ForeignKey("workspaces.id")),
    # No foreign keys: the tenant is purged and the run is pruned, the entry stays. A trigger sees to it that
    # a new entry names a tenant of its workspace.
    Column("tenant_id", Uuid),
    Column("run_id", Uuid),
    required("action"),
    required("actor_kind"),
    Column("actor_id", Uuid),
    required("actor_name"),
    Column("token_id", Uuid),
    Column("resource_kind", Text),
    Column("resource_id", Text),
    Column("outcome", Text),
    Column("reason", Text),
    json("details", "{}"),
    Column("request_id", Text),
    created_at(),
    UniqueConstraint("run_id", "action"),
    Index(None, "tenant_id", text("created_at DESC"), text("id DESC")),
    Index(None, "tenant_id", "action", text("created_at DESC"), text("id DESC")),
    Index(None, "workspace_id", text("created_at DESC"), text("id DESC")),
    newest("tenant_id", "actor_id", partly=True),
    newest("tenant_id", "outcome", partly=True),
    newest("tenant_id", "resource_id", partly=True),
    newest("tenant_id", "request_id", partly=True),
    # A workspace has entries of no tenant, and of purged ones: its list is not read tenant by tenant.
    newest("workspace_id", "action"),
    newest("workspace_id", "actor_id", partly=True),
    newest("workspace_id", "outcome", partly=True),
    newest("workspace_id", "resource_id", partly=True),
    newest("workspace_id", "request_id", partly=True),
    Index(
        "ix_audit_entries_platform",
        text("created_at DESC"),
        text("id DESC"),
        postgresql_where=text("workspace_id IS NULL OR starts_with(action, 'workspace.')"),
    ),
)
