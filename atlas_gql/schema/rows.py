"""Rows instead of entities: what a GraphQL type reads from its table.

A resolver's source is the row that the driver gave, a named tuple of the attributes that the query
needs. A `RowMap` is the one place that says which attribute is which column, and which attributes a
GraphQL field reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from strawberry.utils.str_converters import to_camel_case

from atlas_gql.access.actors import Actor
from atlas_gql.db.database import Row
from atlas_gql.schema.context import Context

ALWAYS = ("uuid", "tenant_id", "workspace_id")
"""What every row has: its key as text, and where it belongs, which its guards ask for."""


INSIDE = "__"
"""Stands between a link and an attribute of the row that it leads to: `tenant__name`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Link:
    """A field that leads to one other row: to what, and by which attribute, which holds that row's key."""

    to: Callable[[], RowMap]
    by: str


@dataclass(frozen=True, kw_only=True, eq=False)
class RowMap:
    """Which columns feed a GraphQL type.

    `columns` is attribute to column; an attribute feeds the field of the same name in camel case.
    `reads` names the attributes of every field that is not fed so, `links` the fields whose rows are read
    together with this one. `capability` is what seeing such a row takes; None where being a member is enough.
    `own` says of an actor and a row whether it is the actor's own, which takes no capability; `always` are
    the attributes that every row has for its guards.
    """

    kind: str
    table: Table
    columns: Mapping[str, ColumnElement[Any]]
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    links: Mapping[str, Link] = field(default_factory=dict)
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
    return {
        **{to_camel_case(name): (name,) for name in rows.columns},
        "id": ("uuid",),
        **{name: (link.by,) for name, link in rows.links.items()},
        **rows.reads,
    }


def row_map(
    kind: str,
    table: Table,
    names: Iterable[str],
    *,
    capability: str | None = None,
    reads: Mapping[str, tuple[str, ...]] | None = None,
    links: Mapping[str, Link] | None = None,
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
        links=links or {},
        capability=capability,
        own=own,
        always=(*ALWAYS, *owned_by),
    )


def unlinked(names: Iterable[str]) -> tuple[str, ...]:
    """Those attributes that are of the row itself, and not of one that it is linked to."""
    return tuple(name for name in names if INSIDE not in name)


def with_links(
    rows: RowMap, names: Iterable[str], base: Any, source: FromClause, prefix: str = ""
) -> tuple[list[ColumnElement[Any]], FromClause]:
    """The attributes of rows and of what they are linked to, as columns, and where those come from.

    `base` is a subquery of the rows with their own attributes, `source` what it was joined to so far.
    """
    columns: list[ColumnElement[Any]] = [base.c[name].label(prefix + name) for name in unlinked(names)]
    inner: dict[str, list[str]] = {}
    for name in names:
        link_name, _, attribute = name.partition(INSIDE)
        if attribute:
            inner.setdefault(link_name, []).append(attribute)
    for name, attributes in inner.items():
        link = rows.links[name]
        to = link.to()
        # One by one, in the order of the rows, whatever the planner expects.
        row = (
            select(*to.selection(unlinked(attributes)))
            .where(to.table.c.id == base.c[link.by])
            .limit(literal_column("1"))
            .correlate(base)
            .lateral(f"{prefix}{name}")
        )
        source = source.outerjoin(row, true())
        more, source = with_links(to, attributes, row, source, f"{prefix}{name}{INSIDE}")
        columns += more
    return columns, source


class Identity(NamedTuple):
    """What stands for a row that is there and of which nothing more is asked: it need not be read."""

    kind_: str
    uuid: str
    tenant_id: UUID | None
    workspace_id: UUID


class Linked:
    """A row that was read as part of another one's."""

    __slots__ = ("_prefix", "_row")

    def __init__(self, row: Row, link: str) -> None:
        self._row, self._prefix = row, f"{link}{INSIDE}"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._row, self._prefix + name)


@lru_cache(maxsize=512)
def by_id(rows: RowMap, names: tuple[str, ...]) -> Select[Any]:
    """The statement that reads these attributes of the rows with the keys `ids`."""
    # The kind goes with the row, for the sake of fields that give any kind of thing.
    kind: ColumnElement[str] = literal_column(f"'{rows.kind}'").label("kind_")
    found = select(*rows.selection(unlinked(names))).where(
        rows.table.c.id == any_(bindparam("ids", type_=ARRAY(Uuid)))
    )
    base = found.subquery("found")
    columns, source = with_links(rows, names, base, base)
    return select(*columns, kind).select_from(source)


async def load_row(
    context: Context, rows: RowMap, uuid: UUID | str, names: tuple[str, ...] | None = None
) -> Row | None:
    """The row with this key, whoever may see it; all asked for at one level come with one statement."""
    names = names or rows.always
    if (foreseen := (rows, names, str(uuid))) in context.foreseen:
        return context.foreseen[foreseen]

    async def load(keys: list[str]) -> list[Row | None]:
        found = await context.database.fetch(by_id(rows, names), ids=keys)
        by_key = {row.uuid: row for row in found}
        return [by_key.get(key) for key in keys]

    return await context.loader((rows, names), load).load(str(uuid))
