"""What the resolvers of one GraphQL operation share; never more than one operation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import strawberry
from strawberry.dataloader import DataLoader

from atlas_gql.access.actors import Actor
from atlas_gql.db.database import ScopedDatabase
from atlas_gql.providers.sealing import Sealer
from atlas_gql.schema.engine import Engine

if TYPE_CHECKING:
    from atlas_gql.schema.live.hub import Hub


Foreseen = dict[Hashable, Any]
"""Rows by row map, attributes and key; None for what there is not."""


@dataclass(kw_only=True)
class Context:
    """Who asks, what answers, and what was read already."""

    actor: Actor
    database: ScopedDatabase
    engine: Engine
    sealer: Sealer
    request_id: str
    longest_token: timedelta = timedelta(days=366)
    """How long a token may live that is made here."""
    hub: Hub | None = None
    """What tells of changes; only subscriptions need it."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    """One present for all of the operation, so that siblings ask the same."""
    loaders: dict[Hashable, DataLoader[Any, Any]] = field(default_factory=dict)
    selections: dict[Hashable, Any] = field(default_factory=dict)
    """What was looked ahead for; the operation's own, where it is known."""
    foreseen: Foreseen = field(default_factory=dict)
    """Rows that were read before they were asked for."""
    reads: dict[str, Any] | None = None
    """Where a query notes what it reads for the thing that it is about; None, where it is about none."""
    passed: set[Hashable] | None = None
    """Where in the answer a guard asked for rights and found them; None, unless somebody looks on."""

    def loader(
        self, key: Hashable, load: Callable[[list[Any]], Awaitable[list[Any]]]
    ) -> DataLoader[Any, Any]:
        """The loader known by this key: all that one level of a query asks of it becomes one statement."""
        loader = self.loaders.get(key)
        if loader is None:
            loader = self.loaders[key] = DataLoader(load_fn=load)
        return loader

    def forget(self) -> None:
        """Read anew from here on: a mutation changed what was read."""
        self.loaders.clear()


Info = strawberry.Info[Context, None]
