"""Connections break; what may be done again is, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, text

from atlas_gql.db.database import ENGINE, Database, ScopedDatabase, Transaction

ME = select(text("pg_backend_pid() AS pid"))
CUT = "SELECT pg_terminate_backend(%s)"


def with_database(url: str, work: Callable[[ScopedDatabase], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        database = Database(url, max_connections=3)
        await database.open()
        try:
            return await work(database.scope(ENGINE))
        finally:
            await database.close()

    return asyncio.run(main())


def cut(admin_url: str, pid: int) -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(CUT, [pid])


@pytest.mark.parametrize("how", ["fetch", "begin", "step"])
def test_a_connection_that_broke_in_the_pool_is_replaced(database_url: str, admin_url: str, how: str) -> None:
    async def work(database: ScopedDatabase) -> Any:
        before = (await database.fetch(ME))[0].pid
        await asyncio.to_thread(cut, admin_url, before)
        if how == "fetch":
            return before, (await database.fetch(ME))[0].pid
        if how == "step":
            return before, (await database.step(lambda tx: tx.one(ME))).pid
        async with database.begin() as tx:
            return before, (await tx.one(ME)).pid

    before, after = with_database(database_url, work)
    assert before != after


def test_a_step_that_breaks_is_done_again_as_a_whole(database_url: str, admin_url: str) -> None:
    async def work(database: ScopedDatabase) -> list[int]:
        tries: list[int] = []

        async def step(tx: Transaction) -> None:
            tries.append((await tx.one(ME)).pid)
            if len(tries) == 1:
                await asyncio.to_thread(cut, admin_url, tries[0])
            await tx.one(ME)

        await database.step(step)
        return tries

    first, second = with_database(database_url, work)
    assert first != second


def test_a_transaction_that_breaks_in_the_middle_is_not_done_again(database_url: str, admin_url: str) -> None:
    async def work(database: ScopedDatabase) -> None:
        async with database.begin() as tx:
            await asyncio.to_thread(cut, admin_url, (await tx.one(ME)).pid)
            await tx.one(ME)

    with pytest.raises(psycopg.OperationalError):
        with_database(database_url, work)
