"""The mutation `startOnTenants`: one operation over a selection of tenants, a run each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, reduce
from typing import Any
from uuid import UUID

import strawberry
from graphql import GraphQLError, assert_input_object_type
from graphql.utilities import coerce_input_value, validate_input_value
from sqlalchemy import Select, bindparam, select
from strawberry.scalars import JSON
from strawberry.types.arguments import convert_argument
from strawberry.types.field import StrawberryField

from atlas_gql.access.actors import NOTHING
from atlas_gql.access.capabilities import Capability
from atlas_gql.db.tables import tenants
from atlas_gql.errors import AtlasError, DomainError, Forbidden, NotForMany, NotFound, ValidationError
from atlas_gql.ops.together import MOST, StartFailed, fits_many
from atlas_gql.plugins.api import Operation
from atlas_gql.schema import answers, ids, lists
from atlas_gql.schema.context import Context, Info
from atlas_gql.schema.engine import StartedOn
from atlas_gql.schema.errors import Error, ErrorTypes
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.inputs import KEY, RESERVED, InputTypes, below, check_key
from atlas_gql.schema.maps import OPERATION_RUN, TENANT
from atlas_gql.schema.mutations import HOST_ERRORS, WORKSPACE_OF, demand, mutation_field
from atlas_gql.schema.permissions import (
    OWN,
    HasCapability,
    Permission,
    Place,
    ReachesTenant,
    granted,
    looked_up,
)
from atlas_gql.schema.types.runs import OperationRun
from atlas_gql.schema.types.tenants import Tenant, TenantFilter

NAME = "startOnTenants"


@strawberry.input(description="What to start, and where.")
class StartOnTenantsInput:
    workspace_id: strawberry.ID = strawberry.field(description="The workspace of the tenants.")
    operation_type: str = strawberry.field(
        description="The operation's `type`; `operationTypes` says which can be started so."
    )
    tenant_ids: list[strawberry.ID] | None = strawberry.field(
        description=f"The tenants' ids, at most {MOST}. Give either these or `filter`.", default=None
    )
    filter: TenantFilter | None = strawberry.field(
        description=f"All tenants of the workspace that pass, at most {MOST}, of those where you may start"
        " this and see what the filter asks for; an empty one is all. Archived ones only where it asks for"
        " them.",
        default=None,
    )
    input: JSON | None = strawberry.field(
        description="The operation's own input, the same for all: what its mutation takes, without `tenantId`"
        " and `idempotencyKey`. Enum values are text.",
        default=None,
    )
    idempotency_key: str | None = strawberry.field(
        description=f"{KEY} It counts in each tenant as if the operation's own mutation had been sent there.",
        default=None,
    )


@strawberry.type(
    description="Why nothing was started in a tenant, where no other type says more: `NOT_FOUND`,"
    " `FORBIDDEN`, or `INTERNAL_SERVER_ERROR`."
)
class StartRefused(Error):
    capability: str | None = strawberry.field(description="The capability that lacks, for `FORBIDDEN`.")


class MaySeeStarted(HasCapability):
    """The run that was started, if one was."""

    def has_permission(self, source: Any, info: Info, **more: Any) -> bool:
        return source.run_id is not None and super().has_permission(source, info, **more)


@strawberry.type(description="What came of a start in one tenant.")
class StartedOnTenant:
    asked_id: strawberry.Private[UUID]
    workspace_id: strawberry.Private[UUID]
    reached: strawberry.Private[UUID | None]
    """The tenant's key; None for one that is not there, or out of reach."""
    run_id: strawberry.Private[UUID | None]
    deduplicated: bool = strawberry.field(
        description="Whether the run was there before: it is active, or has the same idempotency key."
    )
    error: Error | None = strawberry.field(description="Why there is no run.")

    @resolved("The id of the tenant that was asked for.")
    def tenant_id(self) -> strawberry.ID:
        return ids.encode("Tenant", self.asked_id)

    @resolved("The tenant, if it is within your reach.", ReachesTenant("reached"), silently=True)
    async def tenant(self, info: Info) -> Tenant | None:
        if self.reached is None:
            return None
        row: Tenant | None = await looked_up(info, TENANT, self.reached)
        return row

    @resolved("The run.", MaySeeStarted(Capability.RUNS_VIEW, tenant="reached"), silently=True)
    async def run(self, info: Info) -> OperationRun | None:
        assert self.run_id is not None  # the guard
        row: OperationRun | None = await looked_up(info, OPERATION_RUN, self.run_id)
        return row


@strawberry.type(description="What came of a start in many tenants. Each is a start of its own.")
class StartOnTenantsPayload:
    request_id: str = strawberry.field(description="The `requestId` of all runs that were started.")
    started: int = strawberry.field(description="In how many tenants a run was started.")
    deduplicated: int = strawberry.field(description="In how many tenants the run was there before.")
    refused: int = strawberry.field(description="In how many tenants there is an error instead.")
    results: list[StartedOnTenant] = strawberry.field(
        description="What came of it in each tenant: in the order of `tenantIds`, or by name."
    )


class MayStart(Permission):
    """The operation's capability is needed on some tenant of the workspace, and then on each."""

    capability = OWN

    async def has_permission(self, source: Any, info: Info, **arguments: Any) -> bool:  # noqa: ARG002 # Strawberry's signature
        context, given = info.context, arguments["input"]
        place = await WORKSPACE_OF.place(info, given)
        operation = context.engine.operations.get(given.operation_type)
        if operation is not None and not granted(context.actor, place.workspace_id, operation.capability):
            await demand(context, NAME, operation.capability, place)
        return True


def start_on_tenants_field(inputs: InputTypes, errors: ErrorTypes) -> StrawberryField:
    """The mutation."""
    allowed: tuple[type[DomainError], ...] = (ValidationError, NotForMany)

    async def resolve(info: Any, input: Any) -> Any:
        place, context = await WORKSPACE_OF.place(info, input), info.context
        try:
            operation = for_many(context, input.operation_type)
            given = read_input(info, inputs, operation, input.input)
            key = check_key(input.idempotency_key)
            wanted = await _wanted(context, operation, place.workspace_id, input)
            found = await _start(context, operation, place.workspace_id, wanted, given, key)
        except DomainError as exc:
            return errors.present(exc, allowed, place)
        finally:
            context.forget()
        own = (*HOST_ERRORS, *operation.errors)
        results = [_result(id_, found[id_], place.workspace_id, errors, own) for id_ in wanted]
        return StartOnTenantsPayload(
            request_id=context.request_id,
            started=sum(one.run_id is not None and not one.deduplicated for one in results),
            deduplicated=sum(one.deduplicated for one in results),
            refused=sum(one.error is not None for one in results),
            results=results,
        )

    return mutation_field(
        NAME,
        resolve,
        StartOnTenantsInput,
        (StartOnTenantsPayload, *map(errors.of, allowed)),
        description="Starts one operation in many tenants, a run each. What is refused in one tenant is"
        " started in the others. What writes to Microsoft cannot be started so.",
        guards=[MayStart()],
    )


def for_many(context: Context, type_: str) -> Operation[Any]:
    """An operation that one input starts in many tenants. Raises ValidationError, and NotForMany."""
    operation = context.engine.operations.get(type_)
    if operation is None:
        raise ValidationError("No installed plugin offers this operation.", field="operationType")
    if not fits_many(operation):
        raise NotForMany
    return operation


def read_input(info: Info, inputs: InputTypes, operation: Operation[Any], value: Any) -> Any:
    """The operation's input. Raises ValidationError, naming the path, for what does not fit."""
    value = {} if value is None else value
    if not isinstance(value, Mapping):
        raise ValidationError("Give an object.", field="input")
    for name in RESERVED:
        if name in value:
            raise ValidationError("This is not given with the input, but beside it.", field=f"input.{name}")
    made = inputs.of(operation)
    name = made.graphql.__strawberry_definition__.name
    type_ = assert_input_object_type(info.schema._schema.type_map[name])
    whole = {**value, "tenantId": ""}
    wrong: list[tuple[GraphQLError, Sequence[str | int]]] = []
    validate_input_value(whole, type_, lambda error, path: wrong.append((error, path)), hide_suggestions=True)
    if wrong:
        error, path = wrong[0]
        raise ValidationError(answers.without_values(error.message), field=reduce(below, path, "input"))
    given = convert_argument(
        coerce_input_value(whole, type_),
        made.graphql,
        info.schema.schema_converter.scalar_registry,
        info.schema.config,
    )
    return made.read(given, "input")


async def _wanted(
    context: Context, operation: Operation[Any], workspace_id: UUID, given: StartOnTenantsInput
) -> list[UUID]:
    """The tenants that are meant, each once. Raises ValidationError, and BadUserInput for what is no id."""
    if (given.tenant_ids is None) == (given.filter is None):
        raise ValidationError("Give either tenantIds or a filter.", field="tenantIds")
    if given.tenant_ids is not None:
        if not 0 < len(given.tenant_ids) <= MOST:
            raise ValidationError(f"Name 1 to {MOST} tenants.", field="tenantIds")
        decoded = (ids.decode(id_, kind="Tenant", argument="tenantIds") for id_ in given.tenant_ids)
        return list(dict.fromkeys(decoded))
    assert given.filter is not None
    where = {"archived": False} | given.filter.where()
    within = granted(context.actor, workspace_id, operation.capability, *given.filter.needs)
    if within is not None:
        where["within"] = within
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in where.items()}
    rows = await context.database.fetch(_selected(tuple(sorted(where))), of_workspace=workspace_id, **values)
    if len(rows) > MOST:
        raise ValidationError(f"More than {MOST} tenants pass: ask for fewer.", field="filter")
    return [row.id for row in rows]


@lru_cache(maxsize=64)
def _selected(filters: tuple[str, ...]) -> Select[Any]:
    return (
        select(tenants.c.id)
        .where(
            tenants.c.workspace_id == bindparam("of_workspace"),
            *(lists.TENANTS.filters[name] for name in filters),
        )
        .order_by(tenants.c.name, tenants.c.id)
        .limit(MOST + 1)
    )


async def _start(
    context: Context,
    operation: Operation[Any],
    workspace_id: UUID,
    wanted: Sequence[UUID],
    given: Any,
    key: str | None,
) -> dict[UUID, StartedOn | AtlasError]:
    """What came of it by tenant; what the caller may not start there is an error, and audited."""
    rights = {id_: context.actor.in_tenant(workspace_id, id_) for id_ in wanted}
    found: dict[UUID, StartedOn | AtlasError] = {id_: NotFound() for id_ in wanted}
    asked: dict[str, Any] = {"workspace_id": workspace_id, "request_id": context.request_id}
    may = {id_: None for id_ in wanted if operation.capability in (rights[id_] or NOTHING)}
    if may:
        try:
            started = await context.engine.start_on_tenants(
                context.actor, operation, tenant_ids=list(may), given=given, idempotency_key=key, **asked
            )
        except ValidationError as exc:
            raise _in_input(exc) from exc
        found |= {one.tenant_id: one for one in started}
    if lacking := [id_ for id_ in wanted if rights[id_] is not None and id_ not in may]:
        # A grant may be of another workspace's tenant.
        rows = await context.database.fetch(_selected(("within",)), of_workspace=workspace_id, within=lacking)
        if refused := [row.id for row in rows]:
            await context.engine.refused_on(
                context.actor, tenant_ids=refused, mutation=NAME, capability=operation.capability, **asked
            )
        found |= {id_: Forbidden(operation.capability) for id_ in refused}
    return found


def _result(
    tenant_id: UUID,
    found: StartedOn | AtlasError,
    workspace_id: UUID,
    errors: ErrorTypes,
    own: tuple[type[DomainError], ...],
) -> StartedOnTenant:
    error = found if isinstance(found, AtlasError) else found.error
    if isinstance(error, ValidationError):
        error = _in_input(error)
    shown: Any = None
    if isinstance(error, DomainError) and isinstance(error, own):
        shown = errors.present(error, own, Place(workspace_id=workspace_id, tenant_id=tenant_id))
    elif isinstance(error, DomainError):
        # The operation does not declare it: a start by itself would be an internal error as well.
        shown = _refused(StartFailed())
    elif error is not None:
        shown = _refused(error)
    return StartedOnTenant(
        asked_id=tenant_id,
        workspace_id=workspace_id,
        reached=None if isinstance(error, NotFound) else tenant_id,
        run_id=None if isinstance(found, AtlasError) else found.run_id,
        deduplicated=not isinstance(found, AtlasError) and found.deduplicated,
        error=shown,
    )


def _in_input(error: ValidationError) -> ValidationError:
    """What a step of the operation says of its input, where that is part of this mutation's."""
    return ValidationError(error.message, field=below("input", error.field))


def _refused(error: AtlasError) -> StartRefused:
    capability = error.capability if isinstance(error, Forbidden) else None
    return StartRefused(message=error.message, code=error.code, capability=capability)
