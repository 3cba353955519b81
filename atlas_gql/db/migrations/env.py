"""Alembic's entry: runs the migrations on the connection that `atlas_gql.db.migrate` hands over."""

from __future__ import annotations

from typing import Any

from alembic import context

from atlas_gql.db.tables import metadata


def is_ours(_object: Any, name: str | None, type_: str, *_: Any) -> bool:
    """Huey's tables are made by a migration and belong to Huey: never compared, never dropped."""
    return not (type_ == "table" and (name or "").startswith("huey_"))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_object=is_ours,
)
with context.begin_transaction():
    context.run_migrations()
