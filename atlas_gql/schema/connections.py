"""Lists as Relay connections: what clients see of a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Generic, TypeVar

import strawberry

from atlas_gql.db.database import Row
from atlas_gql.errors import BadUserInput
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.pages import COUNTED, Extra

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
    extras: strawberry.Private[Mapping[str, Any]]

    EXTRAS: ClassVar[Mapping[str, Extra]] = {
        "counted": Extra(fields=frozenset({"totalCount", "totalCountIsExact"}))
    }

    @resolved("The page's elements with their cursors, in order.")
    def edges(self) -> list[Edge[T]]:
        return [Edge(cursor=self.cursor_of(node), node=node) for node in self.nodes]

    @resolved(
        f"How many elements the whole list has; counted only when asked for, and only up to {COUNTED:,}."
    )
    def total_count(self) -> int | None:
        counted: int = self.extras["counted"]
        return min(counted, COUNTED)

    @resolved(f"Whether `totalCount` is all of them: false for a list that has more than {COUNTED:,}.")
    def total_count_is_exact(self) -> bool | None:
        counted: int = self.extras["counted"]
        return counted <= COUNTED


C = TypeVar("C", bound=Connection[Any])


def check_first(first: int) -> None:
    """Raises BadUserInput when a page is too large, or no size at all."""
    if not 0 <= first <= LARGEST_PAGE:
        raise BadUserInput(f"`first` must be between 0 and {LARGEST_PAGE}.", "first")
