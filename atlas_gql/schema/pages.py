"""The statements that read pages of lists: one for each shape, kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Uuid,
    any_,
    between,
    bindparam,
    func,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY

from atlas_gql.db.tables import tenants
from atlas_gql.schema.rows import unlinked, with_links

if TYPE_CHECKING:
    from atlas_gql.schema.listings import Listing

COUNTED = 10_000
"""How far elements are counted: a greater number would cost more than it tells."""
WITHIN = "within"
"""The filter that names tenants."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Extra:
    """What a page's statement gives besides its rows, once for each parent, when one of `fields` is selected.

    `column` is what it is; None for how many elements the list has, one more than COUNTED for more than that.
    """

    fields: frozenset[str]
    column: ColumnElement[Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Shape:
    """All that tells one statement from another: what is left open are values."""

    listing: Listing
    names: tuple[str, ...]
    filters: tuple[str, ...] = ()
    after: bool = False
    descending: bool = False
    extras: tuple[tuple[str, Extra], ...] = ()

    @property
    def leading(self) -> str | None:
        """The filter that is read value by value, the first of `each` that is asked for."""
        return next((name for name in self.listing.each if name in self.filters), None)

    @property
    def pinned(self) -> str | None:
        """The filter whose column the index has just before the order."""
        return self.leading or (WITHIN if self.by_tenant else None)

    @property
    def by_tenant(self) -> bool:
        """Whether the list of a workspace is read tenant by tenant."""
        listing = self.listing
        if listing.tenant is None:
            return False
        return WITHIN in self.filters or (listing.everywhere and self.leading is not None)


@lru_cache(maxsize=1024)
def page_of(shape: Shape) -> Select[Any]:
    """The pages of a number of parents, with the extras that are asked for.

    A row has its `parent`'s ordinal; with extras, a parent without rows has one whose columns are null.
    """
    parents = parents_of(shape.listing)
    sources = _sources(shape, parents)
    page = (_merged(shape, parents, sources) if sources else _straight(shape, parents)).lateral("page")
    # No order outside: the subquery is evaluated parent by parent, so each one's rows come in its order.
    if not shape.extras:
        columns, source = with_links(shape.listing.rows, shape.names, page, parents.join(page, true()))
        return select(parents.c.n.label("parent"), *columns).select_from(source)
    extra = (
        (_counted(shape, parents, sources) if extra.column is None else extra.column).label(name)
        for name, extra in shape.extras
    )
    # With a limit, so that they are computed once for a parent, and not for each of its rows.
    extras = select(*extra).correlate(parents).limit(literal_column("1")).lateral("extras")
    begun = parents.join(extras, true()).outerjoin(page, true())
    columns, source = with_links(shape.listing.rows, shape.names, page, begun)
    return select(parents.c.n.label("parent"), *extras.c, *columns).select_from(source)


def parents_of(listing: Listing) -> Any:
    """The parents' keys as a table, with their ordinal."""
    arrays = [bindparam(f"key_{n}", type_=ARRAY(Uuid)) for n in range(len(listing.of))]
    names = [f"key_{n}" for n in range(len(listing.of))]
    return func.unnest(*arrays).table_valued(*names, with_ordinality="n").render_derived(name="parents")


def _sources(shape: Shape, parents: Any) -> dict[str, Any]:
    """The values that the list is read by, each as a table of one column; none for one reading."""
    sources: dict[str, Any] = {}
    if shape.by_tenant and shape.listing.everywhere:
        named = [tenants.c.id == any_(bindparam(WITHIN, type_=ARRAY(Uuid)))] * (WITHIN in shape.filters)
        of_it = select(tenants.c.id.label("value")).where(tenants.c.workspace_id == parents.c.key_0, *named)
        sources[WITHIN] = of_it.correlate(parents).lateral("each_tenant")
    elif shape.by_tenant:
        sources[WITHIN] = _values(shape.listing, WITHIN)
    if shape.leading is not None:
        sources[shape.leading] = _values(shape.listing, shape.leading)
    return sources


def _values(listing: Listing, name: str) -> Any:
    values = bindparam(name, type_=ARRAY(_column(listing, name).type))
    return func.unnest(values).table_valued("value").render_derived(name=f"each_{name}")


def _column(listing: Listing, name: str) -> ColumnElement[Any]:
    """The column that a filter of several values is about."""
    column = listing.tenant if name == WITHIN else listing.each[name]
    assert column is not None  # a list without tenants has no such filter
    return column


def _conditions(shape: Shape, parents: Any, sources: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    listing = shape.listing
    # That a row is of the workspace goes without saying where its tenant was taken from there.
    implied = listing.everywhere and WITHIN in sources
    of = [] if implied else [column == parents.c[f"key_{n}"] for n, column in enumerate(listing.of)]
    tests = [test_of(listing, name) for name in shape.filters if name not in sources]
    each = [
        # As a range, so that only the index over the column and the order gives the rows in order: by what
        # the planner knows of the values, it may take another one, and look at every row.
        between(_column(listing, name), source.c.value, source.c.value)
        if name == shape.pinned
        else _column(listing, name) == source.c.value
        for name, source in sources.items()
    ]
    return [*of, *listing.link, *each, *tests]


def _order(shape: Shape) -> list[ColumnElement[Any]]:
    """The order in which an index has the rows: after the pinned column, which has one value."""
    if shape.pinned is None:
        return _ordered(shape, shape.listing.sort_columns)
    pinned = _column(shape.listing, shape.pinned)
    # Backwards where the list goes against its index.
    first = pinned if shape.descending == shape.listing.descending else pinned.desc()
    return [first, *_ordered(shape, shape.listing.sort_columns)]


def test_of(listing: Listing, name: str) -> ColumnElement[bool]:
    """A filter of a list as a condition of each row."""
    if name in listing.filters:
        return listing.filters[name]
    column = _column(listing, name)
    return column == any_(bindparam(name, type_=ARRAY(column.type)))


def _after(shape: Shape) -> list[ColumnElement[bool]]:
    """The condition that a row comes after the cursor."""
    if not shape.after:
        return []
    columns = shape.listing.sort_columns
    here = tuple_(*columns)
    start = tuple_(*(bindparam(f"after_{n}", type_=column.type) for n, column in enumerate(columns)))
    return [here < start if shape.descending else here > start]


def _ordered(shape: Shape, columns: Iterable[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    return [column.desc() if shape.descending else column for column in columns]


def _straight(shape: Shape, parents: Any) -> Select[Any]:
    """One parent's page, in one reading."""
    return (
        select(*shape.listing.rows.selection(unlinked(shape.names)))
        .where(*_conditions(shape, parents, {}), *_after(shape))
        .order_by(*_ordered(shape, shape.listing.sort_columns))
        .limit(bindparam("limit", type_=Integer))
        .correlate(parents)
    )


def _merged(shape: Shape, parents: Any, sources: Mapping[str, Any]) -> Select[Any]:
    """One parent's page, as the first of what each of the values has: their keys, then their rows."""
    table, limit = shape.listing.rows.table, bindparam("limit", type_=Integer)
    sort = [column.label(f"sort_{n}") for n, column in enumerate(shape.listing.sort_columns)]
    found = (
        select(table.c.id, *sort)
        .where(*_conditions(shape, parents, sources), *_after(shape))
        .order_by(*_order(shape))
        .limit(limit)
        .correlate(parents, *sources.values())
        .lateral("found")
    )
    by = [column.name for column in sort]
    keys = (
        select(found)
        .select_from(_joined(sources, found))
        .order_by(*_ordered(shape, (found.c[name] for name in by)))
        .limit(limit)
        .correlate(parents)
        .lateral("keys")
    )
    # One by one, whatever the planner expects: it cannot know how few there are.
    row = (
        select(*shape.listing.rows.selection(unlinked(shape.names)))
        .where(table.c.id == keys.c.id)
        .limit(literal_column("1"))
        .correlate(keys)
        .lateral("row")
    )
    return (
        select(*row.c)
        .select_from(keys.join(row, true()))
        .order_by(*_ordered(shape, (keys.c[name] for name in by)))
        .correlate(parents)
    )


def _counted(shape: Shape, parents: Any, sources: Mapping[str, Any]) -> ColumnElement[int]:
    """How many elements one parent's list has, up to one more than are counted."""
    matching: Select[Any] = (
        select(literal_column("1").label("one"))
        .select_from(shape.listing.rows.table)
        .where(*_conditions(shape, parents, sources))
        .order_by(*(_order(shape) if sources else ()))
        .limit(COUNTED + 1)
        .correlate(parents, *sources.values())
    )
    if sources:
        found = matching.lateral("found")
        matching = (
            select(found.c.one).select_from(_joined(sources, found)).limit(COUNTED + 1).correlate(parents)
        )
    return select(func.count()).select_from(matching.lateral("counted")).correlate(parents).scalar_subquery()


def _joined(sources: Mapping[str, Any], found: FromClause) -> FromClause:
    tables = [*sources.values(), found]
    return reduce(lambda joined, table: joined.join(table, true()), tables[1:], tables[0])
