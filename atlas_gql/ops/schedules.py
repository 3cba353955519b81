"""Schedules: made, changed, enabled, disabled and deleted. `scheduler` starts what they say.

Whoever makes, changes or enables one is its owner from then on: with whose rights it starts, at each tick.
What a limited token has made ends with that token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy import ARRAY, Uuid, any_, bindparam, func, or_, select, text, update

from atlas_gql import audit
from atlas_gql.access.actors import Actor
from atlas_gql.audit import By, changes_between
from atlas_gql.db.database import Row, Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.statements import adding
from atlas_gql.db.tables import schedules, tenants
from atlas_gql.errors import NotFound, ValidationError
from atlas_gql.ops import together
from atlas_gql.ops.cron import Cron, checked_cron
from atlas_gql.ops.inputs import dump
from atlas_gql.ops.start import tenant_of
from atlas_gql.plugins.api import Operation
from atlas_gql.values import checked_name

MOST = 1000
"""Schedules of a workspace."""
MOST_TENANTS = together.MOST
"""Tenants that one schedule may name."""
LONGEST_JITTER = 86_400
"""Seconds."""
NAME_TAKEN = "The workspace has a schedule of this name already."


class ScheduleDisabledReason(StrEnum):
    """Why Atlas itself disabled a schedule."""

    OWNER_NOT_PERMITTED = "owner_not_permitted"
    UNKNOWN_OPERATION = "unknown_operation"
    NOT_FOR_SCHEDULES = "not_for_schedules"
    INPUT_INVALID = "input_invalid"
    NO_TENANTS = "no_tenants"


@dataclass(frozen=True, kw_only=True)
class Given:
    """An operation's input, checked: as the operation takes it, and as it was given."""

    value: Any
    asked: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What a change names; None where it stays as it is."""

    name: str | None = None
    cron: str | None = None
    time_zone: str | None = None
    jitter_seconds: int | None = None
    tenant_ids: Sequence[UUID] | None = None
    all_tenants: bool = False
    given: Given | None = None


# Whoever makes the last one at the same time counts after the first has committed.
_LOCK = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("key"), 14)))
_COUNT = select(func.count().label("total")).where(
    schedules.c.workspace_id == bindparam("of_workspace"), schedules.c.deleted_at.is_(None)
)
_ADD = adding(
    schedules,
    *("id", "workspace_id", "name", "operation_type", "input", "asked_input", "cron", "time_zone"),
    *("jitter_seconds", "tenant_ids", "owner_id", "token_id", "next_at"),
)
_HELD = (
    select(schedules)
    .where(schedules.c.id == bindparam("of_schedule"), schedules.c.deleted_at.is_(None))
    .with_for_update(key_share=True)
)
_CHANGEABLE = (
    *("name", "input", "asked_input", "cron", "time_zone", "jitter_seconds", "tenant_ids"),
    *("owner_id", "token_id", "enabled", "disabled_reason", "next_at"),
)
_CHANGE = (
    update(schedules)
    .where(schedules.c.id == bindparam("of_schedule"))
    .values(
        {
            **{name: bindparam(f"new_{name}", type_=schedules.c[name].type) for name in _CHANGEABLE},
            "changed_at": func.now(),
        }
    )
)
_DELETE = (
    update(schedules)
    .where(schedules.c.id == bindparam("of_schedule"))
    .values(deleted_at=func.now(), enabled=False, disabled_reason=None, next_at=None)
)
_NAMED = bindparam("tenant_ids", type_=ARRAY(Uuid))
_TENANTS = (
    select(tenants.c.id, tenants.c.name, tenants.c.primary_domain, tenants.c.entra_tenant_id)
    .where(
        tenants.c.workspace_id == bindparam("of_workspace"),
        or_(_NAMED.is_(None), tenants.c.id == any_(_NAMED)),
    )
    .order_by(tenants.c.id)
    .limit(bindparam("most"))
)
_FORGET_TENANT = text(
    "UPDATE schedules SET tenant_ids = array_remove(tenant_ids, :tenant_id)"
    " WHERE workspace_id = :workspace_id AND :tenant_id = ANY (tenant_ids)"
).bindparams(bindparam("tenant_id", type_=Uuid), bindparam("workspace_id", type_=Uuid))


async def create_schedule(
    tx: Transaction,
    actor: Actor,
    by: By,
    *,
    workspace_id: UUID,
    operation: Operation[Any],
    given: Given,
    name: str,
    cron: str,
    time_zone: str,
    jitter_seconds: int,
    tenant_ids: Sequence[UUID] | None,
) -> UUID:
    """Make an enabled schedule for an actor who may start this operation; gives its id.

    `tenant_ids` is None for all tenants of the workspace, also those that come later. Raises ValidationError.
    """
    schedule_id, name = new_id(), checked_name(name)
    times = checked_cron(cron, time_zone)
    _check_jitter(jitter_seconds)
    await _check_room(tx, workspace_id)
    await _check_tenants(tx, actor, operation, workspace_id, tenant_ids, given.value)
    row = {
        "name": name,
        "operation_type": operation.type,
        "input": dump(given.value),
        "asked_input": dict(given.asked),
        "cron": times.expression,
        "time_zone": times.time_zone,
        "jitter_seconds": jitter_seconds,
        "tenant_ids": None if tenant_ids is None else list(tenant_ids),
        **_owner(actor),
        "next_at": times.after(datetime.now(UTC)),
    }
    try:
        await tx.execute(_ADD, id=schedule_id, workspace_id=workspace_id, **row)
    except UniqueViolation as exc:
        raise ValidationError(NAME_TAKEN, field="name") from exc
    details = {"operation": operation.type, **_told(row)}
    await record(tx, by, "schedule.created", schedule_id, workspace_id, details)
    return schedule_id


async def change_schedule(
    tx: Transaction,
    actor: Actor,
    by: By,
    *,
    schedule_id: UUID,
    operation: Operation[Any],
    changes: Changes,
) -> None:
    """Change a schedule, for an actor who may start its operation and is its owner from now on.

    Nothing is done where it is so already. Raises ValidationError, and NotFound for one that was deleted.
    """
    old = await _held(tx, schedule_id)
    new = {name: getattr(old, name) for name in _CHANGEABLE} | _owner(actor) | _changed(old, changes)
    if changes.tenant_ids is not None or changes.given is not None:
        given = changes.given.value if changes.given else None
        await _check_tenants(tx, actor, operation, old.workspace_id, new["tenant_ids"], given)
    if old.enabled and (new["cron"], new["time_zone"]) != (old.cron, old.time_zone):
        new["next_at"] = Cron(new["cron"], new["time_zone"]).after(datetime.now(UTC))
    if all(getattr(old, name) == value for name, value in new.items()):
        return
    try:
        await tx.execute(_CHANGE, of_schedule=schedule_id, **_new(new))
    except UniqueViolation as exc:
        raise ValidationError(NAME_TAKEN, field="name") from exc
    details = {"changes": changes_between(_told(old._asdict()), _told(new))}
    await record(tx, by, "schedule.changed", schedule_id, old.workspace_id, details)


async def enable_schedule(tx: Transaction, actor: Actor, by: By, *, schedule_id: UUID) -> None:
    """Let a schedule start again, from its next tick on, with the rights of this actor, who may.

    Nothing is done where it does so already. Raises ValidationError when none of its tenants is left, and
    NotFound for one that was deleted.
    """
    old = await _held(tx, schedule_id)
    if old.tenant_ids == []:
        raise ValidationError("None of its tenants is left: name others first.", field="schedule_id")
    same = {name: getattr(old, name) for name in _CHANGEABLE}
    if old.enabled and same | _owner(actor) == same:
        return
    next_at = old.next_at or Cron(old.cron, old.time_zone).after(datetime.now(UTC))
    new = {**same, **_owner(actor), "enabled": True, "disabled_reason": None, "next_at": next_at}
    await tx.execute(_CHANGE, of_schedule=schedule_id, **_new(new))
    details = {"name": old.name, "owner": str(actor.user_id)}
    await record(tx, by, "schedule.enabled", schedule_id, old.workspace_id, details)


async def disable_schedule(
    tx: Transaction,
    by: By,
    *,
    schedule_id: UUID,
    reason: ScheduleDisabledReason | None = None,
    due_at: datetime | None = None,
) -> bool:
    """Let a schedule start nothing any more; False where that is so already.

    `reason` is Atlas's own, which found it when the schedule was due (`due_at`): one that is due at another
    time by now is left alone. Raises NotFound for one that was deleted.
    """
    old = await _held(tx, schedule_id)
    if not old.enabled or due_at not in (None, old.next_at):
        return False
    same = {name: getattr(old, name) for name in _CHANGEABLE}
    new = {**same, "enabled": False, "disabled_reason": reason, "next_at": None}
    await tx.execute(_CHANGE, of_schedule=schedule_id, **_new(new))
    details = {"name": old.name, **({"reason": reason.name} if reason else {})}
    await record(tx, by, "schedule.disabled", schedule_id, old.workspace_id, details)
    return True


async def delete_schedule(tx: Transaction, by: By, *, schedule_id: UUID) -> None:
    """End a schedule for good; its runs go on, and go on naming it. Raises NotFound."""
    old = await _held(tx, schedule_id)
    await tx.execute(_DELETE, of_schedule=schedule_id)
    details = {"name": old.name, "operation": old.operation_type}
    await record(tx, by, "schedule.deleted", schedule_id, old.workspace_id, details)


async def forget_tenant(tx: Transaction, *, workspace_id: UUID, tenant_id: UUID) -> None:
    """Take a tenant that is going for good out of every schedule that names it."""
    await tx.execute(_FORGET_TENANT, workspace_id=workspace_id, tenant_id=tenant_id)


async def record(
    tx: Transaction, by: By, action: str, schedule_id: UUID, workspace_id: UUID, details: Mapping[str, Any]
) -> None:
    """Audit what became of a schedule."""
    await audit.record(
        tx,
        by=by,
        action=action,
        workspace_id=workspace_id,
        resource=("Schedule", str(schedule_id)),
        details=details,
    )


def _owner(actor: Actor) -> dict[str, Any]:
    return {"owner_id": actor.user_id, "token_id": actor.token_id if actor.bounds.limited else None}


async def _held(tx: Transaction, schedule_id: UUID) -> Row:
    """The schedule, which nobody else changes, and no worker starts, until the transaction's end."""
    row = await tx.one(_HELD, of_schedule=schedule_id)
    if row is None:
        raise NotFound
    return row


def _changed(old: Row, changes: Changes) -> dict[str, Any]:
    """The new values of what a change names, checked by themselves."""
    found: dict[str, Any] = {}
    if changes.name is not None:
        found["name"] = checked_name(changes.name)
    if changes.cron is not None or changes.time_zone is not None:
        times = checked_cron(changes.cron or old.cron, changes.time_zone or old.time_zone)
        found |= {"cron": times.expression, "time_zone": times.time_zone}
    if changes.jitter_seconds is not None:
        _check_jitter(changes.jitter_seconds)
        found["jitter_seconds"] = changes.jitter_seconds
    if changes.all_tenants or changes.tenant_ids is not None:
        found["tenant_ids"] = None if changes.tenant_ids is None else list(changes.tenant_ids)
    if changes.given is not None:
        found |= {"input": dump(changes.given.value), "asked_input": dict(changes.given.asked)}
    return found


def _new(values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"new_{name}": values[name] for name in _CHANGEABLE}


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the audit trail says of a schedule."""
    named = row["tenant_ids"]
    return {
        "name": row["name"],
        "cron": row["cron"],
        "timeZone": row["time_zone"],
        "jitterSeconds": row["jitter_seconds"],
        "tenants": "all" if named is None else sorted(map(str, named)),
        "input": row["asked_input"],
        "owner": str(row["owner_id"]),
    }


def _check_jitter(seconds: int) -> None:
    if not 0 <= seconds <= LONGEST_JITTER:
        raise ValidationError(f"Give 0 to {LONGEST_JITTER} seconds.", field="jitter_seconds")


async def _check_room(tx: Transaction, workspace_id: UUID) -> None:
    await tx.execute(_LOCK, key=str(workspace_id))
    row = await tx.one(_COUNT, of_workspace=workspace_id)
    assert row is not None
    if row.total >= MOST:
        raise ValidationError(f"The workspace has {MOST} schedules: delete some first.", field="workspace_id")


async def _check_tenants(
    tx: Transaction,
    actor: Actor,
    operation: Operation[Any],
    workspace_id: UUID,
    tenant_ids: Sequence[UUID] | None,
    given: Any | None,
) -> None:
    """The tenants are the workspace's, and the operation takes this input, as far as that can be known."""
    if tenant_ids is not None and not 0 < len(tenant_ids) <= MOST_TENANTS:
        raise ValidationError(f"Name 1 to {MOST_TENANTS} tenants.", field="tenant_ids")
    # Of all of them, one to try the input on.
    named, most = (None, 1) if tenant_ids is None else (list(tenant_ids), len(tenant_ids))
    found = await tx.fetch(_TENANTS, of_workspace=workspace_id, tenant_ids=named, most=most)
    if named is not None and {row.id for row in found} != set(named):
        raise ValidationError("There is no such tenant in the workspace.", field="tenant_ids")
    if found and given is not None:
        of = {"workspace_id": workspace_id, "tenant": tenant_of(found[0]), "given": given}
        try:
            await together.rehearse(tx, actor, operation, **of)
        except ValidationError as exc:
            # The operation's own input is one of the schedule's fields.
            raise ValidationError(exc.message, field=f"input.{exc.field}") from exc
