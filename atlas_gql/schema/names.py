"""What an operation's input names: where each thing lies, found before the input is read any further."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from strawberry.utils.str_converters import to_camel_case

from atlas_gql.ops.references import Named, named
from atlas_gql.schema import ids
from atlas_gql.schema.context import Context
from atlas_gql.schema.permissions import place_of


def graphql_path(place: Iterable[str | int]) -> str:
    """A place in an input as clients know it: `groupMappings.0.targetId`."""
    return ".".join(to_camel_case(part) if isinstance(part, str) else str(part) for part in place)


def named_by(input_type: Any, given: Any) -> list[Named]:
    """All that an input names, as GraphQL gives it. Raises BadUserInput for what is no id of its kind."""
    return [
        replace(one, id=ids.decode(one.id, kind=one.ref.kind, argument=graphql_path(one.place)))
        for one in named(input_type, given)
    ]


async def places(context: Context, found: Sequence[Named]) -> list[Any]:
    """Where things lie, as `place_of` gives it: one statement for each kind. Raises NotFound."""
    return await asyncio.gather(*(place_of(context, one.ref.kind, one.id) for one in found))
