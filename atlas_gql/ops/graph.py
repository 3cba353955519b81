"""A tenant's Graph client as a run may use it: read-only, and patient with Microsoft's long pauses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Collection, Mapping
from typing import Any, NoReturn, TypeVar

from atlas_gql.errors import GraphError, OperationFailure
from atlas_gql.graph import Filter, GraphClient, Group, Policy, PolicyContract
from atlas_gql.ops.control import RunReleased
from atlas_gql.reasons import ReasonCode

T = TypeVar("T")

LONGEST_WAIT = 60.0
"""Seconds of Retry-After that a run waits for in its slot; for more it goes back to the queue."""


def release_if_long(error: OperationFailure) -> None:
    """Raises RunReleased when Microsoft asked for a pause that no worker should sit out."""
    if (
        isinstance(error, GraphError)
        and error.reason_code is ReasonCode.THROTTLED
        and (error.retry_after or 0) > LONGEST_WAIT
    ):
        raise RunReleased(error.retry_after or 0) from error


async def _patient(call: Awaitable[T]) -> T:
    try:
        return await call
    except GraphError as exc:
        release_if_long(exc)
        raise


async def _patiently(items: AsyncIterator[T]) -> AsyncIterator[T]:
    try:
        async for item in items:
            yield item
    except GraphError as exc:
        release_if_long(exc)
        raise


class ReadOnlyGraph:
    """The client without the ways to write assignments: those go through `restores.apply`."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client

    def policies(self, contract: PolicyContract) -> AsyncIterator[Policy]:
        return _patiently(self._client.policies(contract))

    async def policy(self, contract: PolicyContract, policy_id: str) -> Policy:
        return await _patient(self._client.policy(contract, policy_id))

    async def groups(self, ids: Collection[str]) -> dict[str, Group | None]:
        return await _patient(self._client.groups(ids))

    async def groups_named(self, names: Collection[str]) -> dict[str, list[Group]]:
        return await _patient(self._client.groups_named(names))

    async def filters(self) -> list[Filter]:
        return await _patient(self._client.filters())

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        return await _patient(self._client.get(path, params))

    def pages(self, path: str, params: Mapping[str, str] | None = None) -> AsyncIterator[dict[str, Any]]:
        return _patiently(self._client.pages(path, params))

    async def assign(self, *_: Any, **__: Any) -> NoReturn:
        raise OperationFailure(
            "Assignments are written through the restore run only.",
            reason=ReasonCode.UNSUPPORTED,
            code="write_refused",
        )

    add_assignment = delete_assignment = assign

    async def aclose(self) -> None:
        """Nothing: the client belongs to the process."""
