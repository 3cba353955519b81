"""Mutations of tenants: added to a workspace, renamed, archived, and taken out of the archive."""

from __future__ import annotations

from typing import Any

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from atlas_gql.access import tenants as service
from atlas_gql.access.capabilities import Capability
from atlas_gql.errors import DomainError, TenantArchived, TenantInUse, ValidationError
from atlas_gql.schema.changes import Work, change_field
from atlas_gql.schema.context import Context
from atlas_gql.schema.errors import ErrorTypes
from atlas_gql.schema.mutations import TENANT_OF, WORKSPACE_OF, Target
from atlas_gql.schema.types.tenants import TenantPayload

_DOMAIN = "Its primary domain; typing it confirms a restore into the tenant."


@strawberry.input(description="The tenant to add.")
class CreateTenantInput:
    workspace_id: strawberry.ID = strawberry.field(description="The workspace that will look after it.")
    name: str = strawberry.field(description="Its name in Atlas.")
    entra_tenant_id: str = strawberry.field(
        description="Its id at Microsoft, a GUID. A workspace has such a tenant once."
    )
    primary_domain: str = strawberry.field(description=_DOMAIN)


@strawberry.input(description="Which tenant to rename, and how. What is left out stays as it is.")
class RenameTenantInput:
    tenant_id: strawberry.ID = strawberry.field(description="The tenant's id.")
    name: str | None = strawberry.field(description="Its new name in Atlas.", default=strawberry.UNSET)
    primary_domain: str | None = strawberry.field(description=_DOMAIN, default=strawberry.UNSET)


@strawberry.input(description="Which tenant to archive.")
class ArchiveTenantInput:
    tenant_id: strawberry.ID = strawberry.field(description="The tenant's id.")


@strawberry.input(description="Which tenant to take out of the archive.")
class UnarchiveTenantInput:
    tenant_id: strawberry.ID = strawberry.field(description="The tenant's id.")


def tenant_fields(errors: ErrorTypes) -> list[StrawberryField]:
    """The mutations of tenants."""

    def field(
        name: str,
        input_type: type,
        work: Work,
        description: str,
        *,
        target: Target = TENANT_OF,
        allowed: tuple[type[DomainError], ...],
    ) -> StrawberryField:
        return change_field(
            name,
            input_type,
            TenantPayload,
            work,
            errors,
            target=target,
            capability=Capability.TENANTS_MANAGE,
            allowed=allowed,
            description=description,
        )

    return [
        field(
            "createTenant",
            CreateTenantInput,
            _create,
            "Adds a tenant to a workspace; `createProvider` then says how it is reached.",
            target=WORKSPACE_OF,
            allowed=(ValidationError,),
        ),
        field(
            "renameTenant",
            RenameTenantInput,
            _rename,
            "Changes what a tenant is called.",
            allowed=(ValidationError, TenantArchived),
        ),
        field(
            "archiveTenant",
            ArchiveTenantInput,
            _archive,
            "Archives a tenant: everything of it can be read, nothing is started or changed there. Runs that"
            " wait are cancelled; while one is running, nothing is done.",
            allowed=(TenantInUse,),
        ),
        field(
            "unarchiveTenant",
            UnarchiveTenantInput,
            _unarchive,
            "Takes a tenant out of the archive: work may go on.",
            allowed=(TenantInUse,),
        ),
    ]


async def _create(context: Context, place: Any, given: Any) -> TenantPayload:
    async with context.database.begin() as tx:
        made = await service.create_tenant(
            tx,
            context.actor.by(context.request_id),
            workspace_id=place.workspace_id,
            name=given.name,
            entra_tenant_id=given.entra_tenant_id,
            primary_domain=given.primary_domain,
        )
    return TenantPayload(tenant_id=made, workspace_id=place.workspace_id)


async def _rename(context: Context, place: Any, given: Any) -> TenantPayload:
    async with context.database.begin() as tx:
        await service.rename_tenant(
            tx, context.actor.by(context.request_id), **_of(place), changes=_changes(given)
        )
    return TenantPayload(**_of(place))


async def _archive(context: Context, place: Any, _given: Any) -> TenantPayload:
    async with context.database.begin() as tx:
        queued = await service.archive_tenant(tx, context.actor.by(context.request_id), **_of(place))
    await context.engine.end_cancelled(queued)
    return TenantPayload(**_of(place))


async def _unarchive(context: Context, place: Any, _given: Any) -> TenantPayload:
    async with context.database.begin() as tx:
        await service.unarchive_tenant(tx, context.actor.by(context.request_id), **_of(place))
    return TenantPayload(**_of(place))


def _of(place: Any) -> dict[str, Any]:
    return {"workspace_id": place.workspace_id, "tenant_id": place.tenant_id}


def _changes(given: Any) -> dict[str, str]:
    """What the input names. Raises ValidationError for null: nothing here can be removed."""
    found = {}
    for name in service.CHANGEABLE:
        value = getattr(given, name)
        if value is None:
            raise ValidationError("Give a value, or leave it out.", field=to_camel_case(name))
        if value is not strawberry.UNSET:
            found[name] = value
    return found
