"""Tenants, and everything that hangs off them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from atlas_gql.access.actors import NOTHING
from atlas_gql.access.capabilities import Capability
from atlas_gql.schema import lists
from atlas_gql.schema.connections import After, Connection, First
from atlas_gql.schema.context import Info
from atlas_gql.schema.enums import ProviderStatus
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.filters import given
from atlas_gql.schema.maps import TENANT
from atlas_gql.schema.permissions import HasCapability, ReachesTenant, linked, looked_up
from atlas_gql.schema.stats import RunStatsBucket
from atlas_gql.schema.types.audit import AuditEntry, AuditEntryFilter
from atlas_gql.schema.types.backups import BackupSet, SetFilter
from atlas_gql.schema.types.nodes import Node
from atlas_gql.schema.types.policies import PoliciesFilter, Policy
from atlas_gql.schema.types.restores import RestoreFilter, RestoreRun
from atlas_gql.schema.types.runs import RunConnection, RunFilter, RunOrder, page_of_runs
from atlas_gql.schema.types.stats import BucketArgument, RunStats, Since, Until, run_stats
from atlas_gql.schema.types.verification import ProviderVerification, verification

if TYPE_CHECKING:
    from atlas_gql.schema.types.providers import Provider
    from atlas_gql.schema.types.workspaces import Workspace

AuditFilter = Annotated[
    AuditEntryFilter | None, strawberry.argument(description="Which entries; all when absent.")
]


@strawberry.type(description="How long a tenant's backup sets are kept. What something needs is kept longer.")
class BackupRetention:
    days: int | None = strawberry.field(
        description="For so many days since they were made or imported; null for ever."
    )
    count: int | None = strawberry.field(
        description="So many that hold something, of each origin and choice of kinds; null for all."
    )


@strawberry.type(description="A Microsoft Entra tenant that a workspace looks after.")
class Tenant(Node):
    name: str = strawberry.field(description="Its name in Atlas.")
    primary_domain: str = strawberry.field(description="Its primary domain.")
    entra_tenant_id: str = strawberry.field(description="Its id at Microsoft.")
    created_at: datetime = strawberry.field(description="When it was added to Atlas.")
    archived_at: datetime | None = strawberry.field(
        description="When it was archived: it can be read, and nothing is started or changed there."
    )
    provider_id: strawberry.Private[UUID | None]

    stands: strawberry.Private[ProviderStatus]
    stands_since: strawberry.Private[datetime | None]
    verified: strawberry.Private[Any]
    verified_at: strawberry.Private[datetime | None]
    backed_up_at: strawberry.Private[datetime | None]

    @resolved("How Atlas's way into it stands.", HasCapability(Capability.PROVIDERS_VIEW))
    def provider_status(self) -> ProviderStatus | None:
        return self.stands

    @resolved(
        "When that was learnt: from a verification, or from the run that did not get in. Null where nothing"
        " is known.",
        HasCapability(Capability.PROVIDERS_VIEW),
    )
    def provider_status_at(self) -> datetime | None:
        return self.stands_since

    @resolved(
        "The report of its provider's last verification; null before the first.",
        HasCapability(Capability.PROVIDERS_VIEW),
    )
    def provider_verification(self) -> ProviderVerification | None:
        return verification(self.verified, self.verified_at)

    @resolved(
        "When its newest successful backup was complete, among those that are kept: one of the whole tenant,"
        " every policy of every kind that it is licensed for. A partly successful one does not count, and"
        " neither does one of chosen kinds or policies. Null for never.",
        HasCapability(Capability.BACKUPS_VIEW),
    )
    def last_successful_backup_at(self) -> datetime | None:
        return self.backed_up_at

    purge_started_at: datetime | None = strawberry.field(
        description="Since when it is being removed; it and all that hangs off it will be gone in a while."
    )
    backup_keep_days: strawberry.Private[int | None]
    backup_keep_count: strawberry.Private[int | None]

    @resolved("How long its backup sets are kept.")
    def backup_retention(self) -> BackupRetention:
        return BackupRetention(days=self.backup_keep_days, count=self.backup_keep_count)

    @resolved("What you may do here, sorted.")
    def viewer_capabilities(self, info: Info) -> list[str]:
        return sorted(info.context.actor.in_tenant(self.workspace_id, self.tenant_id) or NOTHING)

    @resolved("The workspace that it belongs to.")
    async def workspace(
        self, info: Info
    ) -> Annotated[Workspace, strawberry.lazy("atlas_gql.schema.types.workspaces")] | None:
        row: Workspace | None = await linked(info, self, "workspace", TENANT)
        return row

    @resolved("How Atlas reaches it; null before it is connected.", HasCapability(Capability.PROVIDERS_VIEW))
    async def provider(
        self, info: Info
    ) -> Annotated[Provider, strawberry.lazy("atlas_gql.schema.types.providers")] | None:
        row: Provider | None = await linked(info, self, "provider", TENANT)
        return row

    @resolved("Its runs, the newest first.", HasCapability(Capability.RUNS_VIEW))
    async def runs(
        self,
        info: Info,
        first: First = 25,
        after: After = None,
        filter: RunFilter = None,
        order_by: RunOrder = None,
    ) -> RunConnection | None:
        where = filter.where() if filter else {}
        runs = lists.RUNS_OF_TENANT
        return await page_of_runs(
            info, runs, self.uuid, first=first, after=after, where=where, order=order_by
        )

    @resolved("Its runs in numbers.", HasCapability(Capability.RUNS_VIEW))
    async def run_stats(
        self,
        info: Info,
        since: Since,
        until: Until = None,
        bucket: BucketArgument = RunStatsBucket.DAY,
        filter: RunFilter = None,
    ) -> RunStats | None:
        where = filter.where() if filter else {}
        return await run_stats(
            info, lists.RUNS_OF_TENANT, self, since=since, until=until, bucket=bucket, where=where
        )

    @resolved("Its audit trail, the newest first.", HasCapability(Capability.AUDIT_VIEW))
    async def audit_entries(
        self, info: Info, first: First = 25, after: After = None, filter: AuditFilter = None
    ) -> Connection[AuditEntry] | None:
        where = filter.where() if filter else None
        return await lists.TENANT_AUDIT.page(info, self.uuid, first=first, after=after, where=where)

    @resolved("Its policies as last observed, by name.", HasCapability(Capability.POLICIES_VIEW))
    async def policies(
        self, info: Info, first: First = 25, after: After = None, filter: PoliciesFilter = None
    ) -> Connection[Policy] | None:
        where = filter.where() if filter else None
        return await lists.TENANT_POLICIES.page(info, self.uuid, first=first, after=after, where=where)

    @resolved("Its backup sets, the newest first.", HasCapability(Capability.BACKUPS_VIEW))
    async def backup_sets(
        self, info: Info, first: First = 25, after: After = None, filter: SetFilter = None
    ) -> Connection[BackupSet] | None:
        where = filter.where() if filter else None
        return await lists.TENANT_BACKUP_SETS.page(info, self.uuid, first=first, after=after, where=where)

    @resolved("The restores into it, the newest first.", HasCapability(Capability.BACKUPS_VIEW))
    async def restore_runs(
        self, info: Info, first: First = 25, after: After = None, filter: RestoreFilter = None
    ) -> Connection[RestoreRun] | None:
        where = filter.where(info.context.actor, self.workspace_id) if filter else None
        return await lists.TENANT_RESTORE_RUNS.page(info, self.uuid, first=first, after=after, where=where)


@strawberry.input(description="Which tenants to list; all conditions must hold.")
class TenantFilter:
    provider_status: list[ProviderStatus] | None = strawberry.field(
        description="Their way in stands in one of these ways.", default=None
    )
    last_successful_backup_before: datetime | None = strawberry.field(
        description="Their last successful backup is older than this, or they have none.", default=None
    )
    never_backed_up: bool | None = strawberry.field(
        description="True: they have no successful backup; false: they have one.", default=None
    )
    archived: bool | None = strawberry.field(
        description="True: they are archived; false: they are not.", default=None
    )

    @property
    def needs(self) -> list[Capability]:
        """What somebody has to hold on a tenant to learn that it passes."""
        asked = {
            Capability.PROVIDERS_VIEW: (self.provider_status,),
            Capability.BACKUPS_VIEW: (self.last_successful_backup_before, self.never_backed_up),
        }
        return [needed for needed, given in asked.items() if any(value is not None for value in given)]

    def where(self) -> dict[str, Any]:
        return given(
            provider_status=self.provider_status,
            backed_up_before=self.last_successful_backup_before,
            never_backed_up=self.never_backed_up,
            archived=self.archived,
        )


@strawberry.type(description="A tenant was changed, or its removal has begun.")
class TenantPayload:
    workspace_id: strawberry.Private[Any]
    tenant_id: strawberry.Private[Any]

    @resolved("The tenant as it is now.", ReachesTenant("tenant_id"))
    async def tenant(self, info: Info) -> Tenant | None:
        row: Tenant | None = await looked_up(info, TENANT, self.tenant_id)
        return row
