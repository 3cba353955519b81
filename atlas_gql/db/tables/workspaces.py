"""Workspaces, their members, and what each member may reach."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
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
    metadata,
    one_of,
    primary_key,
    required,
    workspace_id,
)

workspaces = Table(
    "workspaces",
    metadata,
    primary_key(),
    required("name"),
    created_at(),
    UniqueConstraint("name"),
)

users = Table(
    "users",
    metadata,
    primary_key(),
    required("name"),
    Column("email", Text),
    created_at(),
    instant("disabled_at"),
    UniqueConstraint("name"),
)

memberships = Table(
    "memberships",
    metadata,
    # What clients name a member by; who it is says the primary key.
    Column("id", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
    workspace_id(),
    Column("user_id", Uuid, ForeignKey("users.id"), nullable=False),
    # Owner and manager reach every tenant; a member reaches what a grant names, and nothing else.
    required("role"),
    created_at(),
    PrimaryKeyConstraint("workspace_id", "user_id"),
    UniqueConstraint("id"),
    one_of("role", ("owner", "manager", "member")),
    Index(None, "user_id"),
)

tenant_grants = Table(
    "tenant_grants",
    metadata,
    Column("id", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
    Column("tenant_id", Uuid, nullable=False),
    Column("workspace_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    required("role"),
    created_at(),
    PrimaryKeyConstraint("tenant_id", "user_id"),
    UniqueConstraint("id"),
    ForeignKeyConstraint(["tenant_id", "workspace_id"], ["tenants.id", "tenants.workspace_id"]),
    ForeignKeyConstraint(
        ["workspace_id", "user_id"], ["memberships.workspace_id", "memberships.user_id"], ondelete="CASCADE"
    ),
    one_of("role", ("operator", "readonly")),
    Index(None, "user_id", "workspace_id"),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    primary_key(),
    Column("user_id", Uuid, ForeignKey("users.id"), nullable=False),
    required("name"),
    # SHA-256 of the token, which has 256 random bits of its own: nothing slower is needed. Only
    # the function that authenticates may read it.
    Column("hash", LargeBinary, nullable=False, info={"write_only": True}),
    Column("plane", Text, nullable=False, server_default=text("'workspace'")),
    created_at(),
    Column("expires_at", instant("expires_at").type, nullable=False),
    instant("revoked_at"),
    instant("last_used_at"),
    UniqueConstraint("hash"),
    one_of("plane", ("workspace", "platform")),
    Index(None, "user_id"),
)
