"""Who asks, and what they may do where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from atlas_gql.access.capabilities import CAPABILITIES, Role
from atlas_gql.audit import By
from atlas_gql.db.database import Scope

NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Actor:
    """A user behind a valid token, with every right the user has; loaded once for a request."""

    user_id: UUID
    name: str
    token_id: UUID
    plane: str
    memberships: Mapping[UUID, str] = field(default_factory=dict)
    """Workspace to role; `member` reaches only what is granted."""
    grants: Mapping[UUID, str] = field(default_factory=dict)
    """Tenant to role."""

    @property
    def scope(self) -> Scope:
        return Scope(kind="actor", user_id=self.user_id)

    def by(self, request_id: str | None) -> By:
        """The actor of a request, as audit entries keep it."""
        return By(
            kind="user",
            name=self.name,
            user_id=self.user_id,
            token_id=self.token_id,
            request_id=request_id,
        )

    def reaches_all_of(self, workspace_id: UUID) -> bool:
        """Whether every tenant of the workspace is within reach."""
        return self.memberships.get(workspace_id) in (Role.OWNER, Role.MANAGER)

    def in_workspace(self, workspace_id: UUID) -> frozenset[str] | None:
        """The capabilities for the workspace as a whole; None for a non-member."""
        role = self.memberships.get(workspace_id)
        if role is None:
            return None
        return CAPABILITIES[Role(role)] if role != "member" else NOTHING

    def in_tenant(self, workspace_id: UUID, tenant_id: UUID) -> frozenset[str] | None:
        """The capabilities for one tenant; None when the tenant is out of the actor's reach."""
        if self.reaches_all_of(workspace_id):
            return self.in_workspace(workspace_id)
        role = self.grants.get(tenant_id)
        if role is None or workspace_id not in self.memberships:
            return None
        return CAPABILITIES[Role(role)]
