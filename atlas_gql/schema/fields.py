"""Fields that a function resolves: with a description, and with their guards in plain sight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import strawberry
from strawberry.extensions import FieldExtension

from atlas_gql.schema.permissions import Guard, Permission

Resolver = TypeVar("Resolver", bound=Callable[..., Any])


def resolved(description: str, *guards: Permission, silently: bool = False) -> Callable[[Resolver], Resolver]:
    """A field with these guards. `silently`: null instead of an error for what is out of reach."""
    extensions: list[FieldExtension] = [Guard(*guards, silently=silently)] if guards else []
    field: Callable[[Resolver], Resolver] = strawberry.field(description=description, extensions=extensions)
    return field


def watched(description: str, guard: Permission) -> Callable[[Resolver], Resolver]:
    """A field of subscriptions with this guard, which is asked before the first event."""
    field: Callable[[Resolver], Resolver] = strawberry.subscription(
        description=description, extensions=[Guard(guard)]
    )
    return field
