"""Mutations of schedules."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from atlas_gql.access.capabilities import Capability
from atlas_gql.errors import DomainError, NotForMany, ValidationError
from atlas_gql.ops import schedules as service
from atlas_gql.ops.schedules import LONGEST_JITTER, MOST_TENANTS, Changes, Given
from atlas_gql.plugins.api import Operation
from atlas_gql.schema import ids
from atlas_gql.schema.changes import DeletePayload, Work, change_field
from atlas_gql.schema.context import Context, Info
from atlas_gql.schema.errors import ErrorTypes
from atlas_gql.schema.inputs import InputTypes
from atlas_gql.schema.maps import SCHEDULE as ROWS
from atlas_gql.schema.mutations import WORKSPACE_OF, Allowed, Target, demand, mutation_field
from atlas_gql.schema.permissions import OWN, Permission
from atlas_gql.schema.rows import load_row
from atlas_gql.schema.starts import for_many, read_input
from atlas_gql.schema.types.schedules import SchedulePayload

SCHEDULE = Target("Schedule", "schedule_id")
_ALLOWED: tuple[type[DomainError], ...] = (ValidationError, NotForMany)

_NAME = "Its name, unique in the workspace."
_INPUT = (
    "The operation's own input, the same for all tenants: what its mutation takes, without `tenantId` and"
    " `idempotencyKey`. Enum values are text."
)
_CRON = (
    "When it is due: minute, hour, day of month, month and day of week, as in `0 2 * * *`. What falls into"
    " the hour that is left out when clocks go forward comes right after it; what falls into the one that"
    " comes twice when they go back comes once."
)
_ZONE = "The time zone of `cron`, by its name in the tz database, such as `Europe/Berlin`."
_JITTER = f"Over how many seconds the tenants' runs are spread, at most {LONGEST_JITTER}."
_TENANTS = f"The tenants in which it starts, at most {MOST_TENANTS}."
_ALL = "True: it starts in all tenants of the workspace, also in those that come later."


@strawberry.input(description="The schedule to make. Give either `tenantIds` or `allTenants`.")
class CreateScheduleInput:
    workspace_id: strawberry.ID = strawberry.field(description="The workspace of the tenants.")
    name: str = strawberry.field(description=_NAME)
    operation_type: str = strawberry.field(
        description="The operation's `type`; `operationTypes` says which can be scheduled."
    )
    input: JSON | None = strawberry.field(description=_INPUT, default=None)
    cron: str = strawberry.field(description=_CRON)
    time_zone: str = strawberry.field(description=_ZONE, default="UTC")
    jitter_seconds: int = strawberry.field(description=_JITTER, default=0)
    tenant_ids: list[strawberry.ID] | None = strawberry.field(description=_TENANTS, default=None)
    all_tenants: bool = strawberry.field(description=_ALL, default=False)


@strawberry.input(description="Which schedule to change, and how. What is left out stays as it is.")
class UpdateScheduleInput:
    schedule_id: strawberry.ID = strawberry.field(description="The schedule's id.")
    name: str | None = strawberry.field(description=_NAME, default=strawberry.UNSET)
    input: JSON | None = strawberry.field(description=_INPUT, default=strawberry.UNSET)
    cron: str | None = strawberry.field(description=_CRON, default=strawberry.UNSET)
    time_zone: str | None = strawberry.field(description=_ZONE, default=strawberry.UNSET)
    jitter_seconds: int | None = strawberry.field(description=_JITTER, default=strawberry.UNSET)
    tenant_ids: list[strawberry.ID] | None = strawberry.field(
        description=f"{_TENANTS} In place of those that it has.", default=strawberry.UNSET
    )
    all_tenants: bool = strawberry.field(description=_ALL, default=False)


@strawberry.input(description="Which schedule to enable.")
class EnableScheduleInput:
    schedule_id: strawberry.ID = strawberry.field(description="The schedule's id.")


@strawberry.input(description="Which schedule to disable.")
class DisableScheduleInput:
    schedule_id: strawberry.ID = strawberry.field(description="The schedule's id.")


@strawberry.input(description="Which schedule to delete.")
class DeleteScheduleInput:
    schedule_id: strawberry.ID = strawberry.field(description="The schedule's id.")


class MayStartScheduled(Permission):
    """Who becomes the owner holds the operation's own capability, too, on the workspace as a whole."""

    capability = OWN

    def __init__(self, mutation: str, target: Target) -> None:
        self._mutation = mutation
        self._target = target

    async def has_permission(self, source: Any, info: Info, **arguments: Any) -> bool:  # noqa: ARG002 # Strawberry's signature
        context, given = info.context, arguments["input"]
        place = await self._target.place(info, given)
        type_ = given.operation_type if self._target is WORKSPACE_OF else await _type(context, given)
        if (operation := context.engine.operations.get(type_)) is not None:
            await demand(context, self._mutation, operation.capability, place)
        return True


def schedule_fields(inputs: InputTypes, errors: ErrorTypes) -> list[StrawberryField]:
    """The mutations of schedules."""

    def field(
        name: str, input_type: type, work: Any, description: str, *, target: Target = SCHEDULE
    ) -> StrawberryField:
        """A mutation that makes its caller the owner."""

        async def resolve(info: Any, input: Any) -> Any:
            place, context = await target.place(info, input), info.context
            try:
                type_ = input.operation_type if target is WORKSPACE_OF else await _type(context, input)
                operation = for_many(context, type_)
                return await work(info, inputs, operation, place, input)
            except DomainError as exc:
                return errors.present(exc, _ALLOWED, place)
            finally:
                context.forget()

        return mutation_field(
            name,
            resolve,
            input_type,
            (SchedulePayload, *map(errors.of, _ALLOWED)),
            description=description,
            guards=[Allowed(name, Capability.SCHEDULES_MANAGE, target), MayStartScheduled(name, target)],
        )

    def ending(name: str, input_type: type, payload: type, work: Work, description: str) -> StrawberryField:
        return change_field(
            name,
            input_type,
            payload,
            work,
            errors,
            target=SCHEDULE,
            capability=Capability.SCHEDULES_MANAGE,
            allowed=(),
            description=description,
        )

    return [
        field(
            "createSchedule",
            CreateScheduleInput,
            _create,
            "Makes a schedule, which is enabled, and yours. What writes to Microsoft cannot be scheduled.",
            target=WORKSPACE_OF,
        ),
        field("updateSchedule", UpdateScheduleInput, _update, "Changes a schedule, and makes it yours."),
        field(
            "enableSchedule",
            EnableScheduleInput,
            _enable,
            "Lets a schedule start again when it is next due, and makes it yours.",
        ),
        ending(
            "disableSchedule",
            DisableScheduleInput,
            SchedulePayload,
            _disable,
            "Lets a schedule start nothing any more. Runs that it has started go on.",
        ),
        ending(
            "deleteSchedule",
            DeleteScheduleInput,
            DeletePayload,
            _delete,
            "Ends a schedule for good. Runs that it has started go on, and still name it.",
        ),
    ]


async def _type(context: Context, given: Any) -> str:
    """The operation of a schedule that is there."""
    row = await load_row(context, ROWS, SCHEDULE.uuid(given), ROWS.needed(("operationType",)))
    assert row is not None  # it has a place
    type_: str = row.operation_type
    return type_


async def _create(
    info: Info, inputs: InputTypes, operation: Operation[Any], place: Any, given: Any
) -> SchedulePayload:
    context = info.context
    if (given.tenant_ids is not None) == given.all_tenants:
        raise ValidationError("Give either tenantIds, or allTenants.", field="tenantIds")
    read = _given(info, inputs, operation, given.input)
    async with context.database.begin() as tx:
        made = await service.create_schedule(
            tx,
            context.actor,
            context.actor.by(context.request_id),
            workspace_id=place.workspace_id,
            operation=operation,
            given=read,
            name=given.name,
            cron=given.cron,
            time_zone=given.time_zone,
            jitter_seconds=given.jitter_seconds,
            tenant_ids=None if given.tenant_ids is None else _tenants(given.tenant_ids),
        )
    return SchedulePayload(schedule_id=made, workspace_id=place.workspace_id)


async def _update(
    info: Info, inputs: InputTypes, operation: Operation[Any], place: Any, given: Any
) -> SchedulePayload:
    context, schedule_id = info.context, SCHEDULE.uuid(given)
    named = _named(given)
    if "tenant_ids" in named:
        if given.all_tenants:
            raise ValidationError("Give either tenantIds, or allTenants.", field="tenantIds")
        named["tenant_ids"] = _tenants(named["tenant_ids"])
    if "input" in named:
        named["given"] = _given(info, inputs, operation, named.pop("input"))
    async with context.database.begin() as tx:
        await service.change_schedule(
            tx,
            context.actor,
            context.actor.by(context.request_id),
            schedule_id=schedule_id,
            operation=operation,
            changes=Changes(**named, all_tenants=given.all_tenants),
        )
    return SchedulePayload(schedule_id=schedule_id, workspace_id=place.workspace_id)


async def _enable(
    info: Info, _inputs: InputTypes, _operation: Operation[Any], place: Any, given: Any
) -> SchedulePayload:
    context, schedule_id = info.context, SCHEDULE.uuid(given)
    by = context.actor.by(context.request_id)
    async with context.database.begin() as tx:
        await service.enable_schedule(tx, context.actor, by, schedule_id=schedule_id)
    return SchedulePayload(schedule_id=schedule_id, workspace_id=place.workspace_id)


async def _disable(context: Context, place: Any, given: Any) -> SchedulePayload:
    schedule_id = SCHEDULE.uuid(given)
    async with context.database.begin() as tx:
        by = context.actor.by(context.request_id)
        await service.disable_schedule(tx, by, schedule_id=schedule_id)
    return SchedulePayload(schedule_id=schedule_id, workspace_id=place.workspace_id)


async def _delete(context: Context, _place: Any, given: Any) -> DeletePayload:
    async with context.database.begin() as tx:
        by = context.actor.by(context.request_id)
        await service.delete_schedule(tx, by, schedule_id=SCHEDULE.uuid(given))
    return DeletePayload(deleted_id=given.schedule_id)


def _given(info: Info, inputs: InputTypes, operation: Operation[Any], asked: Any) -> Given:
    return Given(value=read_input(info, inputs, operation, asked), asked=asked or {})


def _tenants(given: list[strawberry.ID]) -> list[UUID]:
    decoded = (ids.decode(id_, kind="Tenant", argument="tenantIds") for id_ in given)
    return list(dict.fromkeys(decoded))


def _named(given: Any) -> dict[str, Any]:
    """What a change names. Raises ValidationError for null: nothing here can be removed."""
    found = {}
    for name in ("name", "input", "cron", "time_zone", "jitter_seconds", "tenant_ids"):
        value = getattr(given, name)
        if value is None:
            raise ValidationError("Give a value, or leave it out.", field=to_camel_case(name))
        if value is not strawberry.UNSET:
            found[name] = value
    return found
