"""Mutations of providers."""

from __future__ import annotations

from typing import Any, cast

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from atlas_gql.access.capabilities import Capability
from atlas_gql.errors import TenantArchived, ValidationError
from atlas_gql.providers import providers as service
from atlas_gql.providers.providers import CHANGEABLE, Changes, CloudName
from atlas_gql.schema.changes import DeletePayload, Work, change_field
from atlas_gql.schema.context import Context
from atlas_gql.schema.errors import ErrorTypes
from atlas_gql.schema.mutations import TENANT_OF, Allowed, Target
from atlas_gql.schema.types.providers import ProviderPayload

PROVIDER = Target("Provider", "provider_id")
CREDENTIALS = {name: Target("Credential", name) for name in ("credential_id", "write_credential_id")}
REMOVABLE = ("write_credential_id", "write_client_id")
"""What null removes; anything else is left out to leave it as it is."""

_CLOUD = "Where the tenant lives."
_CLIENT = "The application's (client) id, a GUID."
_CREDENTIAL = "What the application proves its identity with."
_WRITE_CREDENTIAL = "Another credential, for restores alone."
_WRITE_CLIENT = "The client id that goes with `writeCredentialId`, where it is another application."
_WRITES = "Whether restores may write to the tenant."


@strawberry.input(description="The tenant to connect, and how.")
class CreateProviderInput:
    tenant_id: strawberry.ID = strawberry.field(description="The tenant, which has no provider yet.")
    cloud: CloudName = strawberry.field(description=_CLOUD)
    client_id: str = strawberry.field(description=_CLIENT)
    credential_id: strawberry.ID = strawberry.field(description=_CREDENTIAL)
    write_credential_id: strawberry.ID | None = strawberry.field(description=_WRITE_CREDENTIAL, default=None)
    write_client_id: str | None = strawberry.field(description=_WRITE_CLIENT, default=None)
    writes_enabled: bool = strawberry.field(description=_WRITES, default=False)


@strawberry.input(description="Which provider to change, and how. What is left out stays as it is.")
class UpdateProviderInput:
    provider_id: strawberry.ID = strawberry.field(description="The provider's id.")
    cloud: CloudName | None = strawberry.field(description=_CLOUD, default=strawberry.UNSET)
    client_id: str | None = strawberry.field(description=_CLIENT, default=strawberry.UNSET)
    credential_id: strawberry.ID | None = strawberry.field(description=_CREDENTIAL, default=strawberry.UNSET)
    write_credential_id: strawberry.ID | None = strawberry.field(
        description=f"{_WRITE_CREDENTIAL} Null: restores use `credentialId` as well.",
        default=strawberry.UNSET,
    )
    write_client_id: str | None = strawberry.field(
        description=f"{_WRITE_CLIENT} Null: it is `clientId`.", default=strawberry.UNSET
    )
    writes_enabled: bool | None = strawberry.field(description=_WRITES, default=strawberry.UNSET)


@strawberry.input(description="Which provider to delete.")
class DeleteProviderInput:
    provider_id: strawberry.ID = strawberry.field(description="The provider's id.")


def provider_fields(errors: ErrorTypes) -> list[StrawberryField]:
    """The mutations of providers."""

    def field(
        name: str,
        input_type: type,
        work: Work,
        description: str,
        *,
        target: Target = PROVIDER,
        payload: type = ProviderPayload,
        credentials: bool = True,
    ) -> StrawberryField:
        guards = [Allowed(name, Capability.PROVIDERS_MANAGE, target)]
        if credentials:
            guards += [
                Allowed(name, Capability.PROVIDERS_MANAGE, target, of=named) for named in CREDENTIALS.values()
            ]
        return change_field(
            name,
            input_type,
            payload,
            work,
            errors,
            target=target,
            guards=guards,
            allowed=(ValidationError, TenantArchived),
            description=description,
        )

    return [
        field(
            "createProvider",
            CreateProviderInput,
            _create,
            "Connects a tenant with Microsoft.",
            target=TENANT_OF,
        ),
        field(
            "updateProvider",
            UpdateProviderInput,
            _update,
            "Changes how a tenant is reached, from the next run on.",
        ),
        field(
            "deleteProvider",
            DeleteProviderInput,
            _delete,
            "Disconnects a tenant from Microsoft. Its backups stay, and so does the credential.",
            payload=DeletePayload,
            credentials=False,
        ),
    ]


async def _create(context: Context, place: Any, given: Any) -> ProviderPayload:
    async with context.database.begin() as tx:
        made = await service.create_provider(
            tx,
            context.actor.by(context.request_id),
            tenant_id=place.tenant_id,
            cloud=given.cloud,
            client_id=given.client_id,
            credential_id=CREDENTIALS["credential_id"].uuid(given),
            write_credential_id=CREDENTIALS["write_credential_id"].uuid(given),
            write_client_id=given.write_client_id,
            writes_enabled=given.writes_enabled,
        )
    return ProviderPayload(provider_id=made, workspace_id=place.workspace_id, tenant_id=place.tenant_id)


async def _update(context: Context, place: Any, given: Any) -> ProviderPayload:
    id_, by = PROVIDER.uuid(given), context.actor.by(context.request_id)
    async with context.database.begin() as tx:
        await service.update_provider(tx, by, provider_id=id_, changes=_changes(given))
    return ProviderPayload(provider_id=id_, workspace_id=place.workspace_id, tenant_id=place.tenant_id)


async def _delete(context: Context, _place: Any, given: Any) -> DeletePayload:
    async with context.database.begin() as tx:
        by = context.actor.by(context.request_id)
        await service.delete_provider(tx, by, provider_id=PROVIDER.uuid(given))
    return DeletePayload(deleted_id=given.provider_id)


def _changes(given: Any) -> Changes:
    """The fields that were given. Raises ValidationError for a null where there must be something."""
    found: dict[str, Any] = {}
    for name in CHANGEABLE:
        value = getattr(given, name)
        if value is strawberry.UNSET:
            continue
        if value is None and name not in REMOVABLE:
            raise ValidationError(
                "This cannot be removed: leave the field out, or give a value.", field=to_camel_case(name)
            )
        found[name] = CREDENTIALS[name].uuid(given) if name in CREDENTIALS else value
    return cast("Changes", found)
