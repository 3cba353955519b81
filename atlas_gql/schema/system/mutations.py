"""The platform's mutations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import strawberry
from strawberry.types.field import StrawberryField

from atlas_gql.access import platform
from atlas_gql.access.members import create_user
from atlas_gql.access.workspaces import create_workspace
from atlas_gql.audit import By
from atlas_gql.db.database import Transaction
from atlas_gql.errors import DomainError, ValidationError
from atlas_gql.schema import ids
from atlas_gql.schema.context import Info
from atlas_gql.schema.errors import ErrorTypes
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.mutations import mutation_field
from atlas_gql.schema.permissions import looked_up
from atlas_gql.schema.system import reading
from atlas_gql.schema.system.permissions import OnPlatform
from atlas_gql.schema.system.types import PlatformWorkspace, User

_PLATFORM = OnPlatform()
Work = Callable[[Transaction, By, Any], Awaitable[UUID]]
"""From the input to the key of what was made or changed. Raises DomainError."""


@strawberry.input(description="The workspace to make.")
class CreateWorkspaceInput:
    name: str = strawberry.field(description="Its name, unique in the installation.")


@strawberry.input(description="Which workspace to rename.")
class RenameWorkspaceInput:
    workspace_id: strawberry.ID = strawberry.field(description="The workspace's id.")
    name: str = strawberry.field(description="Its new name, unique in the installation.")


@strawberry.input(description="Who is to own a workspace that has no owner.")
class SetFirstOwnerInput:
    workspace_id: strawberry.ID = strawberry.field(description="The workspace's id.")
    user_id: strawberry.ID = strawberry.field(description="The user's id.")


@strawberry.input(description="Who is to own a workspace at the first login: an address, or an identity.")
class InviteFirstOwnerInput:
    workspace_id: strawberry.ID = strawberry.field(description="The workspace's id.")
    email: str | None = strawberry.field(
        description="An address; it counts for a login whose issuer says that it is verified.", default=None
    )
    issuer: str | None = strawberry.field(description="One of the issuers of the settings.", default=None)
    subject: str | None = strawberry.field(
        description="Who they are to the issuer; for Microsoft Entra, the object id.", default=None
    )


@strawberry.input(description="The user to make.")
class CreateUserInput:
    name: str = strawberry.field(description="The name, unique in the installation.")
    email: str | None = strawberry.field(description="The address.", default=None)


@strawberry.input(description="Which user to let in no more.")
class DisableUserInput:
    user_id: strawberry.ID = strawberry.field(description="The user's id.")


@strawberry.input(description="Which user to let in again.")
class EnableUserInput:
    user_id: strawberry.ID = strawberry.field(description="The user's id.")


@strawberry.type(description="A workspace was made or changed.")
class WorkspacePayload:
    key: strawberry.Private[UUID]

    @resolved("The workspace as it is now.", _PLATFORM)
    async def workspace(self, info: Info) -> PlatformWorkspace | None:
        row: PlatformWorkspace | None = await looked_up(info, reading.WORKSPACE, self.key)
        return row


@strawberry.type(description="A user was made or changed.")
class UserPayload:
    key: strawberry.Private[UUID]

    @resolved("The user as it is now.", _PLATFORM)
    async def user(self, info: Info) -> User | None:
        row: User | None = await looked_up(info, reading.USER, self.key)
        return row


def system_fields(errors: ErrorTypes) -> list[StrawberryField]:
    """The mutations."""

    def field(name: str, input_type: type, payload: type, work: Work, description: str) -> StrawberryField:
        async def resolve(info: Any, input: Any) -> Any:
            context = info.context
            try:
                async with context.database.begin() as tx:
                    return payload(key=await work(tx, context.actor.by(context.request_id), input))
            except DomainError as exc:
                return errors.present(exc, (ValidationError,), None)
            finally:
                context.forget()

        members = (payload, errors.of(ValidationError))
        return mutation_field(name, resolve, input_type, members, description=description, guards=[_PLATFORM])

    return [
        field(
            "createWorkspace",
            CreateWorkspaceInput,
            WorkspacePayload,
            lambda tx, by, given: create_workspace(tx, by, name=given.name),
            "Makes a workspace, which nobody is a member of yet.",
        ),
        field(
            "renameWorkspace",
            RenameWorkspaceInput,
            WorkspacePayload,
            _rename,
            "Gives a workspace another name.",
        ),
        field(
            "setFirstOwner",
            SetFirstOwnerInput,
            WorkspacePayload,
            _own,
            "Makes a user the owner of a workspace that has no owner, or none that is let in. After that,"
            " owners make others.",
        ),
        field(
            "inviteFirstOwner",
            InviteFirstOwnerInput,
            WorkspacePayload,
            _invite,
            "Lets somebody become the owner of a workspace that has none, at the first login within 14 days.",
        ),
        field(
            "createUser",
            CreateUserInput,
            UserPayload,
            lambda tx, by, given: create_user(tx, by, name=given.name, email=given.email),
            "Makes a user, who is a member of no workspace yet.",
        ),
        field(
            "disableUser",
            DisableUserInput,
            UserPayload,
            _disable,
            "Lets a user in no more: no token works, what is watched ends, and runs that no worker has taken"
            " up fail.",
        ),
        field(
            "enableUser",
            EnableUserInput,
            UserPayload,
            _enable,
            "Lets a user in again. Tokens that are neither revoked nor expired work again.",
        ),
    ]


def _workspace(given: Any) -> UUID:
    return ids.decode(given.workspace_id, kind="Workspace", argument="workspaceId")


def _user(given: Any) -> UUID:
    return ids.decode(given.user_id, kind="User", argument="userId")


async def _rename(tx: Transaction, by: By, given: Any) -> UUID:
    await platform.rename_workspace(tx, by, workspace_id=_workspace(given), name=given.name)
    return _workspace(given)


async def _own(tx: Transaction, by: By, given: Any) -> UUID:
    await platform.set_first_owner(tx, by, workspace_id=_workspace(given), user_id=_user(given))
    return _workspace(given)


async def _invite(tx: Transaction, by: By, given: Any) -> UUID:
    await platform.invite_first_owner(
        tx,
        by,
        workspace_id=_workspace(given),
        email=given.email,
        issuer=given.issuer,
        subject=given.subject,
    )
    return _workspace(given)


async def _disable(tx: Transaction, by: By, given: Any) -> UUID:
    await platform.set_disabled(tx, by, user_id=_user(given), disabled=True)
    return _user(given)


async def _enable(tx: Transaction, by: By, given: Any) -> UUID:
    await platform.set_disabled(tx, by, user_id=_user(given), disabled=False)
    return _user(given)
