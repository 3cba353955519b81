"""Lists as Relay connections over keyset cursors, a whole level of a query in one statement.

A `Listing` says what a list is made of. Its page is read for all parents of a level at once: the parents'
keys are unnested, and each takes its page from a LATERAL subquery that an index serves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, Generic, TypeVar

import strawberry
from sqlalchemy import ColumnElement, Select, Uuid, bindparam, func, select, true, tuple_
from sqlalchemy.dialects.postgresql import ARRAY

from atlas_gql.db.database import Row
from atlas_gql.errors import BadUserInput
from atlas_gql.schema import cursors
from atlas_gql.schema.context import Context, Info
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.lookahead import selected
from atlas_gql.schema.rows import RowMap

LARGEST_PAGE = 100

T = TypeVar("T")
First = Annotated[
    int, strawberry.argument(description=f"How many to give, from 0 to {LARGEST_PAGE}; more is refused.")
]
After = Annotated[
    str | None, strawberry.argument(description="Give what comes after this cursor: the `endCursor` before.")
]


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether the list goes on after this page.")
    has_previous_page: bool = strawberry.field(description="Whether this page was asked for with `after`.")
    start_cursor: str | None = strawberry.field(description="The cursor of the page's first element.")
    end_cursor: str | None = strawberry.field(
        description="The cursor of the page's last element; give it as `after` for the next page."
    )


@strawberry.type(description="An element of a page, with its cursor.")
class Edge(Generic[T]):
    cursor: str = strawberry.field(description="Where the element stands in the list; opaque.")
    node: T = strawberry.field(description="The element.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[T]):
    nodes: list[T] = strawberry.field(description="The page's elements, in order.")
    page_info: PageInfo = strawberry.field(description="Where the page stands in the list.")
    cursor_of: strawberry.Private[Callable[[Row], str]]
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @resolved("The page's elements with their cursors, in order.")
    def edges(self) -> list[Edge[T]]:
        return [Edge(cursor=self.cursor_of(node), node=node) for node in self.nodes]

    @resolved("How many elements the whole list has; counted only when asked for.")
    async def total_count(self) -> int | None:
        return await self.count()

    @classmethod
    async def before(cls, info: Info) -> dict[str, Any]:  # noqa: ARG003 # for connections that have more
        """What is to be known before the page is read: more of the connection's fields."""
        return {}


C = TypeVar("C", bound=Connection[Any])


@dataclass(frozen=True, kw_only=True, eq=False)
class Listing:
    """What a list of one GraphQL type is made of.

    `of` are the columns that equal the parent's keys, `link` what binds them to the rows where they are of
    another table; `sort` are the attributes of the order, the last of them unique among the parent's rows.
    `filters` are predicates over parameters of their own names.
    """

    rows: RowMap
    of: tuple[ColumnElement[Any], ...]
    link: tuple[ColumnElement[bool], ...] = ()
    sort: tuple[str, ...]
    descending: bool = False
    filters: Mapping[str, ColumnElement[bool]] = field(default_factory=dict)

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
        names = self.rows.needed(selected(info, ("nodes",), ("edges", "node")), *self.sort)
        given = dict(where or {})
        more = await connection.before(info)
        rows = await self.load(
            info.context, parent, names, limit=first + 1, where=given, start=start, descending=down
        )
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
            count=lambda: self._count(info.context, parent, given),
            **more,
        )

    async def load(
        self,
        context: Context,
        parent: tuple[Any, ...],
        names: tuple[str, ...],
        *,
        limit: int,
        where: Mapping[str, Any],
        start: tuple[Any, ...] = (),
        descending: bool = False,
    ) -> list[Row]:
        """At most `limit` rows of one parent, after `start`; read together with its siblings'."""
        statement = _page(self, names, tuple(sorted(where)), bool(start), descending)
        values = {**_values(where), **{f"after_{n}": key for n, key in enumerate(start)}, "limit": limit}

        async def load(parents: list[tuple[Any, ...]]) -> list[list[Row]]:
            found: list[list[Row]] = [[] for _ in parents]
            for row in await context.database.fetch(statement, **values, **_keys(parents)):
                found[row.parent - 1].append(row)
            return found

        key = (statement, limit, start, tuple(sorted(where.items())))
        rows: list[Row] = await context.loader(key, load).load(parent)
        return rows

    async def _count(self, context: Context, parent: tuple[Any, ...], where: Mapping[str, Any]) -> int:
        statement = _count(self, tuple(sorted(where)))

        async def load(parents: list[tuple[Any, ...]]) -> list[int]:
            rows = await context.database.fetch(statement, **_values(where), **_keys(parents))
            totals = {row.parent: row.total for row in rows}
            return [totals[n] for n in range(1, len(parents) + 1)]

        total: int = await context.loader((statement, tuple(sorted(where.items()))), load).load(parent)
        return total


def check_first(first: int) -> None:
    """Raises BadUserInput when a page is too large, or no size at all."""
    if not 0 <= first <= LARGEST_PAGE:
        raise BadUserInput(f"`first` must be between 0 and {LARGEST_PAGE}.", "first")


def _values(where: Mapping[str, Any]) -> dict[str, Any]:
    # Tuples in loader keys, which must hash; lists for the driver, which makes them arrays.
    return {name: list(value) if isinstance(value, tuple) else value for name, value in where.items()}


def _keys(parents: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return {f"key_{n}": list(keys) for n, keys in enumerate(zip(*parents, strict=True))}


def _parents(listing: Listing) -> Any:
    """The parents' keys as a table, with their ordinal."""
    arrays = [bindparam(f"key_{n}", type_=ARRAY(Uuid)) for n in range(len(listing.of))]
    names = [f"key_{n}" for n in range(len(listing.of))]
    return func.unnest(*arrays).table_valued(*names, with_ordinality="n").render_derived(name="parents")


def _conditions(listing: Listing, parents: Any, filters: tuple[str, ...]) -> list[ColumnElement[bool]]:
    of = [column == parents.c[f"key_{n}"] for n, column in enumerate(listing.of)]
    return [*of, *listing.link, *(listing.filters[name] for name in filters)]


@lru_cache(maxsize=1024)
def _page(
    listing: Listing, names: tuple[str, ...], filters: tuple[str, ...], after: bool, descending: bool
) -> Select[Any]:
    parents = _parents(listing)
    columns = listing.sort_columns
    conditions = _conditions(listing, parents, filters)
    if after:
        here = tuple_(*columns)
        start = tuple_(*(bindparam(f"after_{n}", type_=column.type) for n, column in enumerate(columns)))
        conditions.append(here < start if descending else here > start)
    page = (
        select(*listing.rows.selection(names))
        .where(*conditions)
        .order_by(*(column.desc() if descending else column for column in columns))
        .limit(bindparam("limit"))
        .lateral("page")
    )
    # No order outside: the subquery is evaluated parent by parent, so each one's rows come in its order.
    return select(parents.c.n.label("parent"), *page.c).select_from(parents.join(page, true()))


@lru_cache(maxsize=256)
def _count(listing: Listing, filters: tuple[str, ...]) -> Select[Any]:
    parents = _parents(listing)
    total = (
        select(func.count())
        .select_from(listing.rows.table)
        .where(*_conditions(listing, parents, filters))
        .correlate(parents)
        .scalar_subquery()
    )
    return select(parents.c.n.label("parent"), total.label("total"))
