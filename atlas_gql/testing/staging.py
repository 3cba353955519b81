"""Interruptions between two items of a run, at a place that a test chose.

Handlers of a staged installation are given their context through here: each item that is recorded is
counted, and behind the one that was named the attempt ends.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from atlas_gql.ops.control import ControlFlow, RunCancelled, RunReleased
from atlas_gql.plugins.api import Operation, Run
from atlas_gql.plugins.loading import Loaded

_RECORDING = frozenset({"succeeded", "failed", "skipped"})
_PARTS: Mapping[str, frozenset[str]] = {
    "backups": frozenset({"save"}),
    "restores": frozenset({"save", "apply", "confirm"}),
}
"""What else records items, by the part of the context that has it."""


@dataclass(frozen=True, kw_only=True)
class Interruption:
    """Something that happens to a run once, behind its `after`th item; before any of them when it is 0."""

    kind: str
    after: int
    raises: type[ControlFlow]


def worker_lost(*, after: int = 1) -> Interruption:
    """The run's worker stops: another attempt goes on, which `ctx.done()` tells what is final."""
    return Interruption(kind="worker lost", after=after, raises=RunReleased)


def cancelled(*, after: int = 1) -> Interruption:
    """Somebody cancels the run."""
    return Interruption(kind="cancelled", after=after, raises=RunCancelled)


def rights_lost(*, after: int = 1) -> Interruption:
    """The user who started the run is no member any more when another attempt would go on."""
    return Interruption(kind="rights lost", after=after, raises=RunReleased)


@dataclass(frozen=True)
class Recorded:
    """What the handler itself said of an item: how it ended, its label and its result."""

    attempt: int
    key: str
    said: tuple[str, str, str | None]


@dataclass
class Staged:
    """What a test wants of a tenant's next run, and what it saw of it."""

    type: str
    """The operation that the test runs; what its run starts goes on as it is."""
    interruption: Interruption | None = None
    graph_raises: Exception | None = None
    """What every call to Graph raises."""
    happen: Callable[[UUID], None] = lambda _: None
    """What takes place at the interruption; called in a thread, with the run's id."""
    happened: bool = False
    recorded: list[Recorded] = dataclasses.field(default_factory=list)
    left: int = 0

    async def behind_item(self, run: Run) -> None:
        """Raises what ends the attempt, when it is its time."""
        if self.interruption is None or self.happened or run.type != self.type:
            return
        if self.left > 0:
            self.left -= 1
        if self.left == 0:
            self.happened = True
            await asyncio.to_thread(self.happen, run.id)
            raise self.interruption.raises


class Stage:
    """The interruptions of one installation, by tenant."""

    def __init__(self) -> None:
        self._of: dict[UUID, Staged] = {}

    def set(self, tenant: UUID, staged: Staged) -> None:
        """What is to come in a tenant."""
        staged.left = staged.interruption.after if staged.interruption else 0
        self._of[tenant] = staged

    def seen(self, tenant: UUID) -> Staged:
        """What was seen of a tenant's last run."""
        return self._of[tenant]

    def over(self, plugins: Loaded) -> Loaded:
        """The same plugins, with handlers that can be interrupted."""
        operations = {type_: self._staged(operation) for type_, operation in plugins.operations.items()}
        return dataclasses.replace(plugins, operations=operations)

    def _staged(self, operation: Operation[Any]) -> Operation[Any]:
        async def handler(ctx: Any, given: Any) -> Any:
            staged = self._of.get(ctx.tenant.id)
            if staged is None:
                return await operation.handler(ctx, given)
            if staged.left == 0:
                await staged.behind_item(ctx.run)
            return await operation.handler(_Context(ctx, staged), given)

        return dataclasses.replace(operation, handler=handler)


class _Context:
    """A `RunContext` whose recording is counted."""

    def __init__(self, ctx: Any, staged: Staged) -> None:
        self._ctx = ctx
        self._staged = staged

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._ctx, name)
        if name == "graph" and self._staged.graph_raises is not None:
            return _Raising(self._staged.graph_raises)
        if name in _PARTS:
            return _Part(value, _PARTS[name], self._counted)
        if name not in _RECORDING:
            return value

        async def record(key: str, label: str = "", *args: Any, **kwargs: Any) -> None:
            if self._ctx.run.type == self._staged.type:
                said = (name, label, kwargs.get("result"))
                self._staged.recorded.append(Recorded(self._ctx.run.attempt, key, said))
            await self._counted(value(key, label, *args, **kwargs))

        return record

    async def _counted(self, recording: Awaitable[Any]) -> Any:
        given = await recording
        await self._staged.behind_item(self._ctx.run)
        return given


class _Raising:
    """A Graph client that raises."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def call(*_: Any, **__: Any) -> Any:
            raise self._error

        return call


class _Part:
    """A part of the context that records items, too."""

    def __init__(
        self, part: Any, recording: frozenset[str], counted: Callable[[Awaitable[Any]], Awaitable[Any]]
    ) -> None:
        self._part = part
        self._recording = recording
        self._counted = counted

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._part, name)
        if name not in self._recording:
            return value
        return lambda *args, **kwargs: self._counted(value(*args, **kwargs))
