"""Mutations that change what is set up, without a run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import strawberry
from strawberry.types.field import StrawberryField

from atlas_gql.errors import DomainError
from atlas_gql.schema.context import Context
from atlas_gql.schema.errors import ErrorTypes
from atlas_gql.schema.mutations import Allowed, Target, mutation_field
from atlas_gql.schema.permissions import Permission

Work = Callable[[Context, Any, Any], Awaitable[Any]]
"""From context, the target's place and the input to the payload; in one transaction. Raises DomainError."""


@strawberry.type(description="Something was deleted.")
class DeletePayload:
    deleted_id: strawberry.ID = strawberry.field(description="The id that it had.")


def change_field(
    name: str,
    input_type: type,
    payload: type,
    work: Work,
    errors: ErrorTypes,
    *,
    target: Target,
    capability: str | None = None,
    guards: Sequence[Permission] = (),
    allowed: tuple[type[DomainError], ...],
    description: str,
) -> StrawberryField:
    """A mutation that does its work: all of it, or with a DomainError nothing.

    It takes the `capability` on its target; or these `guards`, where that is not all there is to it.
    """
    assert bool(capability) != bool(guards), f"{name} says twice who may, or not at all"
    needs = [Allowed(name, capability, target)] if capability else guards

    async def resolve(info: Any, input: Any) -> Any:
        place = await target.place(info, input)
        context = info.context
        try:
            return await work(context, place, input)
        except DomainError as exc:
            return errors.present(exc, allowed, place)
        finally:
            context.forget()

    return mutation_field(
        name,
        resolve,
        input_type,
        (payload, *map(errors.of, allowed)),
        description=description,
        guards=needs,
    )
