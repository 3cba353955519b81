"""What a token leaves of its user's rights: some capabilities, some tenants, one workspace."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """They only ever take away: the rights are the user's own of the time, within these. None: no bound."""

    workspace_id: UUID | None = None
    capabilities: frozenset[str] | None = None
    tenants: frozenset[UUID] | None = None

    @property
    def limited(self) -> bool:
        """Whether a token with these bounds does less in its workspace than its user may."""
        return self.capabilities is not None or self.tenants is not None

    def of(self, capabilities: frozenset[str]) -> frozenset[str]:
        """What they leave of these capabilities."""
        return capabilities if self.capabilities is None else capabilities & self.capabilities

    def hold_workspace(self, workspace_id: UUID) -> bool:
        return self.workspace_id in (None, workspace_id)

    def hold_tenant(self, tenant_id: UUID) -> bool:
        return self.tenants is None or tenant_id in self.tenants


UNBOUND = Bounds()


def bounds(
    workspace_id: UUID | None, capabilities: Collection[str] | None, tenant_ids: Collection[UUID] | None
) -> Bounds:
    """The bounds that a token's row keeps."""
    return Bounds(
        workspace_id=workspace_id,
        capabilities=None if capabilities is None else frozenset(capabilities),
        tenants=None if tenant_ids is None else frozenset(tenant_ids),
    )
