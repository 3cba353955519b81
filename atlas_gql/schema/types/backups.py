"""Backup sets: explicit, immutable captures of assignments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry.scalars import JSON

from atlas_gql.access.capabilities import Capability
from atlas_gql.archive import Facts
from atlas_gql.reasons import ReasonCode
from atlas_gql.schema import lists
from atlas_gql.schema.connections import After, Connection, First
from atlas_gql.schema.context import Info
from atlas_gql.schema.enums import AssignmentsState, BackupOrigin, BackupState
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.filters import containing, given, within
from atlas_gql.schema.maps import BACKUP_SET
from atlas_gql.schema.permissions import HasCapability, ReachesTenant, linked
from atlas_gql.schema.types.nodes import Node
from atlas_gql.schema.types.runs import OperationRun

if TYPE_CHECKING:
    from atlas_gql.schema.types.tenants import Tenant


@strawberry.type(description="A policy as a backup set keeps it.")
class BackupItem(Node):
    policy_type: str = strawberry.field(description="The kind of policy, such as `deviceConfigurations`.")
    external_id: str = strawberry.field(description="Its id at Microsoft.")
    name: str = strawberry.field(description="Its name then.")
    platform: str | None = strawberry.field(description="The platform it is for, where it has one.")
    assignments_state: AssignmentsState = strawberry.field(
        description="Whether its assignments are known; unknown is never taken for none."
    )
    assignment_count: int = strawberry.field(description="How many assignments it had.")
    message: str | None = strawberry.field(description="Why its assignments are not known, for people.")
    created_at: datetime = strawberry.field(description="When it was captured.")
    reason: strawberry.Private[ReasonCode | None]
    content: strawberry.Private[Mapping[str, Any] | None]

    @resolved("Why its assignments are not known.")
    def reason_code(self) -> ReasonCode | None:
        return self.reason

    @resolved("Its assignments, each as Microsoft Graph gave it; null when they are not known.")
    def assignments(self) -> list[JSON] | None:
        return None if self.content is None else self.content.get("assignments", [])

    @resolved("The groups that its assignments name, by id: `name`, `kind`, `rule`, `orphaned`.")
    def groups(self) -> JSON | None:
        return None if self.content is None else self.content.get("groups", {})

    @resolved("The filters that its assignments name, by id: `name`, `platform`, `rule`, `orphaned`.")
    def filters(self) -> JSON | None:
        return None if self.content is None else self.content.get("filters", {})

    @resolved(
        "Assignments whose settings Microsoft gave as empty, each as the last backup that had its settings"
        " has it: restoring from this item would lose them. None where nothing is suspicious; null when the"
        " assignments are not known."
    )
    def suspicious(self) -> list[JSON] | None:
        return None if self.content is None else self.content.get("suspicious", [])


@strawberry.input(description="Which items of a backup set to list; all conditions must hold.")
class BackupItemFilter:
    policy_types: list[str] | None = strawberry.field(
        name="policyType", description="One of these kinds of policy.", default=None
    )
    state: list[AssignmentsState] | None = strawberry.field(
        description="What is known of the assignments is one of these.", default=None
    )
    name_contains: str | None = strawberry.field(
        description="The policy's name contains this, in any case.", default=None
    )
    suspicious: bool | None = strawberry.field(
        description="Whether there are assignments whose settings came back empty.", default=None
    )

    def where(self) -> dict[str, Any]:
        return given(
            policy_type=self.policy_types,
            state=self.state,
            name_contains=containing(self.name_contains),
            suspicious=self.suspicious,
        )


@strawberry.type(description="Of what, and when, an imported backup set was captured, as its archive says.")
class BackupSource:
    entra_tenant_id: str = strawberry.field(description="Microsoft's id of the tenant.")
    primary_domain: str = strawberry.field(description="The tenant's primary domain then.")
    set_uuid: str = strawberry.field(description="The set's `uuid` in the installation that captured it.")
    origin: BackupOrigin = strawberry.field(description="Why it was made there.")
    captured_at: datetime = strawberry.field(description="When its capture was begun.")
    completed_at: datetime = strawberry.field(description="When its capture was complete.")


@strawberry.type(
    description="An explicit capture of a tenant's assignments. What was captured never changes; a retry of"
    " its run fills in what could not be read."
)
class BackupSet(Node):
    origin: BackupOrigin = strawberry.field(description="Why it was made.")
    state: BackupState = strawberry.field(description="Where it stands.")
    item_count: int = strawberry.field(description="How many policies it holds.")
    failed_count: int = strawberry.field(description="Of how many of them the assignments are not known.")
    overlapped_write: bool = strawberry.field(
        description="Whether Atlas wrote to the tenant meanwhile: some policies may be as they were before,"
        " others as they were after. Known once it is complete."
    )
    created_at: datetime = strawberry.field(description="When it was begun, or imported.")
    completed_at: datetime | None = strawberry.field(description="When it was complete.")
    run_id: strawberry.Private[Any]
    archived: strawberry.Private[Any]

    @resolved("Of an imported set: of what it was captured; null for any other.")
    def source(self) -> BackupSource | None:
        if self.archived is None:
            return None
        facts = Facts.from_json(self.archived)
        return BackupSource(
            entra_tenant_id=str(facts.entra_tenant_id),
            primary_domain=facts.primary_domain,
            set_uuid=str(facts.set_id),
            origin=BackupOrigin(facts.origin),
            captured_at=facts.captured_at,
            completed_at=facts.completed_at,
        )

    @resolved("The tenant that it is of.", ReachesTenant("tenant_id"))
    async def tenant(
        self, info: Info
    ) -> Annotated[Tenant, strawberry.lazy("atlas_gql.schema.types.tenants")] | None:
        row: Tenant | None = await linked(info, self, "tenant", BACKUP_SET)
        return row

    @resolved(
        "The run that made it; null once that is no longer kept, and for an imported set.",
        HasCapability(Capability.RUNS_VIEW),
    )
    async def run(self, info: Info) -> OperationRun | None:
        row: OperationRun | None = await linked(info, self, "run", BACKUP_SET)
        return row if row is not None and row.tenant_id == self.tenant_id else None

    @resolved("Its policies, in the order they were captured.", HasCapability(Capability.BACKUPS_VIEW))
    async def items(
        self,
        info: Info,
        first: First = 25,
        after: After = None,
        filter: Annotated[
            BackupItemFilter | None, strawberry.argument(description="Which items; all when absent.")
        ] = None,
    ) -> Connection[BackupItem] | None:
        where = filter.where() if filter else None
        return await lists.BACKUP_ITEMS.page(info, self.uuid, first=first, after=after, where=where)


@strawberry.input(description="Which backup sets to list; all conditions must hold.")
class BackupSetFilter:
    origin: list[BackupOrigin] | None = strawberry.field(
        description="Made for one of these reasons.", default=None
    )
    state: list[BackupState] | None = strawberry.field(description="In one of these states.", default=None)
    tenant_id: list[strawberry.ID] | None = strawberry.field(
        description="Of one of these tenants.", default=None
    )
    created_after: datetime | None = strawberry.field(
        description="Begun, or imported, after this.", default=None
    )
    created_before: datetime | None = strawberry.field(
        description="Begun, or imported, before this.", default=None
    )

    def where(self) -> dict[str, Any]:
        """Raises BadUserInput naming the field that no set could meet."""
        return within(
            self.tenant_id,
            given(
                origin=self.origin,
                state=self.state,
                created_after=self.created_after,
                created_before=self.created_before,
            ),
        )


SetFilter = Annotated[
    BackupSetFilter | None, strawberry.argument(description="Which backup sets; all when absent.")
]
