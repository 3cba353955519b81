"""Rights asked for again when a run is claimed: they may have been lost since its start."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Select, Table, Uuid, any_, bindparam, select

from atlas_gql.access.actors import NOTHING, Actor, Proof
from atlas_gql.access.tokens import actors_again
from atlas_gql.db.database import ENGINE, Database, Row
from atlas_gql.db.tables import (
    audit_entries,
    backup_items,
    backup_sets,
    operation_runs,
    policies,
    restore_items,
    restore_runs,
    run_items,
    tenants,
)
from atlas_gql.errors import OperationFailure
from atlas_gql.ops.leases import Claim
from atlas_gql.ops.references import Named, named
from atlas_gql.plugins.api import Operation
from atlas_gql.reasons import DESCRIPTIONS, ReasonCode

THINGS: dict[str, Table] = {
    "Tenant": tenants,
    "OperationRun": operation_runs,
    "RunItem": run_items,
    "AuditEntry": audit_entries,
    "Policy": policies,
    "BackupSet": backup_sets,
    "BackupItem": backup_items,
    "RestoreRun": restore_runs,
    "RestoreItem": restore_items,
}
"""Where each kind of thing lies that an input can name."""


async def check_start(database: Database, held: Claim, operation: Operation[Any], given: Any) -> Actor:
    """The initiator of a run may start an operation in its tenant as well; gives who that is.

    Raises OperationFailure, as `check_rights`; NOT_FOUND for what the input names and is not there, and
    for a target in another tenant.
    """
    found = named(operation.input, given)
    places = await _places(database, found)
    for one in found:
        place = places.get((one.ref.kind, one.id))
        tenant_id = held.tenant_id if one.path == operation.target.field or place is None else place.tenant_id
        if place is None or (place.workspace_id, place.tenant_id) != (held.workspace_id, tenant_id):
            raise OperationFailure(
                f"{operation.type} cannot be started: what its {one.path} names is not there.",
                reason=ReasonCode.NOT_FOUND,
                code="start_refused",
            )
    return await check_rights(database, held, operation, given)


async def check_rights(database: Database, held: Claim, operation: Operation[Any], given: Any) -> Actor:
    """The initiator still holds all that the start asked for, on the tenant and on what the input names.

    Gives who that is. Raises OperationFailure when not: INITIATOR_NOT_PERMITTED, and NOT_FOUND for what is
    gone. Costs one statement, and one for each kind of thing beside the target.
    """
    row = held.row
    # A token may have ended since, and the run with it; a login is for as long as the user is let in.
    proof = Proof(user_id=row.initiator_id, token_id=row.token_id, ends_at=None) if row.initiator_id else None
    actor = (await actors_again(database, [proof])).get(proof) if proof else None
    if actor is None or operation.capability not in (
        actor.in_tenant(held.workspace_id, held.tenant_id) or NOTHING
    ):
        raise _not_permitted()
    await _check_named(database, actor, operation, given, workspace_id=held.workspace_id)
    return actor


async def _check_named(
    database: Database, actor: Actor, operation: Operation[Any], given: Any, *, workspace_id: UUID
) -> None:
    """What the input names is there, in this workspace, and the actor holds what naming it takes.

    Raises OperationFailure as `check_rights` does; costs one statement for each kind.
    """
    found = [one for one in named(operation.input, given) if not _is_target(operation, one)]
    places = await _places(database, found)
    for one in found:
        place = places.get((one.ref.kind, one.id))
        if place is None or place.workspace_id != workspace_id:
            raise OperationFailure(
                "Something that the run's input names is gone.",
                reason=ReasonCode.NOT_FOUND,
                code="input_gone",
            )
        if one.ref.capability not in {None, *_held(actor, place)}:
            raise _not_permitted()


def _held(actor: Actor, place: Row) -> frozenset[str]:
    """The actor's capabilities at a place. Raises OperationFailure where it is out of reach."""
    held = (
        actor.in_workspace(place.workspace_id)
        if place.tenant_id is None
        else actor.in_tenant(place.workspace_id, place.tenant_id)
    )
    if held is None:
        raise _not_permitted()
    return held


def _is_target(operation: Operation[Any], one: Named) -> bool:
    """Whether it is what the run works on, and takes what the operation takes anyway."""
    return one.place == (operation.target.field,) and one.ref.capability == operation.capability


async def _places(database: Database, found: Sequence[Named]) -> dict[tuple[str, UUID], Row]:
    """Where things lie, by kind and key. They may lie where the run sees nothing: the engine looks."""
    keys: dict[str, set[UUID]] = {}
    for one in found:
        keys.setdefault(one.ref.kind, set()).add(one.id)
    return {
        (kind, row.id): row
        for kind, wanted in keys.items()
        for row in await database.scope(ENGINE).fetch(_place(kind), things=list(wanted))
    }


def _not_permitted() -> OperationFailure:
    return OperationFailure(
        DESCRIPTIONS[ReasonCode.INITIATOR_NOT_PERMITTED],
        reason=ReasonCode.INITIATOR_NOT_PERMITTED,
        code="not_permitted",
    )


@cache
def _place(kind: str) -> Select[tuple[UUID, UUID, UUID]]:
    table = THINGS[kind]
    tenant_id = table.c.get("tenant_id", table.c.id)
    return select(table.c.id, table.c.workspace_id, tenant_id.label("tenant_id")).where(
        table.c.id == any_(bindparam("things", type_=ARRAY(Uuid)))
    )
