"""Changes are told by when they took effect, not by when they were begun: none is lost, none comes twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest

from atlas_gql.db.database import Database
from atlas_gql.schema.live.changes import changed, now
from support.runs import add_run, add_runs, change, end, quiet_place


@pytest.fixture
def connect(admin_url: str) -> Iterator[object]:
    """Makes connections whose transactions are open until they are committed."""
    made: list[psycopg.Connection] = []

    def new() -> psycopg.Connection:
        made.append(psycopg.connect(admin_url))
        return made[-1]

    yield new
    for connection in made:
        connection.close()


class Reader:
    """Follows a workspace as clients do: from moment to moment, so many runs at a time."""

    def __init__(self, database: Database, place, *, most: int = 100) -> None:
        self.database = database
        self.workspace = place.workspace
        self.most = most
        self.told: list[tuple[str, int]] = []

    async def begin(self) -> None:
        self.at = await now(self.database)

    async def read(self) -> list[str]:
        """What is new: the runs of one read."""
        found = await changed(self.database, [self.workspace], since=self.at.snapshot, most=self.most)
        self.at = found.moment
        self.told += [(row.uuid, row.changed) for row in found.rows]
        return [row.uuid for row in found.rows]

    async def read_all(self) -> list[str]:
        everything = []
        while some := await self.read():
            everything += some
        return everything


def following(url: str, place, script, **how) -> Reader:
    """The reader after a script has been played to it."""

    async def run() -> Reader:
        database = Database(url, max_connections=2)
        await database.open()
        try:
            reader = Reader(database, place, **how)
            await reader.begin()
            await script(reader)
            return reader
        finally:
            await database.close()

    return asyncio.run(run())


def test_what_was_begun_before_and_committed_after_is_told(database_url, atlas, connect):
    place, early, late = quiet_place(atlas), connect(), connect()

    async def script(reader: Reader) -> None:
        first = str(add_run(early, place))
        second = str(add_run(late, place))
        late.commit()
        assert await reader.read() == [second]
        assert await reader.read() == []
        early.commit()
        assert await reader.read() == [first]
        assert await reader.read() == []

    following(database_url, place, script)


def test_an_end_that_commits_after_a_later_end_is_told(database_url, atlas, connect):
    place, early, late = quiet_place(atlas), connect(), connect()
    first, second = add_run(early, place, status="running"), add_run(early, place, status="running")
    early.commit()

    async def script(reader: Reader) -> None:
        end(early, first)
        end(late, second)
        late.commit()
        assert await reader.read() == [str(second)]
        early.commit()
        assert await reader.read() == [str(first)]
        assert await reader.read() == []

    following(database_url, place, script)


def test_what_was_rolled_back_is_never_told(database_url, atlas, connect):
    place, one, other = quiet_place(atlas), connect(), connect()

    async def script(reader: Reader) -> None:
        add_run(one, place)
        kept = str(add_run(other, place))
        other.commit()
        assert await reader.read() == [kept]
        one.rollback()
        assert await reader.read() == []

    following(database_url, place, script)


def test_many_changes_are_told_in_parts_and_each_once(database_url, admin_url, atlas, connect):
    place, slow = quiet_place(atlas), connect()

    async def script(reader: Reader) -> None:
        held = str(add_run(slow, place))
        made = {str(run) for run in add_runs(admin_url, place, 40)}  # one transaction
        for status in ("queued", "completed") * 6:
            made |= {str(run) for run in add_runs(admin_url, place, 1, status=status)}
        first = await reader.read()
        slow.commit()
        rest = await reader.read_all()
        # A transaction is never cut in two: the first one's runs come together.
        assert len(first) == 40
        assert Counter(first + rest) == Counter({held, *made})

    following(database_url, place, script, most=5)


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_commits_and_reads_tells_each_state_that_lasts_once(database_url, atlas, connect, seed):
    """Transactions that overlap at random, with reads in between."""
    chance, place = random.Random(seed), quiet_place(atlas)
    setup = connect()
    runs = [add_run(setup, place, status="running") for _ in range(6)]
    setup.commit()
    lanes = {connect(): runs[n::3] for n in range(3)}  # no two transactions change the same run

    async def script(reader: Reader) -> None:
        for step in range(1, 61):
            lane = chance.choice(list(lanes))
            change(lane, chance.choice(lanes[lane]), processed=step)
            if chance.random() < 0.5:
                chance.choice(list(lanes)).commit()
            if chance.random() < 0.5:
                await reader.read()
        for lane in lanes:
            lane.commit()
        await reader.read_all()

    reader = following(database_url, place, script, most=2)
    assert [state for state, times in Counter(reader.told).items() if times > 1] == []
    newest = dict(
        setup.execute(
            "SELECT id::text, changed_in::text::bigint FROM operation_runs WHERE id = ANY (%s)", (runs,)
        ).fetchall()
    )
    assert {run: max(state for told, state in reader.told if told == run) for run in newest} == newest
