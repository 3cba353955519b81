"""Who asks, and what they may do where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from atlas_gql.access.bounds import UNBOUND, Bounds
from atlas_gql.access.capabilities import CAPABILITIES, Role
from atlas_gql.audit import By
from atlas_gql.db.database import Scope

NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Proof:
    """How an actor proved who it is: with an API token or, without one, with a login that ends."""

    user_id: UUID
    token_id: UUID | None
    ends_at: datetime | None

    @property
    def key(self) -> UUID:
        """What is counted as one: the token, or all logins of a user."""
        return self.token_id or self.user_id


@dataclass(frozen=True, kw_only=True)
class Actor:
    """A user behind a valid token, with every right the token gives; loaded once for a request."""

    user_id: UUID
    name: str
    token_id: UUID | None
    plane: str
    ends_at: datetime | None = None
    memberships: Mapping[UUID, str] = field(default_factory=dict)
    """Workspace to role; `member` reaches only what is granted."""
    grants: Mapping[UUID, str] = field(default_factory=dict)
    """Tenant to role."""
    bounds: Bounds = UNBOUND

    @property
    def scope(self) -> Scope:
        return Scope(kind="actor", user_id=self.user_id)

    @property
    def proof(self) -> Proof:
        return Proof(user_id=self.user_id, token_id=self.token_id, ends_at=self.ends_at)

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
        return self._whole(workspace_id) and self.bounds.tenants is None

    def in_workspace(self, workspace_id: UUID) -> frozenset[str] | None:
        """The capabilities for the workspace as a whole; None for a non-member."""
        role = self._role(workspace_id)
        if role is None:
            return None
        return self.bounds.of(CAPABILITIES[Role(role)]) if self.reaches_all_of(workspace_id) else NOTHING

    def in_tenant(self, workspace_id: UUID, tenant_id: UUID) -> frozenset[str] | None:
        """The capabilities for one tenant; None when the tenant is out of the actor's reach."""
        member = self._role(workspace_id)
        if member is None or not self.bounds.hold_tenant(tenant_id):
            return None
        role = member if self._whole(workspace_id) else self.grants.get(tenant_id)
        return None if role is None else self.bounds.of(CAPABILITIES[Role(role)])

    def named_tenants(self, workspace_id: UUID) -> frozenset[UUID]:
        """The tenants that somebody who does not reach all of a workspace reaches by name.

        May name tenants of the actor's other workspaces: whatever uses it asks for the workspace as well.
        """
        named = self.bounds.tenants or frozenset() if self._whole(workspace_id) else self.grants
        return frozenset(t for t in named if self.in_tenant(workspace_id, t) is not None)

    def owns_token(self, token: Any) -> bool:
        """Whether a token is the actor's own, and no wider than what the actor came with.

        With a limited token one sees that token, and those that were made with it.
        """
        if token.plane != self.plane or token.user_id != self.user_id:
            return False
        if self.bounds.limited:
            return self.token_id in (UUID(token.uuid), token.made_with)
        return self.bounds.workspace_id in (None, token.workspace_id)

    def _role(self, workspace_id: UUID) -> str | None:
        return self.memberships.get(workspace_id) if self.bounds.hold_workspace(workspace_id) else None

    def _whole(self, workspace_id: UUID) -> bool:
        return self._role(workspace_id) in (Role.OWNER, Role.MANAGER)
