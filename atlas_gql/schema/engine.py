"""What the schema needs of the engine that starts runs; `atlas_gql.ops` is one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from atlas_gql.access.actors import Actor
from atlas_gql.errors import AtlasError
from atlas_gql.plugins.api import Operation


class Started(Protocol):
    """What a start led to."""

    @property
    def run_id(self) -> UUID: ...

    @property
    def deduplicated(self) -> bool:
        """Whether the run was there before this start."""
        ...


class StartedOn(Protocol):
    """What a start led to in one of many tenants: a run, or an error."""

    @property
    def tenant_id(self) -> UUID: ...

    @property
    def run_id(self) -> UUID | None: ...

    @property
    def deduplicated(self) -> bool: ...

    @property
    def error(self) -> AtlasError | None: ...


class Engine(Protocol):
    """Starts, retries and cancels runs for actors whose rights were checked."""

    @property
    def operations(self) -> Mapping[str, Operation[Any]]:
        """The operations on offer, by type."""
        ...

    async def start(
        self,
        actor: Actor,
        operation: Operation[Any],
        *,
        tenant_id: UUID,
        workspace_id: UUID,
        given: Any,
        idempotency_key: str | None,
        request_id: str,
    ) -> Started:
        """Start an operation with an instance of its input. Raises DomainError."""
        ...

    async def start_on_tenants(
        self,
        actor: Actor,
        operation: Operation[Any],
        *,
        workspace_id: UUID,
        tenant_ids: Sequence[UUID],
        given: Any,
        idempotency_key: str | None,
        request_id: str,
    ) -> Sequence[StartedOn]:
        """Start an operation in many tenants, with one input; what came of each, in their order.

        Raises ValidationError for an input that fits none of them.
        """
        ...

    async def retry(
        self,
        actor: Actor,
        *,
        run_id: UUID,
        tenant_id: UUID,
        workspace_id: UUID,
        confirmed: Mapping[str, str],
        idempotency_key: str | None,
        request_id: str,
    ) -> Started:
        """Start anew what an ended run left undone. Raises DomainError."""
        ...

    async def cancel(
        self, actor: Actor, *, run_id: UUID, tenant_id: UUID, workspace_id: UUID, request_id: str
    ) -> None:
        """Ask a run to stop. Raises RunFinished."""
        ...

    async def end_cancelled(self, queued: Iterable[Any]) -> None:
        """End queued runs that were asked to stop, and that no worker has taken up meanwhile."""
        ...

    async def refused(
        self,
        actor: Actor,
        *,
        workspace_id: UUID,
        tenant_id: UUID | None,
        mutation: str,
        capability: str,
        request_id: str,
    ) -> None:
        """Audit that a member was refused a mutation for want of a capability."""
        ...

    async def refused_on(
        self,
        actor: Actor,
        *,
        workspace_id: UUID,
        tenant_ids: Sequence[UUID | None],
        mutation: str,
        capability: str,
        request_id: str,
    ) -> None:
        """Audit the same refusal for each of these tenants."""
        ...
