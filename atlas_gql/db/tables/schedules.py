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
    # As the operation takes it, and as it was given.
    json("input", "{}"),
    json("asked_input", "{}"),
    # Five fields of cron, read in the time zone by its name in the tz database.
    required("cron"),
    required("time_zone"),
    # The starts of one tick are spread over so many seconds.
    Column("jitter_seconds", Integer, nullable=False, server_default=text("0")),
    # Null for all tenants of the workspace, also those that come later. Empty when all of them were purged.
    Column("tenant_ids", ARRAY(Uuid)),
    # Whose rights are asked for at each start, and the limited token that they are asked through.
    Column("owner_id", Uuid, ForeignKey("users.id"), nullable=False),
    Column("token_id", Uuid),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    # Why Atlas itself disabled it.
    Column("disabled_reason", Text),
    # The next tick; null exactly while it is disabled. It is moved in the transaction that starts the tick's
    # last runs.
    instant("next_at"),
    # What came of the last tick and, while that is under way, how far it is.
    json("last_tick"),
    created_at(),
    instant("changed_at"),
    # It stays for its runs, which end for good and go on naming it.
    instant("deleted_at"),
    UniqueConstraint("id", "workspace_id"),
    CheckConstraint("(next_at IS NOT NULL) = enabled", name="next_while_enabled"),
    CheckConstraint("NOT (enabled AND disabled_reason IS NOT NULL)", name="reason_while_disabled"),
    CheckConstraint("NOT (enabled AND deleted_at IS NOT NULL)", name="disabled_when_deleted"),
    CheckConstraint("jitter_seconds BETWEEN 0 AND 86400", name="jitter_seconds"),
    Index(
        "uq_schedules_workspace_id_name",
        "workspace_id",
        "name",
        unique=True,
        postgresql_where=text("deleted_at IS NULL"),
    ),
    Index(None, "next_at", postgresql_where=text("enabled")),
    Index(None, "owner_id"),
    Index(None, "workspace_id", "id"),
)
