"""The root fields of the platform's queries."""

from __future__ import annotations

from typing import Annotated, Any, cast

import strawberry

from atlas_gql.db.migrate import head
from atlas_gql.ops.backlog import standing
from atlas_gql.schema import ids
from atlas_gql.schema.connections import After, Connection, First
from atlas_gql.schema.context import Info
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.permissions import looked_up
from atlas_gql.schema.system import reading
from atlas_gql.schema.system.http import SystemContext
from atlas_gql.schema.system.permissions import OnPlatform
from atlas_gql.schema.system.types import (
    Database,
    Operator,
    PlatformAuditEntry,
    PlatformWorkspace,
    Plugin,
    Queue,
    Setting,
    User,
    Worker,
)
from atlas_gql.schema.types.operations import OperationType

_PLATFORM = OnPlatform()


@strawberry.type(name="Query", description="What can be asked of the installation. Never a tenant's data.")
class SystemQuery:
    @resolved("You: the user behind the token of this request.", _PLATFORM)
    def viewer(self, info: Info) -> Operator | None:
        actor = info.context.actor
        return Operator(uuid=str(actor.user_id), name=actor.name)

    @resolved("The workspaces, by name.", _PLATFORM)
    async def workspaces(
        self, info: Info, first: First = 25, after: After = None
    ) -> Connection[PlatformWorkspace] | None:
        return await reading.WORKSPACES.page(info, reading.EVERYTHING, first=first, after=after)

    @resolved("The workspace with this id; null if there is none.", _PLATFORM)
    async def workspace(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The workspace's id.")],
    ) -> PlatformWorkspace | None:
        uuid = ids.decode(id, kind="Workspace", argument="id")
        row: PlatformWorkspace | None = await looked_up(info, reading.WORKSPACE, uuid)
        return row

    @resolved("The users, by name.", _PLATFORM)
    async def users(self, info: Info, first: First = 25, after: After = None) -> Connection[User] | None:
        return await reading.USERS.page(info, reading.EVERYTHING, first=first, after=after)

    @resolved("The user with this id; null if there is none.", _PLATFORM)
    async def user(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The user's id.")]
    ) -> User | None:
        uuid = ids.decode(id, kind="User", argument="id")
        row: User | None = await looked_up(info, reading.USER, uuid)
        return row

    @resolved("The audit trail of the installation, and of workspaces as such; the newest first.", _PLATFORM)
    async def audit_entries(
        self, info: Info, first: First = 25, after: After = None
    ) -> Connection[PlatformAuditEntry] | None:
        return await reading.ENTRIES.page(info, reading.EVERYTHING, first=first, after=after)

    @resolved("The plugins, by name.", _PLATFORM)
    def plugins(self, info: Info) -> list[Plugin] | None:
        return list(_context(info).host.plugins)  # type: ignore[arg-type] # read as they are

    @resolved("The operations that can be started here, by type.", _PLATFORM)
    def operation_types(self, info: Info) -> list[OperationType] | None:
        operations = info.context.engine.operations
        return [operations[name] for name in sorted(operations)]  # type: ignore[misc] # read as they are

    @resolved("The workers, by name.", _PLATFORM)
    async def workers(self, info: Info) -> list[Worker] | None:
        return await info.context.database.fetch(reading.WORKERS)

    @resolved("What waits and what runs.", _PLATFORM)
    async def queue(self, info: Info) -> Queue | None:
        row: Queue | None = await standing(info.context.database)
        return row

    @resolved("The settings of the process that answers.", _PLATFORM)
    def settings(self, info: Info) -> list[Setting] | None:
        return list(_context(info).host.settings)  # type: ignore[arg-type] # read as they are

    @resolved("The database.", _PLATFORM)
    async def database(self, info: Info) -> Database | None:
        row: Database | None = await info.context.database.one(reading.DATABASE)
        return row

    @resolved("The revision of the schema that this version of Atlas needs.", _PLATFORM)
    def needed_revision(self) -> str | None:
        return head()


def _context(info: Info) -> SystemContext:
    context: Any = info.context
    return cast("SystemContext", context)
