"""Schedules: one operation over a selection of a workspace's tenants, again and again."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
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
    primary_key,
    required,
    workspace_id,
)

schedules = Table(
    "schedules",
    metadata,
    primary_key(),
    workspace_id(),
    required("name"),
    required("operation_type"),
    json("input", "{}"),
    # Five fields of cron, read in the time zone by its name in the tz database.
    required("cron"),
    required("time_zone"),
    # The starts of one tick are spread over so many seconds.
    Column("jitter_seconds", Integer, nullable=False, server_default=text("0")),
    # Null for all tenants of the workspace, also those that come later.
    Column("tenant_ids", ARRAY(Uuid)),
    # Whose rights are asked for at each start.
    Column("owner_id", Uuid, ForeignKey("users.id"), nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    # Why Atlas itself disabled it, in its own words.
    Column("disabled_reason", Text),
    # The next tick; null exactly while it is disabled. A worker that takes a tick moves it in the same
    # transaction, so that no other takes it.
    instant("next_at"),
    instant("last_at"),
    created_at(),
    instant("changed_at"),
    UniqueConstraint("id", "workspace_id"),
    UniqueConstraint("workspace_id", "name"),
    CheckConstraint("(next_at IS NOT NULL) = enabled", name="next_while_enabled"),
    CheckConstraint("jitter_seconds BETWEEN 0 AND 86400", name="jitter_seconds"),
    CheckConstraint("cardinality(tenant_ids) > 0", name="tenant_ids"),
    Index(None, "next_at", postgresql_where=text("enabled")),
    Index(None, "owner_id"),
    Index(None, "workspace_id", "id"),
)
