"""One pool of connections, and the only ways to use it: scopes.

    async with database.scope(ENGINE).begin() as tx:      # a transaction
        row = await tx.one(statement, run_id=run_id)
    rows = await database.scope(actor.scope).fetch(statement)   # one read, one round trip
    await database.scope(claim.scope).step(work)                # a transaction that may run twice

A scope says on whose behalf the database is used. All access goes through one, so that it is the one
place where row-level security is told who asks: in the same message as the first statement, and for that
transaction only. Who names nobody sees nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from psycopg import AsyncCursor, OperationalError
from psycopg.rows import namedtuple_row
from psycopg_pool import AsyncConnectionPool, PoolClosed
from sqlalchemy.sql.expression import Executable

from atlas_gql.db import roles
from atlas_gql.db.reading import Connection, Question
from atlas_gql.db.statements import prepare
from atlas_gql.errors import ConfigurationError

T = TypeVar("T")
Row = Any
"""A named tuple of the columns that were selected."""

PATIENCE = 30.0
"""Seconds for which a step is tried again when its connection breaks, or the server is restarted."""
BETWEEN_TRIES = 0.2
"""Seconds."""

SESSION = (
    "-c lock_timeout=5s -c statement_timeout=30s -c idle_in_transaction_session_timeout=30s -c timezone=UTC"
)
AS_ENGINE = f"-c role={roles.ENGINE}"
"""The option with which a connection that only does the engine's work begins."""
KEEPALIVES = {"keepalives": 1, "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}


@dataclass(frozen=True, kw_only=True)
class Scope:
    """On whose behalf the database is used: nobody's, a user's, one run's, or Atlas's own engine."""

    kind: str
    user_id: UUID | None = None
    run_id: UUID | None = None

    @property
    def setting(self) -> tuple[str, str] | None:
        """What PostgreSQL is told for the transaction: a setting and its value."""
        match self.kind:
            case "actor":
                return USER_SETTING, str(self.user_id)
            case "run":
                return "atlas.run_id", str(self.run_id)
            case "engine":
                return "role", roles.ENGINE
            case _:
                return None


USER_SETTING = "atlas.user_id"
"""Names the user on whose behalf a transaction is."""
ENGINE = Scope(kind="engine")
"""Work of Atlas itself across tenants: queue, reaper, upkeep, commands."""
NOBODY = Scope(kind="nobody")
"""No row of any table: authentication, and what concerns the server alone."""

_TELL = b"SELECT set_config(%s, %s, true)"
_SNAPSHOT = b"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"


class Transaction:
    """Statements that take effect together, in one scope; `alone` when it is one that reads."""

    def __init__(self, connection: Connection, scope: Scope, *, alone: bool = False) -> None:
        self._connection = connection
        self._untold = scope.setting
        self._alone = alone

    async def execute(self, statement: Executable, **parameters: Any) -> int:
        """Run a statement; gives the number of rows it touched."""
        return (await self._run(statement, parameters)).rowcount

    async def execute_many(self, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run a statement once for each set of parameters, in one round trip; gives the rows touched."""
        if not rows:
            return 0
        prepared = prepare(statement)
        await self._tell()
        async with self._connection.cursor() as cursor:
            await cursor.executemany(prepared.sql.encode(), [prepared.parameters(row) for row in rows])
            return cursor.rowcount

    async def fetch(self, statement: Executable, **parameters: Any) -> list[Row]:
        if self._alone:
            return await self._connection.reader.fetch(self._untold, statement, parameters)
        return await (await self._run(statement, parameters)).fetchall()

    async def together(self, *asked: Question) -> list[list[Row]]:
        """The rows of several statements, each with its parameters; only for what reads alone."""
        return await self._connection.reader.together(self._untold, asked)

    async def pages(self, statement: Executable, *, size: int, **parameters: Any) -> AsyncIterator[list[Row]]:
        """The rows of one statement, so many at a time: the server keeps what was not asked for yet."""
        prepared = prepare(statement)
        await self._tell()
        async with self._connection.cursor(name="pages") as cursor:
            await cursor.execute(prepared.sql.encode(), prepared.parameters(parameters))
            while rows := await cursor.fetchmany(size):
                yield rows

    async def one(self, statement: Executable, **parameters: Any) -> Row | None:
        """The first row, or None."""
        rows = await self.fetch(statement, **parameters)
        return rows[0] if rows else None

    def become_engine(self) -> None:
        """What follows in this transaction is Atlas's own work, across tenants."""
        self._untold = ENGINE.setting

    async def _run(self, statement: Executable, parameters: Mapping[str, Any]) -> AsyncCursor[Row]:
        prepared = prepare(statement)
        text, values = prepared.sql.encode(), prepared.parameters(parameters)
        if self._untold is None:
            return await self._connection.execute(text, values)
        # Sent as one message, that ends with a Sync: without a transaction of its own, it is one until there.
        async with self._connection.pipeline():
            await self._tell()
            return await self._connection.execute(text, values)

    async def _tell(self) -> None:
        """Tell PostgreSQL whose the transaction is, where it does not know yet."""
        if self._untold is not None:
            setting, self._untold = self._untold, None
            await self._connection.execute(_TELL, setting)


class ScopedDatabase:
    """The database as one scope may use it."""

    def __init__(self, pool: AsyncConnectionPool[Connection], scope: Scope) -> None:
        self._pool = pool
        self.scope = scope

    async def fetch(self, statement: Executable, **parameters: Any) -> list[Row]:
        """The rows of one statement that reads, in a round trip of its own."""
        return await self._read(lambda tx: tx.fetch(statement, **parameters))

    async def together(self, *asked: Question) -> list[list[Row]]:
        """The rows of several statements that read, each with its parameters, in one round trip.

        What one of them sets holds for those after it, and for nothing else; when one fails, all do.
        """
        return await self._read(lambda tx: tx.together(*asked))

    async def _read(self, ask: Callable[[Transaction], Awaitable[T]]) -> T:
        async def read() -> T:
            connection = await self._pool.getconn()
            try:
                return await ask(Transaction(connection, self.scope, alone=True))
            finally:
                await self._pool.putconn(connection)

        return await self._until_it_works(read)

    async def one(self, statement: Executable, **parameters: Any) -> Row | None:
        rows = await self.fetch(statement, **parameters)
        return rows[0] if rows else None

    async def execute(self, statement: Executable, **parameters: Any) -> int:
        """One statement that is its own transaction; gives the number of rows it touched."""
        # With a COMMIT of its own: what a deferred constraint refuses at the Sync of a pipeline breaks it.
        async with self._pool.connection() as connection, connection.transaction():
            return await Transaction(connection, self.scope).execute(statement, **parameters)

    @asynccontextmanager
    async def begin(self, *, snapshot: bool = False) -> AsyncIterator[Transaction]:
        """A READ COMMITTED transaction: committed at the end, rolled back by an exception.

        With `snapshot` it only reads, and all of it sees what its first statement saw.
        """
        async with AsyncExitStack() as stack:

            async def begun() -> Connection:
                async with AsyncExitStack() as trying:
                    connection = await trying.enter_async_context(self._pool.connection())
                    await trying.enter_async_context(connection.transaction())
                    stack.push_async_exit(trying.pop_all())
                    return connection

            connection = await self._until_it_works(begun)
            if snapshot:
                await connection.execute(_SNAPSHOT)
            yield Transaction(connection, self.scope)

    async def step(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """What `work` gives, done in a transaction; in another one when the connection breaks.

        `work` must bear to be done twice: when the answer to a commit is lost, it may have taken effect.
        """

        async def attempt() -> T:
            async with self._pool.connection() as connection, connection.transaction():
                return await work(Transaction(connection, self.scope))

        return await self._until_it_works(attempt)

    async def _until_it_works(self, attempt: Callable[[], Awaitable[T]]) -> T:
        give_up = time.monotonic() + PATIENCE
        while True:
            try:
                return await attempt()
            except PoolClosed:
                raise
            except OperationalError:
                if time.monotonic() > give_up:
                    raise
            # The others in the pool may be as broken as the one that was.
            await self._pool.check()
            await asyncio.sleep(BETWEEN_TRIES)


class Database:
    """A process's connections to PostgreSQL. Open it on the event loop that uses it."""

    def __init__(self, url: str, *, max_connections: int = 10) -> None:
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            connection_class=Connection,
            min_size=1,
            max_size=max_connections,
            open=False,
            name="atlas",
            kwargs={
                "autocommit": True,
                "row_factory": namedtuple_row,
                "options": SESSION,
                "application_name": "atlas",
                **KEEPALIVES,
            },
        )

    async def open(self, *, within: float = 15) -> None:
        """Connect, as a role that row-level security holds.

        Raises psycopg_pool.PoolTimeout when no connection comes within that many seconds, and
        ConfigurationError for a role that could see more than its scopes.
        """
        await self._pool.open(wait=True, timeout=within)
        async with self._pool.connection() as connection:
            powers = await (await connection.execute(roles.POWERS)).fetchone()
        try:
            roles.refuse_power(powers, current=True)
        except ConfigurationError:
            await self.close()
            raise

    async def close(self) -> None:
        await self._pool.close()

    def scope(self, scope: Scope) -> ScopedDatabase:
        return ScopedDatabase(self._pool, scope)
