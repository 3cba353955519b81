"""Restore runs: a plan, what each of its policies would become, and the runs that worked on it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from atlas_gql.access.actors import Actor
from atlas_gql.access.capabilities import Capability
from atlas_gql.reasons import ReasonCode
from atlas_gql.schema import lists
from atlas_gql.schema.connections import After, Connection, First
from atlas_gql.schema.context import Info
from atlas_gql.schema.enums import RestoreAction, RestoreMode, RestorePurpose, RestoreState
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.filters import given, keys, within
from atlas_gql.schema.maps import RESTORE_RUN
from atlas_gql.schema.permissions import HasCapability, ReachesTenant, linked
from atlas_gql.schema.types import plans
from atlas_gql.schema.types.backups import BackupSet
from atlas_gql.schema.types.nodes import Node
from atlas_gql.schema.types.plans import AssignmentChange, RestoreMapping, RestoreSummary, RestoreWarning
from atlas_gql.schema.types.runs import RunConnection

if TYPE_CHECKING:
    from atlas_gql.schema.types.tenants import Tenant


@strawberry.type(description="What a restore would do to one policy.")
class RestoreItem(Node):
    position: int = strawberry.field(description="Its place in the plan.")
    policy_type: str = strawberry.field(description="The kind of policy, such as `deviceConfigurations`.")
    source_external_id: str | None = strawberry.field(
        description="The policy's id in the backup; null for what is not in it."
    )
    source_name: str | None = strawberry.field(
        description="The policy's name in the backup; null for what is not in it."
    )
    platform: str | None = strawberry.field(description="The platform it is for, where it has one.")
    target_external_id: str | None = strawberry.field(description="The policy's id in the target tenant.")
    target_name: str | None = strawberry.field(description="The policy's name in the target tenant.")
    action: RestoreAction = strawberry.field(description="What is done to it.")
    matched_by: str | None = strawberry.field(
        description="How the policy was found in the target tenant: `id` or `name`."
    )
    blocked_reason: ReasonCode | None = strawberry.field(description="Why nothing is written for it.")
    blocked_message: str | None = strawberry.field(description="The same, for people.")

    @resolved("What is done to its assignments, one by one.")
    def changes(self) -> list[AssignmentChange]:
        return plans.changes(self.changes)  # type: ignore[arg-type] # the row's column of that name

    @resolved("What must be acknowledged about it.")
    def warnings(self) -> list[RestoreWarning]:
        return plans.warnings(self.warnings)  # type: ignore[arg-type] # the row's column of that name


@strawberry.input(description="Which policies of a plan to list; all conditions must hold.")
class RestoreItemFilter:
    action: list[RestoreAction] | None = strawberry.field(
        description="One of these is done to it.", default=None
    )
    policy_types: list[str] | None = strawberry.field(
        name="policyType", description="One of these kinds of policy.", default=None
    )
    has_warnings: bool | None = strawberry.field(
        description="Whether there is a warning about it.", default=None
    )
    reason_codes: list[ReasonCode] | None = strawberry.field(
        name="reasonCode", description="Blocked for one of these reasons.", default=None
    )

    def where(self) -> dict[str, Any]:
        return given(
            action=self.action,
            policy_type=self.policy_types,
            has_warnings=self.has_warnings,
            reason_code=self.reason_codes,
        )


@strawberry.type(description="A restore: its plan, and the runs that planned and executed it.")
class RestoreRun(Node):
    purpose: RestorePurpose = strawberry.field(description="What it is for.")
    state: RestoreState = strawberry.field(description="Where its plan stands.")
    mode: RestoreMode = strawberry.field(description="What it makes of present assignments.")
    plan_digest: str | None = strawberry.field(
        description="The plan's fingerprint; executing takes it, so that what is done is what was seen."
    )
    created_by: str = strawberry.field(description="Who asked for it.")
    created_at: datetime = strawberry.field(description="When it was asked for.")
    planned_at: datetime | None = strawberry.field(description="When the plan was complete.")
    expires_at: datetime | None = strawberry.field(description="Until when the plan can be executed.")
    expired: bool = strawberry.field(description="Whether the plan can no longer be executed.")
    source_tenant_id: strawberry.Private[Any]
    backup_set_id: strawberry.Private[Any]
    against_set_id: strawberry.Private[Any]

    @resolved("The tenant that it restores into.", ReachesTenant("tenant_id"))
    async def tenant(
        self, info: Info
    ) -> Annotated[Tenant, strawberry.lazy("atlas_gql.schema.types.tenants")] | None:
        row: Tenant | None = await linked(info, self, "tenant", RESTORE_RUN)
        return row

    @resolved(
        "The tenant that the backup is of; null for who has no rights there.",
        ReachesTenant("source_tenant_id"),
        silently=True,
    )
    async def source_tenant(
        self, info: Info
    ) -> Annotated[Tenant, strawberry.lazy("atlas_gql.schema.types.tenants")] | None:
        row: Tenant | None = await linked(info, self, "sourceTenant", RESTORE_RUN)
        return row

    @resolved(
        "The backup that it restores; null for who has no rights on the tenant it is of, and once that is"
        " deleted.",
        HasCapability(Capability.BACKUPS_VIEW, tenant="source_tenant_id", on="sourceTenant"),
        silently=True,
    )
    async def backup_set(self, info: Info) -> BackupSet | None:
        row: BackupSet | None = await linked(info, self, "backupSet", RESTORE_RUN)
        return row

    @resolved(
        "What a comparison compares the backup with; null for the tenant as it was, or a set that is gone.",
        HasCapability(Capability.BACKUPS_VIEW),
    )
    async def against_set(self, info: Info) -> BackupSet | None:
        row: BackupSet | None = await linked(info, self, "againstSet", RESTORE_RUN)
        return row

    @resolved("The plan in numbers; null while it is being computed.")
    def summary(self) -> RestoreSummary | None:
        stored: Any = self.summary  # the row's column of that name
        return plans.summary(stored) if stored else None

    @resolved("What must be acknowledged to execute the plan, in its order.")
    def warnings(self) -> list[RestoreWarning]:
        return plans.warnings(self.warnings)  # type: ignore[arg-type] # the row's column of that name

    @resolved("How groups and filters of the backup are found in the target tenant.")
    def mappings(self) -> list[RestoreMapping]:
        return plans.mappings(self.mappings)  # type: ignore[arg-type] # the row's column of that name

    @resolved("The plan, policy by policy, in order.", HasCapability(Capability.BACKUPS_VIEW))
    async def items(
        self,
        info: Info,
        first: First = 25,
        after: After = None,
        filter: Annotated[
            RestoreItemFilter | None, strawberry.argument(description="Which policies; all when absent.")
        ] = None,
    ) -> Connection[RestoreItem] | None:
        where = filter.where() if filter else None
        return await lists.RESTORE_ITEMS.page(info, self.uuid, first=first, after=after, where=where)

    @resolved("The runs that planned and executed it, the newest first.", HasCapability(Capability.RUNS_VIEW))
    async def runs(self, info: Info, first: First = 25, after: After = None) -> RunConnection | None:
        return await lists.SUBJECT_RUNS.page(
            info, self.tenant_id, self.uuid, first=first, after=after, connection=RunConnection
        )


@strawberry.input(description="Which restores to list; all conditions must hold.")
class RestoreRunFilter:
    purpose: list[RestorePurpose] | None = strawberry.field(
        description="For one of these purposes.", default=None
    )
    state: list[RestoreState] | None = strawberry.field(
        description="Their plan stands in one of these ways.", default=None
    )
    mode: list[RestoreMode] | None = strawberry.field(
        description="They make one of these of present assignments.", default=None
    )
    tenant_id: list[strawberry.ID] | None = strawberry.field(
        description="Into one of these tenants.", default=None
    )
    source_tenant_id: list[strawberry.ID] | None = strawberry.field(
        description="Of a backup of one of these tenants; of those that are within your reach.", default=None
    )
    created_by: list[str] | None = strawberry.field(
        description="Asked for by somebody of one of these names.", default=None
    )
    created_after: datetime | None = strawberry.field(description="Asked for after this.", default=None)
    created_before: datetime | None = strawberry.field(description="Asked for before this.", default=None)

    def where(self, actor: Actor, workspace_id: UUID) -> dict[str, Any]:
        """Raises BadUserInput naming the field that no restore could meet."""
        sources = keys(self.source_tenant_id, "sourceTenantId", "Tenant")
        if sources is not None:
            # Who may not see a source must not learn of it by asking for it.
            sources = [source for source in sources if actor.in_tenant(workspace_id, source) is not None]
        return within(
            self.tenant_id,
            given(
                purpose=self.purpose,
                state=self.state,
                mode=self.mode,
                source_tenant_id=sources,
                created_by=self.created_by,
                created_after=self.created_after,
                created_before=self.created_before,
            ),
        )


RestoreFilter = Annotated[
    RestoreRunFilter | None, strawberry.argument(description="Which restores; all when absent.")
]
