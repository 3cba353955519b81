"""Mutations that let things go: a backup set, those that are kept no longer, a whole tenant."""

from __future__ import annotations

from typing import Any

import strawberry
from strawberry.types.field import StrawberryField

from atlas_gql.access.capabilities import Capability
from atlas_gql.errors import BackupSetInUse, TenantInUse, ValidationError
from atlas_gql.ops.deletion import delete_backup_set
from atlas_gql.ops.purge import begin_purge
from atlas_gql.ops.retention import set_retention
from atlas_gql.schema.changes import DeletePayload, change_field
from atlas_gql.schema.context import Context
from atlas_gql.schema.errors import ErrorTypes
from atlas_gql.schema.inputs import plain_text
from atlas_gql.schema.mutations import TENANT_OF, Target
from atlas_gql.schema.types.tenants import TenantPayload

BACKUP_SET = Target("BackupSet", "backup_set_id")


@strawberry.input(description="Which backup set to delete.")
class DeleteBackupSetInput:
    backup_set_id: strawberry.ID = strawberry.field(description="The backup set's id.")


@strawberry.input(description="How long a tenant's backup sets are kept. What is left out is no limit.")
class SetBackupRetentionInput:
    tenant_id: strawberry.ID = strawberry.field(description="The tenant's id.")
    days: int | None = strawberry.field(
        description="For so many days since they were made or imported; null for ever.", default=None
    )
    count: int | None = strawberry.field(
        description="So many that hold something, of each origin and choice of kinds; null for all.",
        default=None,
    )


@strawberry.input(description="Which tenant to remove, and the proof that it is meant.")
class PurgeTenantInput:
    tenant_id: strawberry.ID = strawberry.field(description="The tenant's id.")
    confirmation: str = strawberry.field(description="Its primary domain, typed by a person.")
    reason: str = strawberry.field(description="Why, for the audit trail.")
    delete_credentials: bool = strawberry.field(
        description="Whether the credentials of its provider go as well, if no other provider uses them.",
        default=False,
    )


def removal_fields(errors: ErrorTypes) -> list[StrawberryField]:
    """The mutations."""
    return [
        change_field(
            "deleteBackupSet",
            DeleteBackupSetInput,
            DeletePayload,
            _delete,
            errors,
            target=BACKUP_SET,
            capability=Capability.BACKUPS_DELETE,
            allowed=(BackupSetInUse,),
            description="Deletes a backup set, unless something needs it still: its capture, a plan that can"
            " be executed, or the undoing of a restore. Plans and runs that used it stay.",
        ),
        change_field(
            "setBackupRetention",
            SetBackupRetentionInput,
            TenantPayload,
            _retain,
            errors,
            target=TENANT_OF,
            capability=Capability.BACKUPS_DELETE,
            allowed=(ValidationError,),
            description="Says how long a tenant's backup sets are kept; workers delete the others. The newest"
            " complete one always stays, and so does what something needs.",
        ),
        change_field(
            "purgeTenant",
            PurgeTenantInput,
            TenantPayload,
            _purge,
            errors,
            target=TENANT_OF,
            capability=Capability.TENANTS_PURGE,
            allowed=(ValidationError, TenantInUse),
            description="Removes a tenant whose customer left, with its backups, plans, runs, provider and"
            " grants, and the plans that other tenants made of its backups. Workers do it within minutes; the"
            " audit trail stays. There is no way back.",
        ),
    ]


async def _delete(context: Context, place: Any, given: Any) -> DeletePayload:
    async with context.database.begin() as tx:
        await delete_backup_set(
            tx,
            context.actor.by(context.request_id),
            set_id=BACKUP_SET.uuid(given),
            tenant_id=place.tenant_id,
        )
    return DeletePayload(deleted_id=given.backup_set_id)


async def _retain(context: Context, place: Any, given: Any) -> TenantPayload:
    async with context.database.begin() as tx:
        await set_retention(
            tx,
            context.actor.by(context.request_id),
            tenant_id=place.tenant_id,
            workspace_id=place.workspace_id,
            days=given.days,
            count=given.count,
        )
    return TenantPayload(tenant_id=place.tenant_id, workspace_id=place.workspace_id)


async def _purge(context: Context, place: Any, given: Any) -> TenantPayload:
    async with context.database.begin() as tx:
        await begin_purge(
            tx,
            context.actor.by(context.request_id),
            tenant_id=place.tenant_id,
            workspace_id=place.workspace_id,
            confirmation=plain_text(given.confirmation, "confirmation"),
            reason=plain_text(given.reason, "reason"),
            delete_credentials=given.delete_credentials,
        )
    return TenantPayload(tenant_id=place.tenant_id, workspace_id=place.workspace_id)
