"""Tenants, and how Atlas reaches them."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
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
    primary_key,
    required,
    tenant_columns,
    workspace_id,
)

tenants = Table(
    "tenants",
    metadata,
    primary_key(),
    workspace_id(),
    required("name"),
    Column("entra_tenant_id", Uuid, nullable=False),
    required("primary_domain"),
    created_at(),
    instant("archived_at"),
    # How long and how many backup sets are kept; null for ever, and all.
    Column("backup_keep_days", Integer),
    Column("backup_keep_count", Integer),
    # A purge that was confirmed: workers go on with it until the row itself is gone. Who confirmed it and
    # why, which credentials go too, and what was removed so far.
    instant("purge_started_at"),
    json("purge"),
    UniqueConstraint("id", "workspace_id"),
    UniqueConstraint("workspace_id", "entra_tenant_id"),
    CheckConstraint("backup_keep_days >= 1", name="backup_keep_days"),
    CheckConstraint("backup_keep_count >= 1", name="backup_keep_count"),
    CheckConstraint("(purge_started_at IS NULL) = (purge IS NULL)", name="purge"),
    CheckConstraint("purge IS NULL OR archived_at IS NOT NULL", name="purged_is_archived"),
    Index(None, "workspace_id", "id"),
    Index("ix_tenants_purge", "purge_started_at", postgresql_where=text("purge IS NOT NULL")),
)

credentials = Table(
    "credentials",
    metadata,
    primary_key(),
    workspace_id(),
    required("name"),
    required("kind"),
    # AES-GCM: nonce and ciphertext; `key_id` names the key that opens it.
    Column("sealed", LargeBinary, nullable=False),
    required("key_id"),
    created_at(),
    instant("expires_at"),
    instant("rotated_at"),
    UniqueConstraint("id", "workspace_id"),
    UniqueConstraint("workspace_id", "name"),
    one_of("kind", ("secret", "certificate", "federated")),
)

providers = Table(
    "providers",
    metadata,
    primary_key(),
    *tenant_columns(),
    required("cloud"),
    required("client_id"),
    Column("credential_id", Uuid, nullable=False),
    Column("write_credential_id", Uuid),
    # Of the application whose credential that is, where it is another one.
    Column("write_client_id", Text),
    Column("writes_enabled", Boolean, nullable=False, server_default=text("false")),
    created_at(),
    UniqueConstraint("tenant_id"),
    ForeignKeyConstraint(["credential_id", "workspace_id"], ["credentials.id", "credentials.workspace_id"]),
    ForeignKeyConstraint(
        ["write_credential_id", "workspace_id"], ["credentials.id", "credentials.workspace_id"]
    ),
    one_of("cloud", ("global", "us_government", "us_government_dod", "china", "simulator")),
    CheckConstraint("write_client_id IS NULL OR write_credential_id IS NOT NULL", name="write_client_id"),
    Index(None, "workspace_id", "id"),
    Index(None, "credential_id", "id"),
    Index(None, "write_credential_id", "id"),
)

policies = Table(
    "policies",
    metadata,
    primary_key(),
    *tenant_columns(),
    required("policy_type"),
    required("external_id"),
    required("name"),
    Column("platform", Text),
    Column("last_seen_at", instant("last_seen_at").type, nullable=False),
    UniqueConstraint("tenant_id", "policy_type", "external_id"),
    Index(None, "tenant_id", "name", "id"),
    Index(None, "tenant_id", "policy_type", "name", "id"),
    Index(None, "tenant_id", "platform", "name", "id"),
    Index(None, "tenant_id", "external_id", "name", "id"),
    Index(None, "workspace_id", "name", "id"),
)
