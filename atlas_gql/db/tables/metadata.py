"""What every table shares: the metadata, column shorthands and the composite parent links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class TransactionId(UserDefinedType[int]):
    """A transaction's number, which never comes again (`xid8`)."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


# So that the migrations can be compared with the tables.
ischema_names["xid8"] = TransactionId


def primary_key() -> Column[UUID]:
    """A UUIDv7 key, made by the application: it sorts by time, so it is also the keyset's last word."""
    return Column("id", Uuid, primary_key=True)


def workspace_id() -> Column[UUID]:
    return Column("workspace_id", Uuid, ForeignKey("workspaces.id"), nullable=False)


def tenant_columns() -> tuple[Column[UUID], Column[UUID], ForeignKeyConstraint]:
    """Tenant and workspace of a tenant-owned row, bound to each other by one foreign key."""
    return (
        Column("tenant_id", Uuid, nullable=False),
        Column("workspace_id", Uuid, nullable=False),
        ForeignKeyConstraint(["tenant_id", "workspace_id"], ["tenants.id", "tenants.workspace_id"]),
    )


def parent(column: str, table: str, *, ondelete: str | None = None) -> ForeignKeyConstraint:
    """A link to a parent of the same tenant and workspace; PostgreSQL refuses any other parent."""
    return ForeignKeyConstraint(
        [column, "tenant_id", "workspace_id"],
        [f"{table}.id", f"{table}.tenant_id", f"{table}.workspace_id"],
        ondelete=ondelete,
    )


def created_at() -> Column[datetime]:
    return Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()"))


def instant(name: str) -> Column[datetime]:
    return Column(name, DateTime(timezone=True))


def required(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def json(name: str, default: str | None = None) -> Column[Any]:
    """A jsonb column; not null exactly when it has a default."""
    return Column(
        name, JSONB, nullable=default is None, server_default=text(f"'{default}'") if default else None
    )


def newest(owner: str, column: str, *, partly: bool = False) -> Index:
    """An index for the newest of an owner's rows that have a value; `partly`: where it is not null."""
    return Index(
        None,
        owner,
        column,
        text("created_at DESC"),
        text("id DESC"),
        postgresql_where=text(f"{column} IS NOT NULL") if partly else None,
    )


def one_of(column: str, values: type[StrEnum] | Sequence[str]) -> CheckConstraint:
    """A CHECK that a column holds one of these values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
