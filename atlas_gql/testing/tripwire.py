"""Whoever gives a tenant's data without having asked for rights fails the test in which that happens.

A wire is laid around every field that leads to a thing, that has a guard, or that changes anything. It looks
at what the field gives, and at whether the field's guard asked, and let pass, just there in the answer. Of
the fields that are free (`atlas_gql.schema.guards.FREE`), and of all others, each row must be of what the
caller reaches. `installation` lays it; nothing of it is in a schema that is served to anybody else.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from inspect import isasyncgen, isawaitable
from typing import Any, TypeAlias
from uuid import UUID

import strawberry
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    default_field_resolver,
    get_named_type,
)

from atlas_gql.access.actors import Actor
from atlas_gql.schema.context import Context
from atlas_gql.schema.guards import FREE, guards, leading_to_things
from atlas_gql.schema.maps import KINDS
from atlas_gql.schema.permissions import held, owned
from atlas_gql.schema.plain import plainly
from atlas_gql.schema.rows import RowMap

Info: TypeAlias = "GraphQLResolveInfo[Any]"
Events: TypeAlias = AsyncGenerator[Any, None]

_tripped: list[str] = []


class Tripped(AssertionError):
    """A resolver gave what nobody had asked the rights for."""


def lay(schema: strawberry.Schema) -> None:
    """Look on whatever this schema resolves from now on."""
    declared = guards(schema)
    wired = {name for name, permissions in declared.items() if permissions} | leading_to_things(schema)
    for owner in schema._schema.type_map.values():
        if not isinstance(owner, GraphQLObjectType):
            continue
        changing = owner is schema._schema.mutation_type
        for name, field in owner.fields.items():
            where = f"{owner.name}.{name}"
            if owner is schema._schema.subscription_type:
                field.subscribe = _wired(where, field, field.subscribe or default_field_resolver)
            elif changing or where in wired:
                # What is taken directly would go by the wire; nothing that leads to a thing is.
                assert plainly(field, owner) is None, where
                field.resolve = _wired(where, field, field.resolve or default_field_resolver)


@contextmanager
def watched() -> Iterator[None]:
    """A test, or part of one. Raises Tripped at its end for whatever was given in it without asking."""
    before = len(_tripped)
    yield
    if found := _tripped[before:]:
        raise Tripped("; ".join(found))


@contextmanager
def expected() -> Iterator[list[str]]:
    """What trips within is meant to, and is held against nobody: it is put into this list."""
    before, found = len(_tripped), list[str]()
    try:
        yield found
    finally:
        found += _tripped[before:]
        del _tripped[before:]


def _wired(where: str, field: GraphQLField, inner: Callable[..., Any]) -> Callable[..., Any]:
    thing = get_named_type(field.type).name

    def asked(info: Info) -> None:
        if where not in FREE and info.path not in (info.context.passed or ()):
            _trip(f"{where} gave {thing} although no guard had let anybody pass")

    def look(given: Any, info: Info) -> Any:
        if given is not None:
            asked(info)
            for row in _rows(given):
                if not _reached(info.context.actor, row, KINDS.get(_kind(thing))):
                    _trip(f"{where} gave {thing} out of the caller's reach")
        return given

    async def later(coming: Any, info: Info) -> Any:
        given = await coming
        return stream(given, info) if _streams(given) else look(given, info)

    async def stream(events: AsyncGenerator[Any, None], info: Info) -> AsyncGenerator[Any, None]:
        async with aclosing(events):
            async for event in events:
                asked(info)  # what an event holds is looked at as it is resolved
                yield event

    def resolve(source: Any, info: Info, **arguments: Any) -> Any:
        context: Context = info.context
        if context.passed is None:
            context.passed = set()
        given = inner(source, info, **arguments)
        if _streams(given):
            return stream(given, info)
        return later(given, info) if isawaitable(given) else look(given, info)

    return resolve


def _rows(given: Any) -> Iterator[Any]:
    """The rows in what a field gave: itself, a list's, or a page's."""
    several = given if isinstance(given, list) else getattr(given, "nodes", [given])
    for one in several:
        # Mutations' payloads and the like say where they belong too.
        workspace_id, tenant_id = getattr(one, "workspace_id", None), getattr(one, "tenant_id", ...)
        if isinstance(workspace_id, UUID) and isinstance(tenant_id, UUID | None):
            yield one


def _reached(actor: Actor, row: Any, rows: RowMap | None) -> bool:
    """Whether a row is where the actor has any rights, or is the actor's own."""
    return held(actor, row) is not None or (rows is not None and owned(actor, row, rows))


def _kind(type_name: str) -> str:
    return type_name.removesuffix("Connection")


def _streams(given: Any) -> bool:
    return isasyncgen(given)


def _trip(what: str) -> None:
    _tripped.append(what)
    raise Tripped(what)
