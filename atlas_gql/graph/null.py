"""The client of a tenant that has no usable provider: it answers every call with what is missing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

from atlas_gql.errors import GraphError
from atlas_gql.reasons import ReasonCode


class NullGraphClient:
    """Every call raises GraphError (MISSING_CONFIGURATION) with the message given."""

    def __init__(self, message: str) -> None:
        self._message = message

    async def _call(self, *_: Any, **__: Any) -> NoReturn:
        raise GraphError(self._message, reason=ReasonCode.MISSING_CONFIGURATION)

    async def _list(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        await self._call()
        yield  # makes it a generator

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        await self._call()
        yield

    policies = pages = _list
    policy = assignments = groups = member_counts = deleted_groups = groups_named = filters = get = _call
    permissions = probe = _call
    assign = add_assignment = delete_assignment = send = _call

    async def aclose(self) -> None:
        """Nothing is held."""
