"""What all watchers of a process share: one look at the database for all of them, twice a second at most.

A look reads the runs that changed since the look before, in all workspaces that somebody watches, and the
rights of everybody who watches. It is taken when PostgreSQL tells of a change, and each second without.
Watchers keep no queue: one that was busy meanwhile reads what it missed itself, as it is then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from atlas_gql.access.actors import Actor
from atlas_gql.access.tokens import actors_again
from atlas_gql.db.database import Database
from atlas_gql.errors import Unauthenticated
from atlas_gql.schema.live.changes import Changes, changed, now
from atlas_gql.schema.live.listener import listen
from atlas_gql.schema.live.moments import Moment, check_follows

log = structlog.get_logger("atlas.live")

PACE = 0.5
"""Seconds between two looks: no watcher is told of a run more than twice a second."""
UNASKED = 1.0
"""Seconds after which a look is taken without a hint: a hint may be lost, and a token may end."""
MOST = 500
"""Runs that one look reads; what is beyond is read by the next one, at once."""
PART = 100
"""Runs that a watcher reads at a time when it catches up."""


class Closing(Exception):
    """This process cannot go on telling: the client should come again, and may be served by another."""


@dataclass(kw_only=True, eq=False)
class _Topic:
    """A workspace that somebody watches, its newest changes, and which looks found them and those before."""

    watchers: set[Watcher] = field(default_factory=set)
    newest: Changes | None = None
    newest_in: int = 0
    before_in: int = 0


class Watcher:
    """Somebody who watches the runs of a workspace."""

    def __init__(self, hub: Hub, topic: _Topic, workspace_id: UUID, actor: Actor) -> None:
        self._hub = hub
        self._topic = topic
        self._workspace_id = workspace_id
        self._woken = asyncio.Event()
        self.proof = actor.proof
        self._actor: Actor | None = actor

    @property
    def actor(self) -> Actor:
        """Who watches, with the rights of the newest look.

        Raises Unauthenticated when the token opens nothing any more, Closing when the process stops.
        """
        if self._hub.closing:
            raise Closing
        if self._actor is None:
            raise Unauthenticated
        return self._actor

    def tell(self, actor: Actor | None, *, news: bool) -> None:
        """Take note of a look: of the rights at its time, and whether there is something new."""
        if news or actor != self._actor:
            self._woken.set()
        self._actor = actor

    async def changes(self, after: Moment | None) -> AsyncGenerator[Changes, None]:
        """What changes in the workspace from a moment on, each change once; first where it begins.

        Without a moment it begins now. Also gives nothing (no rows) when rights have changed. Raises
        CursorExpired, and what `actor` raises.
        """
        look, end = await self._hub.next_look()
        at = after or end
        check_follows(end, at)
        yield Changes(rows=[], moment=at)
        while True:
            while at.snapshot != end.snapshot:
                found = await self._hub.catch_up(self._workspace_id, at, end)
                at = found.moment
                yield found
            await self._woken.wait()
            self._woken.clear()
            topic, known = self._topic, look
            look = max(look, topic.newest_in)
            if topic.newest is None or topic.newest_in <= known:
                yield Changes(rows=[], moment=at)
            elif topic.before_in <= known:
                at = end = topic.newest.moment
                yield topic.newest
            else:
                end = topic.newest.moment


class Hub:
    """The watchers of one process. `run` looks for them."""

    def __init__(self, database: Database, url: str) -> None:
        self.database = database
        self.closing = False
        self._url = url
        self._topics: dict[UUID, _Topic] = {}
        self._waiting: list[asyncio.Future[tuple[int, Moment]]] = []
        self._looks = 0
        self._moment: Moment | None = None
        self._hint = asyncio.Event()
        self._somebody = asyncio.Event()

    async def run(self) -> None:
        """Listen and look, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(listen(self._url, self._heard))
            group.create_task(self._look_again_and_again())

    def close(self) -> None:
        """End every watcher with Closing, and let nobody watch any more."""
        self.closing = True
        for watcher in self._watchers():
            watcher.tell(None, news=True)
        for future in self._waiting:
            if not future.done():
                future.set_exception(Closing())

    @contextmanager
    def watching(self, actor: Actor, workspace_id: UUID) -> Iterator[Watcher]:
        """A watcher of a workspace, whose rights on it were checked."""
        if self.closing:
            raise Closing
        topic = self._topics.setdefault(workspace_id, _Topic())
        watcher = Watcher(self, topic, workspace_id, actor)
        topic.watchers.add(watcher)
        self._somebody.set()
        try:
            yield watcher
        finally:
            topic.watchers.discard(watcher)
            if not topic.watchers and self._topics.get(workspace_id) is topic:
                del self._topics[workspace_id]
            if not self._topics:
                self._somebody.clear()
                self._moment = None

    async def next_look(self) -> tuple[int, Moment]:
        """The number and the moment of a look that begins after this call, and is complete."""
        future: asyncio.Future[tuple[int, Moment]] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._hint.set()
        return await future

    async def catch_up(self, workspace_id: UUID, after: Moment, until: Moment) -> Changes:
        """Some of what changed in a workspace between two moments, the earliest first."""
        return await changed(
            self.database, [workspace_id], since=after.snapshot, until=until.snapshot, most=PART
        )

    def _watchers(self) -> list[Watcher]:
        return [watcher for topic in self._topics.values() for watcher in topic.watchers]

    def _heard(self, workspace: str | None) -> None:
        if workspace is None or UUID(workspace) in self._topics:
            self._hint.set()

    async def _look_again_and_again(self) -> None:
        while True:
            await self._somebody.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(UNASKED):
                    await self._hint.wait()
            self._hint.clear()
            try:
                while not await self._look():
                    pass
            except Exception as exc:
                log.warning("cannot look for changes", error=type(exc).__name__)
            await asyncio.sleep(PACE)

    async def _look(self) -> bool:
        """Look once, and tell the watchers; False when there was more than one look can read."""
        waiting, topics = self._waiting, dict(self._topics)
        self._waiting = []
        proofs = {watcher.proof for topic in topics.values() for watcher in topic.watchers}
        try:
            found = await self._changes(topics)
            # After the rows: nobody is shown what they may not see any more.
            actors = await actors_again(self.database, proofs)
        except BaseException:
            self._waiting += waiting
            raise
        self._looks += 1
        self._moment = found.moment
        news = _by_workspace(found)
        for workspace_id, topic in topics.items():
            if workspace_id in news:
                topic.before_in, topic.newest_in = topic.newest_in, self._looks
                topic.newest = news[workspace_id]
            for watcher in topic.watchers:
                # Who came in the meantime is looked for by the next one.
                if watcher.proof in proofs:
                    watcher.tell(actors.get(watcher.proof), news=workspace_id in news)
        if len(found.rows) >= MOST:
            self._waiting += waiting
            return False
        for future in waiting:
            if not future.done():
                future.set_result((self._looks, found.moment))
        return True

    async def _changes(self, workspaces: Iterable[UUID]) -> Changes:
        if self._moment is None:
            return Changes(rows=[], moment=await now(self.database))
        return await changed(self.database, list(workspaces), since=self._moment.snapshot, most=MOST)


def _by_workspace(found: Changes) -> dict[UUID, Changes]:
    news: dict[UUID, Changes] = {}
    for row in found.rows:
        news.setdefault(row.workspace_id, Changes(rows=[], moment=found.moment)).rows.append(row)
    return news
