"""What plugins keep: settings of the installation and of each tenant, and documents of each tenant."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, LargeBinary, PrimaryKeyConstraint, Table, Text, Uuid

from atlas_gql.db.tables.metadata import created_at, instant, json, metadata, required, tenant_columns

SEALED_WITH_KEY = "(sealed IS NULL) = (key_id IS NULL)"
"""The condition of settings: secrets come with the name of the key that opens them."""

plugin_settings = Table(
    "plugin_settings",
    metadata,
    # What secrets are sealed for; told anew where they are.
    Column("id", Uuid, nullable=False),
    required("plugin"),
    json("data", "{}"),
    # AES-GCM over all secret fields as one JSON object: nonce and ciphertext.
    Column("sealed", LargeBinary),
    Column("key_id", Text),
    created_at(),
    instant("changed_at"),
    PrimaryKeyConstraint("plugin"),
    CheckConstraint(SEALED_WITH_KEY, name="sealed_with_key"),
)
"""What is set of a plugin for the whole installation."""

plugin_tenant_settings = Table(
    "plugin_tenant_settings",
    metadata,
    Column("id", Uuid, nullable=False),
    *tenant_columns(),
    required("plugin"),
    json("data", "{}"),
    Column("sealed", LargeBinary),
    Column("key_id", Text),
    created_at(),
    instant("changed_at"),
    PrimaryKeyConstraint("tenant_id", "plugin"),
    CheckConstraint(SEALED_WITH_KEY, name="sealed_with_key"),
)

plugin_documents = Table(
    "plugin_documents",
    metadata,
    *tenant_columns(),
    required("plugin"),
    required("key"),
    json("body", "null"),
    created_at(),
    instant("changed_at"),
    PrimaryKeyConstraint("tenant_id", "plugin", "key"),
)
