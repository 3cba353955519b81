"""Reads in one message: the rows that psycopg itself would give, whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.errors import DivisionByZero
from sqlalchemy import ARRAY, Integer, Text, Uuid, bindparam, column, func, literal_column, select, text

from atlas_gql.db.database import NOBODY, Database, Scope, Transaction
from atlas_gql.db.reading import KEPT

SETTING = select(func.current_setting("atlas.user_id", True).label("setting"))
NUMBERS = select(func.generate_series(1, bindparam("count", type_=Integer)).label("n"))
DIVIDED = select((literal_column("10") / bindparam("by", type_=Integer)).label("n"))
SLOW = text("SELECT pg_sleep(30) AS slept")
ME = Scope(kind="actor", user_id=UUID(int=7))


def with_one_connection(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    def run(database_url: str, admin_url: str) -> None:
        async def main() -> None:
            database = Database(database_url, max_connections=1)
            await database.open()
            try:
                await test(database, *([admin_url] if "admin_url" in test.__annotations__ else []))
            finally:
                await database.close()

        asyncio.run(main())

    run.__name__ = test.__name__
    return run


@with_one_connection
async def test_values_are_those_of_psycopg(database: Database) -> None:
    at, id_ = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), uuid4()
    statement = select(
        bindparam("at", at).label("at"),
        bindparam("id", id_, type_=Uuid).label("id"),
        bindparam("none", None, type_=Text).label("none"),
        literal_column("'50 %'").label("percent"),
        literal_column("""'{"a": [1]}'::jsonb""").label("json"),
        bindparam("words", ["a", 'b"c'], type_=ARRAY(Text)).label("words"),
    )
    (row,) = await database.scope(NOBODY).fetch(statement)
    assert row == (at, id_, None, "50 %", {"a": [1]}, ["a", 'b"c'])
    assert row._fields == ("at", "id", "none", "percent", "json", "words")
    assert await database.scope(NOBODY).fetch(NUMBERS, count=0) == []
    assert await database.scope(NOBODY).fetch(select(text("1, 2"))) == [(1, 2)]


@with_one_connection
async def test_a_statement_is_the_same_before_and_after_it_is_prepared(database: Database) -> None:
    for count in (1, 2, 3, 4, 5, 300_000, 2):
        rows = await database.scope(ME).fetch(NUMBERS, count=count)
        assert [row.n for row in rows] == list(range(1, count + 1))


@with_one_connection
async def test_more_than_the_socket_takes_at_once_arrives(database: Database) -> None:
    words = [f"{n:0100}" for n in range(100_000)]
    statement = select(func.unnest(bindparam("words", type_=ARRAY(Text))).label("word"))
    rows = await database.scope(NOBODY).fetch(statement, words=words)
    assert [row.word for row in rows] == words


@with_one_connection
async def test_more_statements_than_are_kept_prepared(database: Database) -> None:
    statements = [select(literal_column(str(n)).label("n")) for n in range(KEPT + 20)]
    for _ in range(5):
        for n, statement in enumerate(statements):
            assert (await database.scope(ME).one(statement)).n == n
    names = select(func.count().label("count")).select_from(text("pg_prepared_statements"))
    assert (await database.scope(NOBODY).one(names)).count <= KEPT + 1


@with_one_connection
async def test_a_setting_ends_with_its_read(database: Database) -> None:
    for _ in range(5):
        assert (await database.scope(ME).one(SETTING)).setting == str(ME.user_id)
        assert not (await database.scope(NOBODY).one(SETTING)).setting


@with_one_connection
async def test_after_an_error_the_connection_is_as_before(database: Database) -> None:
    pid = select(func.pg_backend_pid().label("pid"))
    before = await database.scope(NOBODY).one(pid)
    for by, expected in ((5, 2), (0, None), (2, 5), (0, None), (0, None), (1, 10), (10, 1)):
        if expected is None:
            with pytest.raises(DivisionByZero):
                await database.scope(ME).one(DIVIDED, by=by)
        else:
            assert (await database.scope(ME).one(DIVIDED, by=by)).n == expected
        assert not (await database.scope(NOBODY).one(SETTING)).setting
    assert await database.scope(NOBODY).one(pid) == before


@with_one_connection
async def test_what_was_prepared_may_be_gone(database: Database) -> None:
    scope = database.scope(ME)

    async def rolled_back(tx: Transaction) -> None:
        for by in (*[1] * 10, 0):
            await tx.one(DIVIDED, by=by)

    for _ in range(3):
        for _ in range(5):
            assert [row.n for row in await scope.fetch(NUMBERS, count=2)] == [1, 2]
        with pytest.raises(DivisionByZero):
            await scope.step(rolled_back)  # psycopg drops whatever is prepared then


@with_one_connection
async def test_what_cannot_be_sent_harms_nothing(database: Database) -> None:
    with pytest.raises(psycopg.Error):
        await database.scope(ME).one(select(bindparam("odd", type_=Text).label("odd")), odd=object())
    with pytest.raises(psycopg.Error):
        await database.scope(ME).one(select(bindparam("nul", type_=Text).label("nul")), nul="\0")
    assert (await database.scope(ME).one(SETTING)).setting


@with_one_connection
async def test_who_is_cancelled_leaves_nothing_behind(database: Database) -> None:
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await database.scope(ME).fetch(SLOW)
        assert not (await database.scope(NOBODY).one(SETTING)).setting
    others = (
        select(func.count().label("count"))
        .select_from(text("pg_stat_activity"))
        .where(column("query").like("SELECT pg_sleep%"), column("state") == "active")
    )
    for _ in range(50):
        if not (await database.scope(NOBODY).one(others)).count:
            break
        await asyncio.sleep(0.1)
    assert not (await database.scope(NOBODY).one(others)).count


@with_one_connection
async def test_a_read_on_a_broken_connection_is_done_on_another(database: Database, admin_url: str) -> None:
    pid = select(func.pg_backend_pid().label("pid"))
    before = (await database.scope(ME).one(pid)).pid
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", (before,))
    assert (await database.scope(ME).one(pid)).pid != before
