"""Tenants, and everything that hangs off them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from atlas_gql.access.actors import NOTHING
from atlas_gql.access.capabilities import Capability
from atlas_gql.schema import lists
from atlas_gql.schema.connections import After, Connection, First
from atlas_gql.schema.context import Info
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.maps import PROVIDER, WORKSPACE
from atlas_gql.schema.permissions import HasCapability, looked_up
from atlas_gql.schema.types.audit import AuditEntry, AuditEntryFilter
from atlas_gql.schema.types.backups import BackupSet
from atlas_gql.schema.types.nodes import Node
from atlas_gql.schema.types.policies import Policy, PolicyFilter
from atlas_gql.schema.types.restores import RestoreRun
from atlas_gql.schema.types.runs import OperationRun, RunFilter, RunOrder, arguments

if TYPE_CHECKING:
    from atlas_gql.schema.types.providers import Provider
    from atlas_gql.schema.types.workspaces import Workspace

AuditFilter = Annotated[
    AuditEntryFilter | None, strawberry.argument(description="Which entries; all when absent.")
]


@strawberry.type(description="A Microsoft Entra tenant that a workspace looks after.")
class Tenant(Node):
    name: str = strawberry.field(description="Its name in Atlas.")
    primary_domain: str = strawberry.field(description="Its primary domain.")
    entra_tenant_id: str = strawberry.field(description="Its id at Microsoft.")
    created_at: datetime = strawberry.field(description="When it was added to Atlas.")
    archived_at: datetime | None = strawberry.field(
        description="When it was archived; it can be read still, and nothing else."
    )
    provider_id: strawberry.Private[UUID | None]

    @resolved("What you may do here, sorted.")
    def viewer_capabilities(self, info: Info) -> list[str]:
        return sorted(info.context.actor.in_tenant(self.workspace_id, self.tenant_id) or NOTHING)

    @resolved("The workspace that it belongs to.")
    async def workspace(
        self, info: Info
    ) -> Annotated[Workspace, strawberry.lazy("atlas_gql.schema.types.workspaces")] | None:
        row: Workspace | None = await looked_up(info, WORKSPACE, self.workspace_id)
        return row

    @resolved("How Atlas reaches it; null before it is connected.", HasCapability(Capability.PROVIDERS_VIEW))
    async def provider(
        self, info: Info
    ) -> Annotated[Provider, strawberry.lazy("atlas_gql.schema.types.providers")] | None:
        if self.provider_id is None:
            return None
        row: Provider | None = await looked_up(info, PROVIDER, self.provider_id)
        return row

    @resolved("Its runs, the newest first.", HasCapability(Capability.RUNS_VIEW))
    async def runs(
        self,
        info: Info,
        first: First = 25,
        after: After = None,
        filter: RunFilter = None,
        order_by: RunOrder = None,
    ) -> Connection[OperationRun] | None:
        return await lists.TENANT_RUNS.page(
            info, self.uuid, first=first, after=after, **arguments(filter, order_by)
        )

    @resolved("Its audit trail, the newest first.", HasCapability(Capability.AUDIT_VIEW))
    async def audit_entries(
        self, info: Info, first: First = 25, after: After = None, filter: AuditFilter = None
    ) -> Connection[AuditEntry] | None:
        where = filter.where() if filter else None
        return await lists.TENANT_AUDIT.page(info, self.uuid, first=first, after=after, where=where)

    @resolved("Its policies as last observed, by name.", HasCapability(Capability.POLICIES_VIEW))
    async def policies(
        self,
        info: Info,
        first: First = 25,
        after: After = None,
        filter: Annotated[
            PolicyFilter | None, strawberry.argument(description="Which policies; all when absent.")
        ] = None,
    ) -> Connection[Policy] | None:
        where = filter.where() if filter else None
        return await lists.POLICIES.page(info, self.uuid, first=first, after=after, where=where)

    @resolved("Its backup sets, the newest first.", HasCapability(Capability.BACKUPS_VIEW))
    async def backup_sets(
        self, info: Info, first: First = 25, after: After = None
    ) -> Connection[BackupSet] | None:
        return await lists.BACKUP_SETS.page(info, self.uuid, first=first, after=after)

    @resolved("The restores into it, the newest first.", HasCapability(Capability.BACKUPS_VIEW))
    async def restore_runs(
        self, info: Info, first: First = 25, after: After = None
    ) -> Connection[RestoreRun] | None:
        return await lists.RESTORE_RUNS.page(info, self.uuid, first=first, after=after)
