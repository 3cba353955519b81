"""Mutations: one for each operation, made from its declaration, and cancelling runs.

The order of checks is that of the whole API: who asks, what is within reach (NOT_FOUND), what is allowed
(FORBIDDEN), and only then what the input says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress
from typing import Annotated, Any, Optional
from uuid import UUID

import strawberry
from graphql import GraphQLTypeResolver
from strawberry.annotation import StrawberryAnnotation
from strawberry.schema.types.concrete_type import TypeMap
from strawberry.types.field import StrawberryField
from strawberry.types.union import StrawberryUnion
from strawberry.utils.str_converters import to_camel_case

from atlas_gql.access.actors import NOTHING
from atlas_gql.access.capabilities import Capability
from atlas_gql.errors import (
    ConfigurationError,
    DomainError,
    Forbidden,
    IdempotencyConflict,
    RunConflict,
    RunFinished,
    TenantArchived,
    ValidationError,
    WritesNotEnabled,
)
from atlas_gql.ops.references import references
from atlas_gql.ops.rights import THINGS
from atlas_gql.plugins.api import Operation
from atlas_gql.schema import ids
from atlas_gql.schema.context import Context, Info
from atlas_gql.schema.errors import ErrorTypes
from atlas_gql.schema.inputs import InputTypes, check_key
from atlas_gql.schema.names import graphql_path, named_by, places
from atlas_gql.schema.permissions import Guard, Permission, held, place_of
from atlas_gql.schema.types.runs import WithRun

HOST_ERRORS: tuple[type[DomainError], ...] = (
    ValidationError,
    RunConflict,
    IdempotencyConflict,
    WritesNotEnabled,
    TenantArchived,
)
"""What every start may answer."""


@strawberry.type(description="An operation was started, or found running already.")
class StartRunPayload(WithRun):
    deduplicated: bool = strawberry.field(
        description="Whether the run was there before: it is active, or has the same idempotency key."
    )


@strawberry.type(description="A run was asked to stop; it ends between two of its items.")
class CancelRunPayload(WithRun):
    pass


@strawberry.input(description="Which run to cancel.")
class CancelRunInput:
    run_id: strawberry.ID = strawberry.field(description="The run's id.")


class ResultUnion(StrawberryUnion):
    """A union whose members are found by their names.

    Strawberry's own compares types by identity, and a sorted schema consists of copies.
    """

    def get_type_resolver(self, type_map: TypeMap) -> GraphQLTypeResolver:  # noqa: ARG002 # not needed
        def resolve(result: Any, *_: Any) -> str:
            name: str = result.__strawberry_definition__.name
            return name

        return resolve


class Target:
    """The thing that a mutation works on: a kind, and the input's field that names it."""

    def __init__(self, kind: str, field: str) -> None:
        self.kind = kind
        self.field = field

    def uuid(self, given: Any) -> Any:
        """Its key; None where the field is left out. Raises BadUserInput for what is no id of the kind."""
        value = getattr(given, self.field)
        if value is None or value is strawberry.UNSET:
            return None
        return ids.decode(value, kind=self.kind, argument=to_camel_case(self.field))

    async def place(self, info: Info, given: Any) -> Any:
        """Where it belongs. Raises NotFound when it is out of reach. Read once in an operation."""
        return await place_of(info.context, self.kind, self.uuid(given))


WORKSPACE_OF = Target("Workspace", "workspace_id")
TENANT_OF = Target("Tenant", "tenant_id")


class IsMember(Permission):
    """A mutation for every member of the workspace that its input names."""

    async def has_permission(self, source: Any, info: Info, **arguments: Any) -> bool:  # noqa: ARG002 # Strawberry's signature
        return await WORKSPACE_OF.place(info, arguments["input"]) is not None


class Allowed(Permission):
    """A mutation: the capability is needed on the tenant of its target.

    A member's refusal is audited. `of` is the thing it is needed on where that is not the target; it must
    then be of the target's workspace.
    """

    def __init__(self, mutation: str, capability: str, target: Target, of: Target | None = None) -> None:
        self.capability = str(capability)
        self.on = to_camel_case(of.field) if of else None
        self._mutation = mutation
        self._target = target
        self._of = of

    async def has_permission(self, source: Any, info: Info, **arguments: Any) -> bool:  # noqa: ARG002 # Strawberry's signature
        given = arguments["input"]
        place = await self._target.place(info, given)
        if self._of is not None:
            if self._of.uuid(given) is None:
                return True
            workspace_id = place.workspace_id
            place = await self._of.place(info, given)
            if place.workspace_id != workspace_id:
                return False
        await demand(info.context, self._mutation, self.capability or "", place)
        return True


class MayName(Permission):
    """What an operation's input names at one place: all of it of the target's workspace, and allowed there.

    Whatever the input names is read with the first of these guards; the others find it.
    """

    def __init__(self, mutation: str, operation: Operation[Any], target: Target, path: str) -> None:
        self.capability = references(operation.input)[path].capability
        self.on = graphql_path(path.split("."))
        self._mutation = mutation
        self._input = operation.input
        self._target = target
        self._path = path

    async def has_permission(self, source: Any, info: Info, **arguments: Any) -> bool:  # noqa: ARG002 # Strawberry's signature
        target = await self._target.place(info, arguments["input"])
        found = named_by(self._input, arguments["input"])
        mine = [one.path == self._path for one in found]
        lie = list(compress(await places(info.context, found), mine))
        return await may_name(info.context, self._mutation, self.capability, lie, target.workspace_id)


async def may_name(
    context: Context, mutation: str, capability: str | None, places: Iterable[Any], workspace_id: UUID
) -> bool:
    """Whether these places are all of a workspace. Raises Forbidden where the capability lacks, audited."""
    different = {(place.workspace_id, place.tenant_id): place for place in places}.values()
    if any(place.workspace_id != workspace_id for place in different):
        return False
    if capability is not None:
        for place in different:
            await demand(context, mutation, capability, place)
    return True


async def demand(context: Context, mutation: str, capability: str, place: Any) -> None:
    """Raises Forbidden, and audits it, unless the caller holds a capability at a place within reach."""
    if capability in (held(context.actor, place) or NOTHING):
        return
    await context.engine.refused(
        context.actor,
        workspace_id=place.workspace_id,
        tenant_id=place.tenant_id,
        mutation=mutation,
        capability=capability,
        request_id=context.request_id,
    )
    raise Forbidden(capability)


def start_field(operation: Operation[Any], inputs: InputTypes, errors: ErrorTypes) -> StrawberryField:
    """The mutation that starts an operation."""
    given_type = inputs.of(operation)
    target = _target(operation)
    allowed = tuple(dict.fromkeys((*HOST_ERRORS, *operation.errors)))

    async def resolve(info: Any, input: Any) -> Any:
        place = await target.place(info, input)
        context = info.context
        try:
            started = await context.engine.start(
                context.actor,
                operation,
                tenant_id=place.tenant_id,
                workspace_id=place.workspace_id,
                given=given_type.read(input, ""),
                idempotency_key=check_key(input.idempotency_key),
                request_id=context.request_id,
            )
        except DomainError as exc:
            return errors.present(exc, allowed, place)
        finally:
            context.forget()
        return StartRunPayload(
            run_id=started.run_id,
            workspace_id=place.workspace_id,
            tenant_id=place.tenant_id,
            deduplicated=started.deduplicated,
        )

    return mutation_field(
        operation.mutation,
        resolve,
        given_type.graphql,
        (StartRunPayload, *map(errors.of, allowed)),
        description=operation.description,
        guards=_guards(operation, target),
    )


def cancel_field(errors: ErrorTypes) -> StrawberryField:
    """The mutation `cancelRun`."""
    target = Target("OperationRun", "run_id")

    async def resolve(info: Any, input: Any) -> Any:
        place = await target.place(info, input)
        context, run_id = info.context, target.uuid(input)
        try:
            await context.engine.cancel(
                context.actor,
                run_id=run_id,
                tenant_id=place.tenant_id,
                workspace_id=place.workspace_id,
                request_id=context.request_id,
            )
        except DomainError as exc:
            return errors.present(exc, (RunFinished,), place)
        finally:
            context.forget()
        return CancelRunPayload(run_id=run_id, workspace_id=place.workspace_id, tenant_id=place.tenant_id)

    return mutation_field(
        "cancelRun",
        resolve,
        CancelRunInput,
        (CancelRunPayload, errors.of(RunFinished)),
        description="Cancels a run: a queued one at once, a running one between two of its items.",
        guards=[Allowed("cancelRun", Capability.RUNS_CANCEL, target)],
    )


def _target(operation: Operation[Any]) -> Target:
    field = operation.target.field
    if field is None:
        return Target("Tenant", "tenant_id")
    ref = references(operation.input).get(field)
    if ref is None or ref.kind != operation.target.kind:
        raise ConfigurationError(
            f"{operation.type}: the target's field {field} needs a Ref of its kind in the input."
        )
    return Target(ref.kind, field)


def _guards(operation: Operation[Any], target: Target) -> list[Permission]:
    """What the start takes: the operation's capability on its target, then what each thing named takes."""
    guards: list[Permission] = [Allowed(operation.mutation, operation.capability, target)]
    for path, ref in references(operation.input).items():
        if ref.kind not in THINGS:
            raise ConfigurationError(f"{operation.type}: no Ref can name a {ref.kind}, as {path} does.")
        if path != operation.target.field or ref.capability != operation.capability:
            guards.append(MayName(operation.mutation, operation, target, path))
    return guards


def mutation_field(
    name: str,
    resolve: Any,
    input_type: type,
    members: Iterable[type],
    *,
    description: str,
    guards: Sequence[Permission],
) -> StrawberryField:
    """A mutation with one input and a nullable union of what can come of it."""
    union: Any = ResultUnion(
        name=f"{name[:1].upper()}{name[1:]}Result",
        type_annotations=tuple(map(StrawberryAnnotation, members)),
        description=f"What can come of `{name}`.",
    )
    # The annotations are values: the types are made here, and no module names them.
    resolve.__name__ = name
    resolve.__annotations__ = {
        "info": Info,
        "input": Annotated[input_type, strawberry.argument(description="What to do.")],
        "return": Optional[union],  # noqa: UP045
    }
    field: StrawberryField = strawberry.mutation(
        resolver=resolve, name=name, description=description, extensions=[Guard(*guards)]
    )
    return field
