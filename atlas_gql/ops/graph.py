"""A tenant's Graph client as a run may use it: read-only, and patient with Microsoft's long pauses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn, TypeVar

from atlas_gql.errors import GraphError, OperationFailure
from atlas_gql.graph import Assignment, Filter, GraphClient, Group, Policy, PolicyContract
from atlas_gql.ops.control import LeaseLost, RunReleased
from atlas_gql.ops.crash import AFTER_GRAPH_WRITE, crash_here
from atlas_gql.ops.leases import Claim
from atlas_gql.reasons import ReasonCode

T = TypeVar("T")

LEAST_PAUSE = 5.0
"""Seconds before a throttled run is claimed again."""


def release_if_throttled(error: OperationFailure) -> None:
    """Raises RunReleased when Microsoft wants a longer pause than the client sits out in a worker's slot."""
    if isinstance(error, GraphError) and error.reason_code is ReasonCode.THROTTLED:
        raise RunReleased(max(error.retry_after or 0, LEAST_PAUSE)) from error


async def _patient(call: Awaitable[T]) -> T:
    try:
        return await call
    except GraphError as exc:
        release_if_throttled(exc)
        raise


async def _patiently(items: AsyncIterator[T]) -> AsyncIterator[T]:
    try:
        async for item in items:
            yield item
    except GraphError as exc:
        release_if_throttled(exc)
        raise


def _whole(policy: Policy) -> Policy:
    """The policy, unless its assignments are unknown for want of patience alone. Raises RunReleased."""
    if policy.error:
        release_if_throttled(policy.error)
    return policy


class PatientGraph:
    """What a run may read, with the client's errors; a long pause gives the run back to the queue."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client

    async def policies(self, contract: PolicyContract) -> AsyncIterator[Policy]:
        async for policy in _patiently(self._client.policies(contract)):
            yield _whole(policy)

    async def policy(self, contract: PolicyContract, policy_id: str) -> Policy:
        return _whole(await _patient(self._client.policy(contract, policy_id)))

    async def assignments(self, contract: PolicyContract, policy_id: str) -> tuple[Assignment, ...]:
        return await _patient(self._client.assignments(contract, policy_id))

    async def groups(self, ids: Collection[str]) -> dict[str, Group | None]:
        return await _patient(self._client.groups(ids))

    async def member_counts(self, ids: Collection[str]) -> dict[str, int]:
        return await _patient(self._client.member_counts(ids))

    async def deleted_groups(self, ids: Collection[str]) -> dict[str, Group]:
        return await _patient(self._client.deleted_groups(ids))

    async def groups_named(self, names: Collection[str]) -> dict[str, list[Group]]:
        return await _patient(self._client.groups_named(names))

    async def filters(self) -> list[Filter]:
        return await _patient(self._client.filters())

    async def permissions(self) -> frozenset[str]:
        return await _patient(self._client.permissions())

    async def probe(self, contracts: Collection[PolicyContract]) -> dict[str, GraphError | None]:
        return await _patient(self._client.probe(contracts))

    async def send(self, method: str, path: str, body: Any = None) -> Any:  # noqa: ARG002 # the client's signature
        raise OperationFailure(
            "This operation does not declare where it writes.",
            reason=ReasonCode.UNSUPPORTED,
            code="write_refused",
        )

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        return await _patient(self._client.get(path, params))

    def pages(self, path: str, params: Mapping[str, str] | None = None) -> AsyncIterator[dict[str, Any]]:
        return _patiently(self._client.pages(path, params))

    async def aclose(self) -> None:
        """Nothing: the client belongs to the process."""


class ReadOnlyGraph(PatientGraph):
    """The client without the ways to write: assignments go through `restores.apply`."""

    def writing(self) -> NoReturn:
        raise _refused()

    async def assign(self, *_: Any, **__: Any) -> NoReturn:
        raise _refused()

    add_assignment = delete_assignment = assign


class WritingGraph(PatientGraph):
    """The client as the safe write uses it: an attempt that may have lost its run sends nothing more.

    One policy may take several writes, and a process may be frozen between any two of them.
    """

    def __init__(self, client: GraphClient, claim: Claim) -> None:
        super().__init__(client)
        self._claim = claim

    def writing(self) -> AbstractAsyncContextManager[None]:
        return self._client.writing()

    async def assign(
        self,
        contract: PolicyContract,
        policy_id: str,
        assignments: Sequence[Assignment],
        *,
        justification: str | None = None,
        approval: str | None = None,
    ) -> str | None:
        return await self._send(
            lambda: self._client.assign(
                contract, policy_id, assignments, justification=justification, approval=approval
            )
        )

    async def add_assignment(
        self,
        contract: PolicyContract,
        policy_id: str,
        assignment: Assignment,
        *,
        justification: str | None = None,
    ) -> str | None:
        return await self._send(
            lambda: self._client.add_assignment(contract, policy_id, assignment, justification=justification)
        )

    async def delete_assignment(
        self,
        contract: PolicyContract,
        policy_id: str,
        assignment_id: str,
        *,
        justification: str | None = None,
    ) -> str | None:
        return await self._send(
            lambda: self._client.delete_assignment(
                contract, policy_id, assignment_id, justification=justification
            )
        )

    async def _send(self, write: Callable[[], Awaitable[str | None]]) -> str | None:
        if not self._claim.holds():
            raise LeaseLost
        request_id = await write()
        crash_here(AFTER_GRAPH_WRITE)
        return request_id


def _refused() -> OperationFailure:
    return OperationFailure(
        "Assignments are written through the restore run only.",
        reason=ReasonCode.UNSUPPORTED,
        code="write_refused",
    )
