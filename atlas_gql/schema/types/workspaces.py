"""The viewer, and the workspaces that the viewer is a member of."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import strawberry

from atlas_gql.access.actors import NOTHING
from atlas_gql.access.capabilities import Capability
from atlas_gql.errors import BadUserInput
from atlas_gql.schema import ids, lists
from atlas_gql.schema.connections import After, Connection, First
from atlas_gql.schema.context import Info
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.filters import given
from atlas_gql.schema.pages import WITHIN
from atlas_gql.schema.permissions import HasCapability, HasCapabilitySomewhere, granted
from atlas_gql.schema.stats import RunStatsBucket
from atlas_gql.schema.types.audit import AuditEntry
from atlas_gql.schema.types.backups import BackupSet, SetFilter
from atlas_gql.schema.types.credentials import Credential
from atlas_gql.schema.types.invitations import Invitation
from atlas_gql.schema.types.members import Member, MemberFilter
from atlas_gql.schema.types.nodes import Node
from atlas_gql.schema.types.policies import PoliciesFilter, Policy
from atlas_gql.schema.types.providers import Provider, ProviderFilter
from atlas_gql.schema.types.restores import RestoreFilter, RestoreRun
from atlas_gql.schema.types.runs import RunConnection, RunFilter, RunOrder, page_of_runs
from atlas_gql.schema.types.schedules import Schedule, ScheduleFilter
from atlas_gql.schema.types.stats import BucketArgument, RunStats, Since, Until, run_stats
from atlas_gql.schema.types.tenants import AuditFilter, Tenant, TenantFilter
from atlas_gql.schema.types.tokens import ApiToken

MOST_HOURS = 24 * 366 * 10


@strawberry.type(description="The organisation that owns tenants and members.")
class Workspace(Node):
    name: str = strawberry.field(description="Its name.")

    @resolved("What you may do in all of it, sorted; what you may do for a tenant, the tenant says.")
    def viewer_capabilities(self, info: Info) -> list[str]:
        return sorted(info.context.actor.in_workspace(self.workspace_id) or NOTHING)

    @resolved("Its tenants that you have any right on, by name.")
    async def tenants(
        self,
        info: Info,
        first: First = 25,
        after: After = None,
        filter: Annotated[
            TenantFilter | None,
            strawberry.argument(
                description="Which tenants; all when absent. Of those where you may see what it asks for."
            ),
        ] = None,
    ) -> Connection[Tenant] | None:
        where = _within(info, self, filter.where() if filter else {}, *(filter.needs if filter else ()))
        return await lists.TENANTS.page(info, self.uuid, first=first, after=after, where=where)

    @resolved("Its members, by name.", HasCapability(Capability.MEMBERS_VIEW))
    async def members(
        self,
        info: Info,
        first: First = 25,
        after: After = None,
        filter: Annotated[
            MemberFilter | None, strawberry.argument(description="Which members; all when absent.")
        ] = None,
    ) -> Connection[Member] | None:
        where = filter.where() if filter else None
        return await lists.MEMBERS.page(info, self.uuid, first=first, after=after, where=where)

    @resolved("Its credentials, by name.", HasCapability(Capability.PROVIDERS_VIEW))
    async def credentials(
        self, info: Info, first: First = 25, after: After = None
    ) -> Connection[Credential] | None:
        return await lists.CREDENTIALS.page(info, self.uuid, first=first, after=after)

    @resolved(
        "Who was invited to become a member, the newest first; also those who came, and those who may not any"
        " more.",
        HasCapability(Capability.MEMBERS_VIEW),
    )
    async def invitations(
        self, info: Info, first: First = 25, after: After = None
    ) -> Connection[Invitation] | None:
        return await lists.INVITATIONS.page(info, self.uuid, first=first, after=after)

    @resolved(
        "The API tokens that its members made for it, the newest first; not those for all of a user's"
        " workspaces.",
        HasCapability(Capability.TOKENS_MANAGE),
    )
    async def tokens(self, info: Info, first: First = 25, after: After = None) -> Connection[ApiToken] | None:
        return await lists.WORKSPACE_TOKENS.page(info, self.uuid, first=first, after=after)

    @resolved(
        "How its tenants are reached, the oldest first; of those tenants whose provider you may see.",
        HasCapabilitySomewhere(Capability.PROVIDERS_VIEW),
    )
    async def providers(
        self,
        info: Info,
        first: First = 25,
        after: After = None,
        filter: Annotated[
            ProviderFilter | None, strawberry.argument(description="Which providers; all when absent.")
        ] = None,
    ) -> Connection[Provider] | None:
        where = _within(info, self, filter.where() if filter else {}, Capability.PROVIDERS_VIEW)
        return await lists.WORKSPACE_PROVIDERS.page(info, self.uuid, first=first, after=after, where=where)

    @resolved(
        "The runs of its tenants, the newest first; of those tenants whose runs you may see.",
        HasCapabilitySomewhere(Capability.RUNS_VIEW),
    )
    async def runs(
        self,
        info: Info,
        first: First = 25,
        after: After = None,
        filter: RunFilter = None,
        order_by: RunOrder = None,
    ) -> RunConnection | None:
        where = _within(info, self, filter.where() if filter else {}, Capability.RUNS_VIEW)
        runs = lists.RUNS_OF_WORKSPACE
        return await page_of_runs(
            info, runs, self.uuid, first=first, after=after, where=where, order=order_by
        )

    @resolved("Its schedules, by name; not those that were deleted.", HasCapability(Capability.RUNS_VIEW))
    async def schedules(
        self,
        info: Info,
        first: First = 25,
        after: After = None,
        filter: Annotated[
            ScheduleFilter | None, strawberry.argument(description="Which schedules; all when absent.")
        ] = None,
    ) -> Connection[Schedule] | None:
        where = filter.where() if filter else None
        return await lists.SCHEDULES.page(info, self.uuid, first=first, after=after, where=where)

    @resolved(
        "The runs of its tenants in numbers; of those tenants whose runs you may see.",
        HasCapabilitySomewhere(Capability.RUNS_VIEW),
    )
    async def run_stats(
        self,
        info: Info,
        since: Since,
        until: Until = None,
        bucket: BucketArgument = RunStatsBucket.DAY,
        filter: RunFilter = None,
    ) -> RunStats | None:
        where = _within(info, self, filter.where() if filter else {}, Capability.RUNS_VIEW)
        return await run_stats(
            info, lists.RUNS_OF_WORKSPACE, self, since=since, until=until, bucket=bucket, where=where
        )

    @resolved(
        "Its tenants that have no backup of late, by name: whose last successful backup is older than so many"
        " hours, or that have none. Archived ones are left out, and those whose backups you may not see.",
        HasCapabilitySomewhere(Capability.BACKUPS_VIEW),
    )
    async def tenants_without_fresh_backup(
        self,
        info: Info,
        hours: Annotated[
            int, strawberry.argument(description="For how long a backup is fresh; at most ten years.")
        ] = 26,
        first: First = 25,
        after: After = None,
    ) -> Connection[Tenant] | None:
        if not 1 <= hours <= MOST_HOURS:
            raise BadUserInput(f"`hours` must be between 1 and {MOST_HOURS}.", "hours")
        # By the minute, so that pages which are read one after the other go on where they were.
        since = info.context.now.replace(second=0, microsecond=0) - timedelta(hours=hours)
        where = _within(info, self, {"backed_up_before": since, "archived": False}, Capability.BACKUPS_VIEW)
        return await lists.TENANTS.page(info, self.uuid, first=first, after=after, where=where)

    @resolved(
        "The audit trail of its tenants, and its own for who sees all of it; the newest first.",
        HasCapabilitySomewhere(Capability.AUDIT_VIEW),
    )
    async def audit_entries(
        self, info: Info, first: First = 25, after: After = None, filter: AuditFilter = None
    ) -> Connection[AuditEntry] | None:
        where = _within(info, self, filter.where() if filter else {}, Capability.AUDIT_VIEW)
        return await lists.WORKSPACE_AUDIT.page(info, self.uuid, first=first, after=after, where=where)

    @resolved(
        "The policies of its tenants as last observed, by name; of those tenants whose policies you may see.",
        HasCapabilitySomewhere(Capability.POLICIES_VIEW),
    )
    async def policies(
        self, info: Info, first: First = 25, after: After = None, filter: PoliciesFilter = None
    ) -> Connection[Policy] | None:
        where = _within(info, self, filter.where() if filter else {}, Capability.POLICIES_VIEW)
        return await lists.WORKSPACE_POLICIES.page(info, self.uuid, first=first, after=after, where=where)

    @resolved(
        "The backup sets of its tenants, the newest first; of those tenants whose backups you may see.",
        HasCapabilitySomewhere(Capability.BACKUPS_VIEW),
    )
    async def backup_sets(
        self, info: Info, first: First = 25, after: After = None, filter: SetFilter = None
    ) -> Connection[BackupSet] | None:
        where = _within(info, self, filter.where() if filter else {}, Capability.BACKUPS_VIEW)
        return await lists.WORKSPACE_BACKUP_SETS.page(info, self.uuid, first=first, after=after, where=where)

    @resolved(
        "The restores into its tenants, the newest first; of those tenants whose backups you may see.",
        HasCapabilitySomewhere(Capability.BACKUPS_VIEW),
    )
    async def restore_runs(
        self, info: Info, first: First = 25, after: After = None, filter: RestoreFilter = None
    ) -> Connection[RestoreRun] | None:
        asked = filter.where(info.context.actor, self.workspace_id) if filter else {}
        where = _within(info, self, asked, Capability.BACKUPS_VIEW)
        return await lists.WORKSPACE_RESTORE_RUNS.page(info, self.uuid, first=first, after=after, where=where)


def _within(info: Info, workspace: Workspace, where: dict[str, Any], *capabilities: str) -> dict[str, Any]:
    """The conditions, for the tenants where the viewer holds capabilities and no others."""
    reach = granted(info.context.actor, workspace.workspace_id, *capabilities)
    if reach is None:
        return where
    reached = frozenset(reach)
    return {**where, WITHIN: tuple(tenant for tenant in where.get(WITHIN, reach) if tenant in reached)}


@strawberry.type(description="You: the user behind the token of this request.")
class Viewer:
    uuid: str = strawberry.field(description="Your key, as the audit trail shows it.")
    name: str = strawberry.field(description="Your name.")

    @resolved("An opaque id.")
    def id(self) -> strawberry.ID:
        return ids.encode("User", self.uuid)

    @resolved("The workspaces that you are a member of and that your token opens, by name.")
    async def workspaces(
        self, info: Info, first: First = 25, after: After = None
    ) -> Connection[Workspace] | None:
        only = given(only=info.context.actor.bounds.workspace_id)
        return await lists.WORKSPACES.page(info, self.uuid, first=first, after=after, where=only)

    @resolved(
        "Your API tokens, the newest first. A token for one workspace shows those for the same one; a limited"
        " token shows itself, and those that were made with it."
    )
    async def tokens(self, info: Info, first: First = 25, after: After = None) -> Connection[ApiToken] | None:
        actor = info.context.actor
        where = given(
            only=actor.bounds.workspace_id, made_with=actor.token_id if actor.bounds.limited else None
        )
        return await lists.VIEWER_TOKENS.page(info, self.uuid, first=first, after=after, where=where)
