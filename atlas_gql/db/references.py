"""Rows that another row is about to point to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Select, Table, bindparam, select

from atlas_gql.db.database import Row, Transaction
from atlas_gql.errors import ValidationError


async def existing(tx: Transaction, table: Table, row_id: UUID, *, field: str) -> Row:
    """The table's row of this id. Raises ValidationError, naming the input's field, when there is none."""
    row = await tx.one(_by_id(table), row_id=row_id)
    if row is None:
        noun = table.name.removesuffix("s").replace("_", " ")
        raise ValidationError(f"There is no {noun} with this id.", field=field)
    return row


def readable(table: Table) -> Sequence[Column[Any]]:
    """The columns of a table that its rows are read with; PostgreSQL gives nobody the others."""
    return [column for column in table.c if not column.info.get("write_only")]


@cache
def _by_id(table: Table) -> Select[tuple[object, ...]]:
    return select(*readable(table)).where(table.c.id == bindparam("row_id"))
