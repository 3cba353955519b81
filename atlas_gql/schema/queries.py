"""The root fields of queries."""

from __future__ import annotations

from typing import Annotated

import strawberry

from atlas_gql.plugins import CONTRACTS
from atlas_gql.schema import ids
from atlas_gql.schema.context import Info
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.lookahead import attributes
from atlas_gql.schema.maps import KINDS, TENANT, WORKSPACE
from atlas_gql.schema.permissions import CanSeeNode, CanSeeTenant, CanSeeWorkspace, looked_up
from atlas_gql.schema.rows import ALWAYS, Identity
from atlas_gql.schema.types.capabilities import CapabilityDescription, capabilities
from atlas_gql.schema.types.nodes import Node
from atlas_gql.schema.types.operations import OperationType
from atlas_gql.schema.types.policy_types import PolicyType
from atlas_gql.schema.types.reasons import ReasonCodeDescription, ReasonDetail, reason_codes, reason_details
from atlas_gql.schema.types.tenants import Tenant
from atlas_gql.schema.types.workspaces import Viewer, Workspace


@strawberry.type(description="What can be asked. Nothing here ever calls Microsoft.")
class Query:
    @resolved("You: the user behind the token of this request.")
    def viewer(self, info: Info) -> Viewer:
        actor = info.context.actor
        return Viewer(uuid=str(actor.user_id), name=actor.name)

    @resolved("The workspace with this id. NOT_FOUND unless you are a member of it.", CanSeeWorkspace())
    async def workspace(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The workspace's id.")],
    ) -> Workspace | None:
        uuid = ids.decode(id, kind="Workspace", argument="id")
        if set(attributes(info, WORKSPACE, [()])) == set(ALWAYS):
            # Its member asks for nothing of it but what hangs off it.
            return Identity(WORKSPACE.kind, str(uuid), None, uuid)  # type: ignore[return-value] # as a row
        row: Workspace | None = await looked_up(info, WORKSPACE, uuid)
        return row

    @resolved("The tenant with this id. NOT_FOUND unless you have any right on it.", CanSeeTenant())
    async def tenant(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The tenant's id.")]
    ) -> Tenant | None:
        uuid = ids.decode(id, kind="Tenant", argument="id")
        row: Tenant | None = await looked_up(info, TENANT, uuid)
        return row

    @resolved("The thing with this id; null if there is none that you may see.", CanSeeNode(), silently=True)
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Any thing's id.")]
    ) -> Node | None:
        found = ids.parse(id)
        row: Node | None = await looked_up(info, KINDS[found.kind], found.uuid) if found else None
        return row

    @resolved("The kinds of policy that Atlas backs up, in the order in which a backup reads them.")
    def policy_types(
        self,
        platform: Annotated[
            list[str] | None, strawberry.argument(description="All of whose policies are for one of these.")
        ] = None,
        supports_restore: Annotated[
            bool | None, strawberry.argument(description="That a restore may write, or may not.")
        ] = None,
    ) -> list[PolicyType]:
        return [
            contract  # type: ignore[misc] # read as they are
            for contract in CONTRACTS.values()
            if (platform is None or contract.platform in platform)
            and (supports_restore is None or contract.supports_restore is supports_restore)
        ]

    @resolved("The operations that can be started here, by type.")
    def operation_types(
        self,
        info: Info,
        writes: Annotated[
            bool | None, strawberry.argument(description="That change something at Microsoft, or do not.")
        ] = None,
        capability: Annotated[
            list[str] | None, strawberry.argument(description="That one of these capabilities starts.")
        ] = None,
    ) -> list[OperationType]:
        operations = info.context.engine.operations
        return [
            operation  # type: ignore[misc] # read as they are
            for _, operation in sorted(operations.items())
            if (writes is None or operation.writes is writes)
            and (capability is None or operation.capability in capability)
        ]

    @resolved("All that somebody may be allowed to do, by name, with the roles that hold it.")
    def capabilities(self) -> list[CapabilityDescription]:
        return capabilities()

    @resolved("Why things fail: every reason code, with its meaning and what to do.")
    def reason_codes(self) -> list[ReasonCodeDescription]:
        return reason_codes()

    @resolved("What plugins say beside the reason code `EXTENSION`: every reason detail that they declare.")
    def reason_details(self) -> list[ReasonDetail]:
        return reason_details()
