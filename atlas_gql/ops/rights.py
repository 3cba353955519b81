"""Rights asked for again when a run is claimed: they may have been lost since its start."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints
from uuid import UUID

from sqlalchemy import Select, Table, bindparam, select

from atlas_gql.access.actors import Actor, Proof
from atlas_gql.access.tokens import actors_again
from atlas_gql.db.database import ENGINE, Database
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
from atlas_gql.plugins.api import Operation, Ref
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


def metadata(hint: Any, kind: type) -> Any:
    """The first of an annotation's extras that is of this kind, as a Doc or a Ref; None without one."""
    found = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((item for item in found if isinstance(item, kind)), None)


def references(input_type: Any) -> dict[str, Ref]:
    """The fields of an input that name things, by their names in Python."""
    hints = get_type_hints(input_type, include_extras=True)
    return {name: ref for name, hint in hints.items() if (ref := metadata(hint, Ref))}


async def check_start(database: Database, held: Claim, operation: Operation[Any], given: Any) -> Actor:
    """The initiator of a run may start an operation in its tenant as well; gives who that is.

    Raises OperationFailure, as `check_rights`; NOT_FOUND for what the input names and is not there, and
    for a target in another tenant.
    """
    for name, ref in references(operation.input).items():
        if (id_ := getattr(given, name)) is None:
            continue
        place = await database.scope(ENGINE).one(_place(ref.kind), thing=id_)
        tenant_id = held.tenant_id if name == operation.target.field or place is None else place.tenant_id
        if place is None or (place.workspace_id, place.tenant_id) != (held.workspace_id, tenant_id):
            raise OperationFailure(
                f"{operation.type} cannot be started: what its {name} names is not there.",
                reason=ReasonCode.NOT_FOUND,
                code="start_refused",
            )
    return await check_rights(database, held, operation, given)


async def check_rights(database: Database, held: Claim, operation: Operation[Any], given: Any) -> Actor:
    """The initiator still holds all that the start asked for, on the tenant and on what the input names.

    Raises OperationFailure, INITIATOR_NOT_PERMITTED, when not; costs one statement, and one for each
    thing beside the target.
    """
    row = held.row
    # A token may have ended since, and the run with it; a login is for as long as the user is let in.
    proof = Proof(user_id=row.initiator_id, token_id=row.token_id, ends_at=None) if row.initiator_id else None
    actor = (await actors_again(database, [proof])).get(proof) if proof else None
    # What the input names may lie where the run sees nothing: the engine looks where that is.
    needed = [(held.workspace_id, held.tenant_id, operation.capability)]
    if actor is not None:
        needed += [
            (place.workspace_id, place.tenant_id, capability)
            for kind, id_, capability in _named(operation, given)
            if (place := await database.scope(ENGINE).one(_place(kind), thing=id_)) is not None
        ]
    for workspace_id, tenant_id, capability in needed:
        capabilities = actor.in_tenant(workspace_id, tenant_id) if actor else None
        if capabilities is None or capability not in capabilities:
            raise OperationFailure(
                DESCRIPTIONS[ReasonCode.INITIATOR_NOT_PERMITTED],
                reason=ReasonCode.INITIATOR_NOT_PERMITTED,
                code="not_permitted",
            )
    assert actor is not None  # who holds something
    return actor


def _named(operation: Operation[Any], given: Any) -> list[tuple[str, UUID, str]]:
    """What the input names beyond what the operation's own capability covers: kind, id, capability."""
    return [
        (ref.kind, id_, ref.capability)
        for name, ref in references(operation.input).items()
        if (id_ := getattr(given, name)) is not None
        and (name != operation.target.field or ref.capability != operation.capability)
    ]


@cache
def _place(kind: str) -> Select[tuple[UUID, UUID]]:
    table = THINGS[kind]
    tenant_id = table.c.get("tenant_id", table.c.id)
    return select(table.c.workspace_id, tenant_id.label("tenant_id")).where(table.c.id == bindparam("thing"))
