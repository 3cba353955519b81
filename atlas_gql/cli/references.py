"""Things as a person names them: by name or by id."""

from __future__ import annotations

from functools import cache
from uuid import UUID

from sqlalchemy import Select, Table, Uuid, bindparam, or_, select

from atlas_gql.db.database import Row, Transaction
from atlas_gql.errors import ValidationError
from atlas_gql.values import is_guid

_LISTED = 10


async def find(
    tx: Transaction, table: Table, text: str, *, option: str, workspace_id: UUID | None = None
) -> Row:
    """The table's row of this name or id; with a workspace, only among the workspace's.

    Raises ValidationError, naming the option, when there is none (it tells which there are) or there are
    several.
    """
    text = text.strip()
    within = {} if workspace_id is None else {"of_workspace": workspace_id}
    rows = await tx.fetch(
        _named(table, bool(within)), text=text, row_id=UUID(text) if is_guid(text) else None, **within
    )
    if len(rows) == 1:
        return rows[0]
    noun = table.name.removesuffix("s")
    if not rows:
        known = await tx.fetch(_names(table, bool(within)), **within)
        raise ValidationError(f"There is no {noun} {text!r}. {_known(noun, known)}", field=option)
    ids = ", ".join(str(row.id) for row in rows)
    raise ValidationError(
        f"Several {table.name} are called {text!r}: give the id, one of {ids}.", field=option
    )


def _known(noun: str, rows: list[Row]) -> str:
    if not rows:
        return f"There is none yet: `atlas {noun} create` makes one."
    names = ", ".join(row.name for row in rows[:_LISTED])
    return f"There is: {names}{', and others' if len(rows) > _LISTED else ''}."


@cache
def _named(table: Table, within: bool) -> Select[tuple[object, ...]]:
    named = or_(table.c.name == bindparam("text"), table.c.id == bindparam("row_id", type_=Uuid))
    return _within(select(table).where(named).order_by(table.c.id), table, within)


@cache
def _names(table: Table, within: bool) -> Select[tuple[object, ...]]:
    return _within(select(table.c.name).order_by(table.c.name).limit(_LISTED + 1), table, within)


def _within(statement: Select[tuple[object, ...]], table: Table, within: bool) -> Select[tuple[object, ...]]:
    return statement.where(table.c.workspace_id == bindparam("of_workspace")) if within else statement
