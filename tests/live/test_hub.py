"""One look at the database for all who watch; no queue for anybody; and nothing is lost with a hint."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing
from typing import Any

import psycopg
import pytest
from websockets.exceptions import ConnectionClosedError

from atlas_gql.access.actors import Actor
from atlas_gql.access.tokens import authenticate
from atlas_gql.db.database import Database, Transaction
from atlas_gql.schema import ids, lists
from atlas_gql.schema.live import hub as hubs
from atlas_gql.schema.live import listener, subscriptions
from atlas_gql.schema.live.changes import Changes
from atlas_gql.schema.live.hub import Hub
from atlas_gql.schema.pages import WITHIN
from atlas_gql.schema.types.run_filters import _TESTS
from support.watching import RUN_EVENTS

CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'atlas live' AND datname = current_database()
"""


@pytest.fixture
def quick(monkeypatch) -> None:
    """Looks that follow each other at once."""
    monkeypatch.setattr(hubs, "PACE", 0.0)


def with_hub(url: str, token: str, script: Callable[[Hub, Actor], Any]) -> None:
    """Play a script to a hub that looks."""

    async def run() -> None:
        database = Database(url, max_connections=3)
        await database.open()
        hub = Hub(database, url)
        looking = asyncio.create_task(hub.run())
        try:
            actor = await authenticate(database, token)
            assert actor is not None
            async with asyncio.timeout(20):
                await script(hub, actor)
        finally:
            looking.cancel()
            await asyncio.wait([looking])
            await database.close()

    asyncio.run(run())


async def news(changes: AsyncGenerator[Changes, None], count: int) -> list[tuple[str, int]]:
    """The next so many runs that changed, with how far they are."""
    seen: list[tuple[str, int]] = []
    while len(seen) < count:
        seen += [(row.uuid, row.processed) for row in (await anext(changes)).rows]
    return seen


def test_who_is_slow_is_told_of_each_run_once_as_it_is_then(quick, runs, database_url):
    place = runs.place
    one, other = runs.add(), runs.add()

    async def script(hub: Hub, actor: Actor) -> None:
        with hub.watching(actor, place.workspace) as slow, hub.watching(actor, place.workspace) as fast:
            async with aclosing(slow.changes(None)) as slowly, aclosing(fast.changes(None)) as quickly:
                await anext(slowly)
                await anext(quickly)
                for processed in range(1, 6):
                    runs.progress(one, processed)
                    assert await news(quickly, 1) == [(str(one), processed)]
                runs.progress(other, 9)
                assert await news(quickly, 1) == [(str(other), 9)]
                assert await news(slowly, 2) == [(str(one), 5), (str(other), 9)]
                # From here on it is told what the others are told, in the same rows.
                runs.progress(other, 10)
                assert await news(quickly, 1) == await news(slowly, 1) == [(str(other), 10)]

    with_hub(database_url, place.token, script)


def test_who_is_slow_catches_up_in_parts(quick, runs, database_url, monkeypatch):
    monkeypatch.setattr(hubs, "PART", 3)
    monkeypatch.setattr(hubs, "MOST", 4)
    place, made = runs.place, [runs.add() for _ in range(10)]

    async def script(hub: Hub, actor: Actor) -> None:
        with hub.watching(actor, place.workspace) as watcher:
            async with aclosing(watcher.changes(None)) as changes:
                begun = (await anext(changes)).moment
                for run in made:
                    runs.progress(run, 1)
                assert await news(changes, 10) == [(str(run), 1) for run in made]
        with hub.watching(actor, place.workspace) as watcher:
            async with aclosing(watcher.changes(begun)) as changes:
                parts = [(await anext(changes)).rows for _ in range(5)]
                assert [len(part) for part in parts] == [0, 3, 3, 3, 1]
                assert [row.uuid for part in parts for row in part] == [str(run) for run in made]

    with_hub(database_url, place.token, script)


def test_a_look_costs_two_statements_for_any_number_of_watchers(quick, runs, database_url, monkeypatch):
    seen: list[str] = []
    original = Transaction.fetch
    place = runs.place
    run, others = runs.add(), [place.atlas.new_place() for _ in range(3)]

    async def script(hub: Hub, actor: Actor) -> None:
        here = asyncio.get_running_loop()

        async def counted(self, statement, **parameters):
            if asyncio.get_running_loop() is here:  # a worker of another test's installation lives as well
                seen.append(str(statement))
            return await original(self, statement, **parameters)

        monkeypatch.setattr(Transaction, "fetch", counted)
        async with AsyncExitStack() as watching:
            streams = []
            for workspace in [place.workspace] * 5 + [other.workspace for other in others]:
                watcher = watching.enter_context(hub.watching(actor, workspace))
                streams.append(await watching.enter_async_context(aclosing(watcher.changes(None))))
            await asyncio.gather(*(anext(stream) for stream in streams))
            runs.progress(run, 1)
            assert await asyncio.gather(*(news(stream, 1) for stream in streams[:5])) == [[(str(run), 1)]] * 5
            assert 2 * hub._looks <= len(seen) <= 2 * (hub._looks + 1)  # one may be under way
        assert hub._topics == {}

    with_hub(database_url, place.token, script)


def run_id(run: object) -> str:
    return ids.encode("OperationRun", str(run))


def test_a_listener_that_is_cut_off_costs_no_event(runs, watch):
    place, run = runs.place, runs.add()
    with watch(place.atlas.url, place.token, RUN_EVENTS, {"runId": run_id(run)}) as bodies:
        next(bodies)
        for processed in (1, 2):
            runs.execute(CUT)
            runs.progress(run, processed)
            (shown,) = next(bodies)["data"].values()
            assert shown["run"]["counters"]["processed"] == processed


def test_without_any_hint_changes_are_told_all_the_same(runs, database_url, monkeypatch):
    async def deaf(url: str, heard: Callable[[str | None], None]) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(hubs, "listen", deaf)
    place, run = runs.place, runs.add()

    async def script(hub: Hub, actor: Actor) -> None:
        with hub.watching(actor, place.workspace) as watcher:
            async with aclosing(watcher.changes(None)) as changes:
                await anext(changes)
                runs.progress(run, 1)
                assert await news(changes, 1) == [(str(run), 1)]

    with_hub(database_url, place.token, script)


def test_a_hint_is_heard_before_anybody_would_look_unasked(runs, database_url, monkeypatch):
    monkeypatch.setattr(hubs, "UNASKED", 3600)
    place, run = runs.place, runs.add()

    async def script(hub: Hub, actor: Actor) -> None:
        with hub.watching(actor, place.workspace) as watcher:
            async with aclosing(watcher.changes(None)) as changes:
                await anext(changes)
                runs.progress(run, 1)
                assert await news(changes, 1) == [(str(run), 1)]

    with_hub(database_url, place.token, script)


def test_a_database_that_does_not_answer_is_waited_for(quick, runs, database_url, monkeypatch):
    place, run, failures = runs.place, runs.add(), [OSError("gone"), OSError("gone")]
    original = hubs.changed

    async def failing(*args: Any, **given: Any) -> Changes:
        if failures:
            raise failures.pop()
        return await original(*args, **given)

    monkeypatch.setattr(hubs, "changed", failing)

    async def script(hub: Hub, actor: Actor) -> None:
        with hub.watching(actor, place.workspace) as watcher:
            async with aclosing(watcher.changes(None)) as changes:
                await anext(changes)
                runs.progress(run, 1)
                assert await news(changes, 1) == [(str(run), 1)]
                assert failures == []

    with_hub(database_url, place.token, script)


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        pytest.param(RuntimeError("secret"), ["INTERNAL_SERVER_ERROR"], id="a fault"),
        pytest.param(psycopg.OperationalError("secret"), ["cut"], id="no database"),
    ],
)
def test_what_fails_is_masked_and_an_outage_sends_clients_away_to_come_again(
    runs, monkeypatch, watch, failure, told
):
    async def failing(*args: Any, **given: Any) -> Any:
        raise failure

    monkeypatch.setattr(subscriptions, "run_now", failing)
    place, run = runs.place, runs.add()
    seen: list[str] = []
    try:
        with watch(place.atlas.url, place.token, RUN_EVENTS, {"runId": run_id(run)}) as bodies:
            seen += [error["extensions"]["code"] for body in bodies for error in body["errors"]]
    except (EOFError, ConnectionClosedError):
        seen.append("cut")
    assert seen == told


def test_only_the_workspace_in_a_hint_is_looked_for(runs, database_url):
    """What happens elsewhere wakes nobody."""
    assert listener.CHANNEL == "atlas_runs"
    place, elsewhere = runs.place, runs.place.atlas.new_place()

    async def script(hub: Hub, actor: Actor) -> None:
        with hub.watching(actor, place.workspace) as watcher:
            async with aclosing(watcher.changes(None)) as changes:
                await anext(changes)
                hub._hint.clear()
                hub._heard(str(elsewhere.workspace))
                assert not hub._hint.is_set()
                hub._heard(str(place.workspace))
                assert hub._hint.is_set()

    with_hub(database_url, place.token, script)


def test_a_filter_knows_every_condition():
    """A run is asked whatever a list can be asked."""
    assert set(_TESTS) == {*lists.WORKSPACE_RUNS.filters, *lists.WORKSPACE_RUNS.each, WITHIN, "internal"}
