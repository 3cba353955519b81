"""Rows instead of entities: what a GraphQL type reads from its table.

A resolver's source is the row that the driver gave, a named tuple of the attributes that the query
needs. A `RowMap` is the one place that says which attribute is which column, and which attributes a
GraphQL field reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, Text, Uuid, any_, bindparam, cast, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY
from strawberry.utils.str_converters import to_camel_case

from atlas_gql.access.actors import Actor
from atlas_gql.db.database import Row
from atlas_gql.schema.context import Context

ALWAYS = ("uuid", "tenant_id", "workspace_id")
"""What every row has: its key as text, and where it belongs, which its guards ask for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RowMap:
    """Which columns feed a GraphQL type.

    `columns` is attribute to column; an attribute feeds the field of the same name in camel case.
    `reads` names the attributes of every field that is not fed so. `capability` is what seeing such a row
    takes; None where being a member is enough. `own` says of an actor and a row whether it is the actor's
    own, which takes no capability; `always` are the attributes that every row has for its guards.
    """

    kind: str
    table: Table
    columns: Mapping[str, ColumnElement[Any]]
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    capability: str | None = None
    own: Callable[[Actor, Any], bool] | None = None
    always: tuple[str, ...] = ALWAYS

    def needed(self, fields: Iterable[str], *more: str) -> tuple[str, ...]:
        """The attributes that these GraphQL fields read, and these ones, in a fixed order."""
        wanted = {*self.always, *more}
        for name in fields:
            wanted.update(self.fields.get(name, ()))
        return tuple(sorted(wanted))

    @property
    def fields(self) -> Mapping[str, tuple[str, ...]]:
        """GraphQL field to the attributes that it reads."""
        return _fields(self)

    def selection(self, names: Iterable[str]) -> list[ColumnElement[Any]]:
        return [self.columns[name].label(name) for name in names]


@cache
def _fields(rows: RowMap) -> Mapping[str, tuple[str, ...]]:
    return {**{to_camel_case(name): (name,) for name in rows.columns}, "id": ("uuid",), **rows.reads}


def row_map(
    kind: str,
    table: Table,
    names: Iterable[str],
    *,
    capability: str | None = None,
    reads: Mapping[str, tuple[str, ...]] | None = None,
    own: Callable[[Actor, Any], bool] | None = None,
    owned_by: tuple[str, ...] = (),
    **other: ColumnElement[Any],
) -> RowMap:
    """A map whose attributes are columns of the same name, and the other ones given.

    `owned_by` are the attributes that `own` reads.
    """
    columns: dict[str, ColumnElement[Any]] = {
        "uuid": cast(table.c.id, Text),
        **{name: table.c[name] for name in ALWAYS[1:] if name in table.c},
        **{name: table.c[name] for name in (*names, *owned_by)},
        **other,
    }
    return RowMap(
        kind=kind,
        table=table,
        columns=columns,
        reads=reads or {},
        capability=capability,
        own=own,
        always=(*ALWAYS, *owned_by),
    )


@lru_cache(maxsize=512)
def _by_id(rows: RowMap, names: tuple[str, ...]) -> Select[Any]:
    # The kind goes with the row, for the sake of fields that give any kind of thing.
    kind: ColumnElement[str] = literal_column(f"'{rows.kind}'").label("kind_")
    return select(*rows.selection(names), kind).where(
        rows.table.c.id == any_(bindparam("ids", type_=ARRAY(Uuid)))
    )


async def load_row(
    context: Context, rows: RowMap, uuid: UUID | str, names: tuple[str, ...] | None = None
) -> Row | None:
    """The row with this key, whoever may see it; all asked for at one level come with one statement."""
    names = names or rows.always

    async def load(keys: list[str]) -> list[Row | None]:
        found = await context.database.fetch(_by_id(rows, names), ids=keys)
        by_key = {row.uuid: row for row in found}
        return [by_key.get(key) for key in keys]

    return await context.loader((rows, names), load).load(str(uuid))
