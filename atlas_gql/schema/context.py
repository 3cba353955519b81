"""What the resolvers of one GraphQL operation share; never more than one operation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import strawberry
from strawberry.dataloader import DataLoader

from atlas_gql.access.actors import Actor
from atlas_gql.db.database import ScopedDatabase
from atlas_gql.providers.sealing import Sealer
from atlas_gql.schema.engine import Engine


@dataclass(kw_only=True)
class Context:
    """Who asks, what answers, and what was read already."""

    actor: Actor
    database: ScopedDatabase
    engine: Engine
    sealer: Sealer
    request_id: str
    loaders: dict[Hashable, DataLoader[Any, Any]] = field(default_factory=dict)
    selections: dict[Hashable, frozenset[str]] = field(default_factory=dict)
    _loading: set[asyncio.Task[Any]] = field(default_factory=set)

    def loader(
        self, key: Hashable, load: Callable[[list[Any]], Awaitable[list[Any]]]
    ) -> DataLoader[Any, Any]:
        """The loader known by this key: all that one level of a query asks of it becomes one statement."""
        loader = self.loaders.get(key)
        if loader is None:

            async def loading(keys: list[Any]) -> list[Any]:
                # A loader works in a task of its own, which nobody else could cancel.
                task = asyncio.current_task()
                assert task is not None
                self._loading.add(task)
                try:
                    return await load(keys)
                finally:
                    self._loading.discard(task)

            loader = self.loaders[key] = DataLoader(load_fn=loading)
        return loader

    def cancel(self) -> None:
        """Stop what is being read: nobody waits for it any more."""
        for task in self._loading:
            task.cancel()

    def forget(self) -> None:
        """Read anew from here on: a mutation changed what was read."""
        self.loaders.clear()


Info = strawberry.Info[Context, None]
