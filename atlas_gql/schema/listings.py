"""Lists over keyset cursors, a whole level of a query in one statement.

A `Listing` says what a list is made of. Its page is read for all parents of a level at once: the parents'
keys are unnested, and each takes its page from a LATERAL subquery that an index serves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement

from atlas_gql.db.database import Row
from atlas_gql.schema import cursors
from atlas_gql.schema.connections import C, Connection, PageInfo, check_first
from atlas_gql.schema.context import Context, Info
from atlas_gql.schema.lookahead import attributes, selected
from atlas_gql.schema.pages import Shape, page_of
from atlas_gql.schema.rows import RowMap


@dataclass(frozen=True, kw_only=True, eq=False)
class Listing:
    """What a list of one GraphQL type is made of.

    `of` are the columns that equal the parent's keys, `link` what binds them to the rows where they are of
    another table; `sort` are the attributes of the order, the last of them unique among the parent's rows.
    `filters` are predicates over parameters of their own names. `each` are columns that a filter of their
    name may give several values: the list is read value by value, and merged, so that an index over the
    column and the order serves it; the first of those that are asked for, the others are tested row by row.
    `tenant` is the column of the tenant, where that is not the parent: a filter called `within` names the
    tenants, and the list is read tenant by tenant as well. `everywhere`: also under any filter of `each`, for
    indexes over them begin with the tenant.
    """

    rows: RowMap
    of: tuple[ColumnElement[Any], ...]
    link: tuple[ColumnElement[bool], ...] = ()
    sort: tuple[str, ...]
    descending: bool = False
    filters: Mapping[str, ColumnElement[bool]] = field(default_factory=dict)
    each: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)
    tenant: ColumnElement[Any] | None = None
    everywhere: bool = False

    @property
    def sort_columns(self) -> list[ColumnElement[Any]]:
        # The key is read as text but compared as what it is.
        return [self.rows.table.c.id if name == "uuid" else self.rows.columns[name] for name in self.sort]

    async def page(
        self,
        info: Info,
        *parent: Any,
        first: int,
        after: str | None,
        where: Mapping[str, Any] | None = None,
        descending: bool | None = None,
        connection: type[C] = Connection,  # type: ignore[assignment] # what C is when it is not given
    ) -> C:
        """A page of the list of the parent with these keys, as a connection of this class.

        Raises BadUserInput for a `first` out of bounds and for a cursor that is not of this list.
        """
        check_first(first)
        down = self.descending if descending is None else descending
        order = f"{self.rows.kind}:{','.join(self.sort)}:{'desc' if down else 'asc'}"
        types = [column.type.python_type for column in self.sort_columns]
        start = cursors.decode(after, order, types) if after is not None else ()
        names = attributes(info, self.rows, [("nodes",), ("edges", "node")], *self.sort)
        asked = selected(info, ())
        extras = tuple(name for name, extra in connection.EXTRAS.items() if extra.fields & asked)
        found = await self._load(
            info.context,
            parent,
            Shape(
                listing=self,
                names=names,
                filters=tuple(sorted(where or {})),
                after=bool(start),
                descending=down,
                extras=tuple((name, connection.EXTRAS[name]) for name in extras),
            ),
            {**(where or {}), **{f"after_{n}": key for n, key in enumerate(start)}, "limit": first + 1},
        )
        rows = [row for row in found if row.uuid is not None]
        page = rows[:first]

        def cursor_of(row: Row) -> str:
            return cursors.encode(order, [getattr(row, name) for name in self.sort])

        return connection(
            nodes=page,
            page_info=PageInfo(
                has_next_page=len(rows) > first,
                has_previous_page=after is not None,
                start_cursor=cursor_of(page[0]) if page else None,
                end_cursor=cursor_of(page[-1]) if page else None,
            ),
            cursor_of=cursor_of,
            extras={name: getattr(found[0], name) for name in extras},
        )

    async def load(
        self,
        context: Context,
        parent: tuple[Any, ...],
        names: tuple[str, ...],
        *,
        limit: int,
        where: Mapping[str, Any],
    ) -> list[Row]:
        """At most the first `limit` rows of one parent; read together with its siblings'."""
        shape = Shape(listing=self, names=names, filters=tuple(sorted(where)), descending=self.descending)
        return await self._load(context, parent, shape, {**where, "limit": limit})

    async def _load(
        self, context: Context, parent: tuple[Any, ...], shape: Shape, values: Mapping[str, Any]
    ) -> list[Row]:
        """What a statement of this shape gives for one parent, with one row at least if it has extras."""
        statement = page_of(shape)
        # Tuples in loader keys, which must hash; lists for the driver, which makes them arrays.
        given = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

        async def load(parents: list[tuple[Any, ...]]) -> list[list[Row]]:
            found: list[list[Row]] = [[] for _ in parents]
            for row in await context.database.fetch(statement, **given, **_keys(parents)):
                found[row.parent - 1].append(row)
            return found

        rows: list[Row] = await context.loader((statement, *sorted(values.items())), load).load(parent)
        return rows


def _keys(parents: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return {f"key_{n}": list(keys) for n, keys in enumerate(zip(*parents, strict=True))}
