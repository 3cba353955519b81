"""The viewer, and the workspaces that the viewer is a member of."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from atlas_gql.access.actors import NOTHING
from atlas_gql.access.capabilities import Capability
from atlas_gql.schema import ids, lists
from atlas_gql.schema.connections import After, Connection, First
from atlas_gql.schema.context import Info
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.filters import given
from atlas_gql.schema.permissions import HasCapability, HasCapabilitySomewhere, granted
from atlas_gql.schema.types.audit import AuditEntry
from atlas_gql.schema.types.credentials import Credential
from atlas_gql.schema.types.invitations import Invitation
from atlas_gql.schema.types.nodes import Node
from atlas_gql.schema.types.providers import Provider, ProviderFilter
from atlas_gql.schema.types.runs import RunConnection, RunFilter, RunOrder, arguments
from atlas_gql.schema.types.tenants import AuditFilter, Tenant, TenantFilter
from atlas_gql.schema.types.tokens import ApiToken


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
        where = _within(info, self, *(filter.needs if filter else ())) | (filter.where() if filter else {})
        return await lists.TENANTS.page(info, self.uuid, first=first, after=after, where=where)

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
        where = (filter.where() if filter else {}) | _within(info, self, Capability.PROVIDERS_VIEW)
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
        asked = arguments(filter, order_by)
        asked["where"] |= _within(info, self, Capability.RUNS_VIEW)
        return await lists.WORKSPACE_RUNS.page(
            info, self.uuid, first=first, after=after, **asked, connection=RunConnection
        )

    @resolved(
        "The audit trail of its tenants, and its own for who sees all of it; the newest first.",
        HasCapabilitySomewhere(Capability.AUDIT_VIEW),
    )
    async def audit_entries(
        self, info: Info, first: First = 25, after: After = None, filter: AuditFilter = None
    ) -> Connection[AuditEntry] | None:
        where = (filter.where() if filter else {}) | _within(info, self, Capability.AUDIT_VIEW)
        return await lists.WORKSPACE_AUDIT.page(info, self.uuid, first=first, after=after, where=where)


def _within(info: Info, workspace: Workspace, *capabilities: str) -> dict[str, Any]:
    """The filter that leaves the tenants where the viewer holds capabilities; none where that is all."""
    tenants = granted(info.context.actor, workspace.workspace_id, *capabilities)
    return {} if tenants is None else {"within": tenants}


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
