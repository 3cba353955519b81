"""Mutations of credentials. What they take in is sealed, and shown by nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry
from strawberry.types.field import StrawberryField

from atlas_gql.access.capabilities import Capability
from atlas_gql.errors import CredentialInUse, DomainError, ValidationError
from atlas_gql.providers import credentials as service
from atlas_gql.providers import material as materials
from atlas_gql.providers.material import Material
from atlas_gql.providers.opening import opened
from atlas_gql.schema.changes import DeletePayload, Work, change_field
from atlas_gql.schema.context import Context
from atlas_gql.schema.errors import ErrorTypes
from atlas_gql.schema.mutations import WORKSPACE_OF, Target
from atlas_gql.schema.types.credentials import CredentialPayload

CREDENTIAL = Target("Credential", "credential_id")


@strawberry.input(description="A certificate and its private key, both PEM.")
class CertificateInput:
    certificate: str = strawberry.field(description="The certificate; its issuers may follow it.")
    private_key: str = strawberry.field(description="Its private key (RSA).")
    passphrase: str | None = strawberry.field(
        description="The private key's passphrase, where it has one.", default=None
    )


@strawberry.input(description="A certificate and its private key in one PFX (PKCS#12).")
class PfxInput:
    content: str = strawberry.field(description="The file, as base64.")
    passphrase: str | None = strawberry.field(description="Its passphrase, where it has one.", default=None)


@strawberry.input(description="The assertion of a workload identity.")
class FederatedInput:
    file: str = strawberry.field(
        description="The plain name of the file in the workspace's own folder, where the installation's"
        " operator has it put; never a path."
    )


@strawberry.input(description="What a credential holds: exactly one of these.")
class CredentialMaterialInput:
    secret: str | None = strawberry.field(description="A client secret: its value, not its id.", default=None)
    certificate: CertificateInput | None = strawberry.field(
        description="A certificate, as PEM.", default=None
    )
    pfx: PfxInput | None = strawberry.field(description="A certificate, as PFX.", default=None)
    federated: FederatedInput | None = strawberry.field(
        description="The assertion of a workload identity.", default=None
    )

    async def read(self) -> Material:
        """Checked. Raises ValidationError."""
        given = [one for one in (self.secret, self.certificate, self.pfx, self.federated) if one is not None]
        match given:
            case [str(value)]:
                return materials.secret(value)
            case [CertificateInput(certificate=certificate, private_key=key, passphrase=passphrase)]:
                return await opened("pem", certificate=certificate, private_key=key, passphrase=passphrase)
            case [PfxInput(content=content, passphrase=passphrase)]:
                return await opened("pfx", content=content, passphrase=passphrase)
            case [FederatedInput(file=file)]:
                return materials.federated(file)
        raise ValidationError("Give exactly one of these fields.", field="material")


_EXPIRES = "When it ends, where it does not tell that itself as a certificate does."


@strawberry.input(description="The credential to make.")
class CreateCredentialInput:
    workspace_id: strawberry.ID = strawberry.field(description="The workspace that will own it.")
    name: str = strawberry.field(description="Its name, unique in the workspace.")
    material: CredentialMaterialInput = strawberry.field(description="What it holds.")
    expires_at: datetime | None = strawberry.field(description=_EXPIRES, default=None)


@strawberry.input(description="Which credential to rotate, and what it holds from now on.")
class RotateCredentialInput:
    credential_id: strawberry.ID = strawberry.field(description="The credential's id.")
    material: CredentialMaterialInput = strawberry.field(
        description="What it holds from now on; it may be of another kind."
    )
    expires_at: datetime | None = strawberry.field(description=_EXPIRES, default=None)


@strawberry.input(description="Which credential to rename.")
class RenameCredentialInput:
    credential_id: strawberry.ID = strawberry.field(description="The credential's id.")
    name: str = strawberry.field(description="Its new name, unique in the workspace.")


@strawberry.input(description="Which credential to delete.")
class DeleteCredentialInput:
    credential_id: strawberry.ID = strawberry.field(description="The credential's id.")


def credential_fields(errors: ErrorTypes) -> list[StrawberryField]:
    """The mutations of credentials."""

    def field(
        name: str,
        input_type: type,
        work: Work,
        description: str,
        *,
        target: Target = CREDENTIAL,
        payload: type = CredentialPayload,
        allowed: tuple[type[DomainError], ...] = (ValidationError,),
    ) -> StrawberryField:
        return change_field(
            name,
            input_type,
            payload,
            work,
            errors,
            target=target,
            capability=Capability.PROVIDERS_MANAGE,
            allowed=allowed,
            description=description,
        )

    return [
        field(
            "createCredential",
            CreateCredentialInput,
            _create,
            "Seals a secret or certificate for a workspace; it may serve many providers.",
            target=WORKSPACE_OF,
        ),
        field(
            "rotateCredential",
            RotateCredentialInput,
            _rotate,
            "Puts something new in a credential's place. Every provider that uses it follows with the next"
            " run; runs under way go on with what they began with.",
        ),
        field("renameCredential", RenameCredentialInput, _rename, "Gives a credential another name."),
        field(
            "deleteCredential",
            DeleteCredentialInput,
            _delete,
            "Forgets a credential that no provider uses.",
            payload=DeletePayload,
            allowed=(ValidationError, CredentialInUse),
        ),
    ]


async def _create(context: Context, place: Any, given: Any) -> CredentialPayload:
    material = await given.material.read()
    async with context.database.begin() as tx:
        made = await service.create_credential(
            tx,
            context.actor.by(context.request_id),
            context.sealer,
            workspace_id=place.workspace_id,
            name=given.name,
            material=material,
            expires_at=given.expires_at,
        )
    return CredentialPayload(credential_id=made, workspace_id=place.workspace_id)


async def _rotate(context: Context, place: Any, given: Any) -> CredentialPayload:
    credential_id = CREDENTIAL.uuid(given)
    material = await given.material.read()
    async with context.database.begin() as tx:
        await service.rotate_credential(
            tx,
            context.actor.by(context.request_id),
            context.sealer,
            credential_id=credential_id,
            material=material,
            expires_at=given.expires_at,
        )
    return CredentialPayload(credential_id=credential_id, workspace_id=place.workspace_id)


async def _rename(context: Context, place: Any, given: Any) -> CredentialPayload:
    credential_id, by = CREDENTIAL.uuid(given), context.actor.by(context.request_id)
    async with context.database.begin() as tx:
        await service.rename_credential(tx, by, credential_id=credential_id, name=given.name)
    return CredentialPayload(credential_id=credential_id, workspace_id=place.workspace_id)


async def _delete(context: Context, _place: Any, given: Any) -> DeletePayload:
    async with context.database.begin() as tx:
        by = context.actor.by(context.request_id)
        await service.delete_credential(tx, by, credential_id=CREDENTIAL.uuid(given))
    return DeletePayload(deleted_id=given.credential_id)
