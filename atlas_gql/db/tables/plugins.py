"""What plugins keep: settings of the installation and of each tenant, and documents of each tenant."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.schema import SchemaItem

from atlas_gql.db.tables.metadata import created_at, instant, json, metadata, required, tenant_columns

SEALED_WITH_KEY = "(sealed IS NULL) = (key_id IS NULL) AND (sealed IS NULL) = (secrets = '{}')"
"""The condition of settings: secrets come with their names, and that of the key that opens them."""


def _settings() -> tuple[SchemaItem, ...]:
    """What is set, by the names of its fields."""
    return (
        required("plugin"),
        json("data", "{}"),
        # The names of the fields that are sealed: what is set can be said without opening it.
        Column("secrets", ARRAY(Text), nullable=False, server_default=text("'{}'")),
        # AES-GCM over all of them as one JSON object: nonce and ciphertext.
        Column("sealed", LargeBinary),
        Column("key_id", Text),
        created_at(),
        instant("changed_at"),
        CheckConstraint(SEALED_WITH_KEY, name="sealed_with_key"),
    )


plugin_settings = Table(
    "plugin_settings",
    metadata,
    # What secrets are sealed for.
    Column("id", Uuid, nullable=False),
    *_settings(),
    PrimaryKeyConstraint("plugin"),
)
"""What is set of a plugin for the whole installation."""

plugin_tenant_settings = Table(
    "plugin_tenant_settings",
    metadata,
    Column("id", Uuid, nullable=False),
    *tenant_columns(),
    *_settings(),
    PrimaryKeyConstraint("tenant_id", "plugin"),
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
