"""The statements that an installation makes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from atlas_gql.access.uses import WRITE
from atlas_gql.db.database import Transaction
from atlas_gql.testing.installation import Installation


@contextmanager
def counted(atlas: Installation) -> Iterator[list[str]]:
    """Every statement of an installation without a worker, in order; another one may live in this process."""
    seen: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fetch", "execute", "execute_many"):
            original = getattr(Transaction, name)

            async def noted(
                self: Any, statement: Any, *args: Any, _original: Any = original, **parameters: Any
            ) -> Any:
                if asyncio.get_running_loop() is atlas._loop and statement is not WRITE:
                    seen.append(str(statement))
                return await _original(self, statement, *args, **parameters)

            patch.setattr(Transaction, name, noted)
        together = Transaction.together

        async def all_noted(self: Any, *asked: Any) -> Any:
            if asyncio.get_running_loop() is atlas._loop:
                seen.extend(str(statement) for statement, _ in asked)
            return await together(self, *asked)

        patch.setattr(Transaction, "together", all_noted)
        yield seen
