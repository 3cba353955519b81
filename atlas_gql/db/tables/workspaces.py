"""Workspaces, their members, and what each member may reach."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
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

# Who somebody is to an issuer of OpenID Connect; an address is no identity, it can change hands.
identities = Table(
    "identities",
    metadata,
    required("issuer"),
    required("subject"),
    Column("user_id", Uuid, ForeignKey("users.id"), nullable=False),
    created_at(),
    PrimaryKeyConstraint("issuer", "subject"),
    Index(None, "user_id"),
)

invitations = Table(
    "invitations",
    metadata,
    primary_key(),
    workspace_id(),
    # Either a verified address, in lower case, or an identity.
    Column("email", Text),
    Column("issuer", Text),
    Column("subject", Text),
    required("role"),
    # Of an operator or reader. No foreign key: of what is gone by then, nothing is granted.
    Column("tenant_ids", ARRAY(Uuid)),
    # Null for the platform.
    Column("invited_by", Uuid, ForeignKey("users.id")),
    created_at(),
    Column("expires_at", instant("expires_at").type, nullable=False),
    instant("accepted_at"),
    instant("revoked_at"),
    one_of("role", ("owner", "manager", "operator", "readonly")),
    CheckConstraint(
        "CASE WHEN email IS NULL THEN issuer IS NOT NULL AND subject IS NOT NULL"
        " ELSE issuer IS NULL AND subject IS NULL END",
        name="whom",
    ),
    CheckConstraint(
        "(role IN ('operator', 'readonly')) = (coalesce(cardinality(tenant_ids), 0) > 0)", name="tenant_ids"
    ),
    CheckConstraint("accepted_at IS NULL OR revoked_at IS NULL", name="one_end"),
    Index(None, "workspace_id", text("created_at DESC"), text("id DESC")),
    Index(
        "ix_invitations_open_email",
        "email",
        postgresql_where=text("accepted_at IS NULL AND revoked_at IS NULL AND email IS NOT NULL"),
    ),
    Index(
        "ix_invitations_open_identity",
        "issuer",
        "subject",
        postgresql_where=text("accepted_at IS NULL AND revoked_at IS NULL AND subject IS NOT NULL"),
    ),
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
    # Kept to a minute or two: no request waits for it.
    instant("last_used_at"),
    # The only workspace that it opens; null for every one of its user's.
    Column("workspace_id", Uuid, ForeignKey("workspaces.id")),
    # What it leaves of its user's rights; null for all of them. No foreign key: what names a tenant that is
    # gone opens nothing, and must not become a token without bounds.
    Column("capabilities", ARRAY(Text)),
    Column("tenant_ids", ARRAY(Uuid)),
    # The limited token that made it, and takes it along when it is revoked.
    Column("made_with", Uuid),
    ForeignKeyConstraint(["made_with", "user_id"], ["api_tokens.id", "api_tokens.user_id"]),
    UniqueConstraint("id", "user_id"),
    UniqueConstraint("hash"),
    one_of("plane", ("workspace", "platform")),
    CheckConstraint(
        "plane = 'workspace' OR (workspace_id IS NULL AND capabilities IS NULL AND tenant_ids IS NULL)",
        name="bounds_are_of_a_workspace",
    ),
    CheckConstraint("tenant_ids IS NULL OR workspace_id IS NOT NULL", name="tenants_are_of_a_workspace"),
    CheckConstraint("cardinality(capabilities) > 0", name="capabilities"),
    CheckConstraint("cardinality(tenant_ids) > 0", name="tenant_ids"),
    Index(None, "user_id"),
    Index(None, "workspace_id"),
    Index(None, "made_with"),
)
