"""The one road to Microsoft Graph: what every client offers, whoever answers behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from atlas_gql.errors import GraphError
from atlas_gql.graph.contract import PolicyContract
from atlas_gql.graph.model import Assignment, Filter, Group, Policy


class GraphClient(Protocol):
    """One tenant's Graph. Every method raises GraphError with a reason code; none returns a guess.

    Whoever has to change assignments calls `write_assignments`, never the three methods that write.

    .. versionadded:: 0.1
    """

    def policies(self, contract: PolicyContract) -> AsyncIterator[Policy]:
        """Every policy of a kind, page by page; one whose assignments are unknown carries `error`."""

    async def policy(self, contract: PolicyContract, policy_id: str) -> Policy:
        """One policy as it is now; may carry `error`. Raises GraphError (NOT_FOUND) when it is gone."""

    async def assignments(self, contract: PolicyContract, policy_id: str) -> tuple[Assignment, ...]:
        """One policy's assignments as they are now; may wait some seconds, to share a call with others."""

    async def groups(self, ids: Collection[str]) -> dict[str, Group | None]:
        """Groups by their ids, as given; None for one that does not exist, or was deleted."""

    async def member_counts(self, ids: Collection[str]) -> dict[str, int]:
        """How many direct members groups have, by their ids as given; those that Graph does not count
        are left out."""

    async def deleted_groups(self, ids: Collection[str]) -> dict[str, Group]:
        """Those of the groups, by their ids as given, that were deleted and can still be brought back."""

    async def groups_named(self, names: Collection[str]) -> dict[str, list[Group]]:
        """Groups by their names, as given: none, one or several of each, as Graph compares names."""

    async def filters(self) -> list[Filter]:
        """Every assignment filter of the tenant."""

    async def permissions(self) -> frozenset[str]:
        """The application permissions that a token asked for now has; the token itself is never given."""

    async def probe(self, contracts: Collection[PolicyContract]) -> dict[str, GraphError | None]:
        """By policy type, why its list cannot be read, or None when it can.

        One call for up to twenty kinds of one family and permission.
        """

    def writing(self) -> AbstractAsyncContextManager[None]:
        """A place among the tenant's few writers: held from the read before a write to its answer."""

    async def assign(
        self,
        contract: PolicyContract,
        policy_id: str,
        assignments: Sequence[Assignment],
        *,
        justification: str | None = None,
        approval: str | None = None,
    ) -> str | None:
        """Replace all of a policy's assignments; returns the request id.

        For ASSIGN and UPDATE kinds. `approval` is the code of the approved request for this very call.
        """

    async def add_assignment(
        self,
        contract: PolicyContract,
        policy_id: str,
        assignment: Assignment,
        *,
        justification: str | None = None,
    ) -> str | None:
        """Add one assignment; done twice, it is there twice. Returns the request id. For ITEMS kinds."""

    async def delete_assignment(
        self,
        contract: PolicyContract,
        policy_id: str,
        assignment_id: str,
        *,
        justification: str | None = None,
    ) -> str | None:
        """Delete one assignment; returns the request id. For ITEMS kinds."""

    async def send(self, method: str, path: str, body: Any = None) -> Any:
        """Write one JSON value to a path with version, once; gives the JSON answer, None for an empty one.

        Only for an operation that declares the path in its `graph_writes`. `may_have_happened` of the
        GraphError says that nobody knows whether it took effect: it is never sent again then.
        """

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """One JSON object by its path with version, such as `/beta/deviceManagement/...`."""

    def pages(self, path: str, params: Mapping[str, str] | None = None) -> AsyncIterator[dict[str, Any]]:
        """Every page of a list, as Graph gives it."""

    async def aclose(self) -> None:
        """Let go of what the client holds."""
