"""One read as one message: who asks, and what for; there and back once.

psycopg's own pipeline does the same for three times the CPU. Here libpq is told directly: a setting, a
statement, a Sync. What psycopg does well stays its own: the connection, the pool, the values.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, TypeAlias

from psycopg import AsyncConnection
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import Error, InvalidSqlStatementName, error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from sqlalchemy.sql.expression import Executable

from atlas_gql.db.statements import numbered, prepare

KEPT = 100
"""Statements that a connection keeps prepared."""
PREPARED_FROM = 3
"""A statement that comes as often as this on a connection is prepared there, and planned no more."""
CANCEL_WITHIN = 2.0
"""Seconds that calling off a read may take which nobody waits for any more."""

Question: TypeAlias = tuple[Executable, Mapping[str, Any]]
"""A statement that reads, and its parameters."""

_TELL = b"SELECT set_config($1, $2, true)"
_GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
_AUTO = [PyFormat.AUTO]


class _Key(NamedTuple):
    """What makes two prepared statements the same: the text, and the types of its parameters."""

    text: bytes
    types: tuple[int, ...]


class _Sent(NamedTuple):
    """A statement and its values, as they go over the wire."""

    key: _Key
    values: Sequence[Any]
    formats: Any


class Reader:
    """What is known of one connection; its reads come one after the other."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._values = Transformer(connection)
        self._tells, self._telling = False, b""
        self._made = 0
        self._seen: OrderedDict[_Key, int] = OrderedDict()
        self._prepared: OrderedDict[_Key, bytes] = OrderedDict()

    async def fetch(
        self, told: tuple[str, str] | None, statement: Executable, parameters: Mapping[str, Any]
    ) -> list[Any]:
        """The rows of a statement, as named tuples; `told` is a setting that holds for it alone.

        Raises psycopg.Error. Who is cancelled meanwhile leaves a closed connection behind.
        """
        (rows,) = await self.together(told, [(statement, parameters)])
        return rows

    async def together(self, told: tuple[str, str] | None, asked: Sequence[Question]) -> list[list[Any]]:
        """The rows of several statements as `fetch` gives them, sent as one message.

        What one of them sets holds for those after it; when one fails, all do.
        """
        sent = [self._ready(statement, parameters) for statement, parameters in asked]
        try:
            results = await self._exchange(told, sent)
        except asyncio.CancelledError:
            with contextlib.suppress(Error):
                await self._connection.cancel_safe(timeout=CANCEL_WITHIN)
            await self._connection.close()
            raise
        except BaseException:
            # What is still to come on this wire is nobody's; the pool makes another connection.
            await self._connection.close()
            raise
        failed = next((result for result in results if result.status not in _GOOD), None)
        if failed is None:
            given = [result for result in results if result.status == ExecStatus.TUPLES_OK]
            return [self._rows(result) for result in given[-len(asked) :]]
        error = error_from_result(failed, self._connection.info.encoding)
        if isinstance(error, InvalidSqlStatementName) and (self._tells or self._prepared):
            # psycopg drops whatever is prepared after a rollback, and so may a pooler. Nothing was read yet.
            self._tells = False
            self._prepared.clear()
            return await self.together(told, asked)
        raise error

    def _ready(self, statement: Executable, parameters: Mapping[str, Any]) -> _Sent:
        text, names = numbered(statement)
        given = prepare(statement).parameters(parameters)
        values = self._values.dump_sequence([given[name] for name in names], _AUTO * len(names))
        return _Sent(_Key(text, tuple(self._values.types or ())), values, self._values.formats)

    async def _exchange(self, told: tuple[str, str] | None, sent: Sequence[_Sent]) -> list[PGresult]:
        """What the server answers to each thing that it is sent, the statements' rows last."""
        pgconn = self._pgconn
        pgconn.enter_pipeline_mode()
        if told is not None:
            if not self._tells:
                pgconn.send_prepare(self._name_told(), _TELL)
            pgconn.send_query_prepared(self._telling, [told[0].encode(), told[1].encode()])
        for key, values, formats in sent:
            name = self._name_of(key)
            if name is None:
                pgconn.send_query_params(key.text, values, key.types, formats)
            else:
                pgconn.send_query_prepared(name, values, formats)
        pgconn.pipeline_sync()
        results = await _answers(pgconn)
        pgconn.exit_pipeline_mode()
        return results

    def _name_told(self) -> bytes:
        self._telling, self._tells = self._new_name(), True
        return self._telling

    def _name_of(self, key: _Key) -> bytes | None:
        """Under which name a statement is prepared, by now; None for one that comes too seldom."""
        name = self._prepared.get(key)
        if name is not None:
            self._prepared.move_to_end(key)
            return name
        self._seen[key] = self._seen.pop(key, 0) + 1
        if self._seen[key] < PREPARED_FROM:
            if len(self._seen) > KEPT:
                self._seen.popitem(last=False)
            return None
        del self._seen[key]
        if len(self._prepared) == KEPT:
            _, oldest = self._prepared.popitem(last=False)
            self._pgconn.send_query_params(b"DEALLOCATE " + oldest, None)
        name = self._prepared[key] = self._new_name()
        self._pgconn.send_prepare(name, key.text, key.types)
        return name

    def _new_name(self) -> bytes:
        self._made += 1
        return b"atlas_%d" % self._made

    def _rows(self, result: PGresult) -> list[Any]:
        if not result.ntuples:
            return []
        make = _row_of(tuple(result.fname(n) or b"" for n in range(result.nfields)))
        self._values.set_pgresult(result)
        try:
            return self._values.load_rows(0, result.ntuples, make)
        finally:
            self._values.set_pgresult(None)


@lru_cache(maxsize=1024)
def _row_of(names: tuple[bytes, ...]) -> Callable[[Iterable[Any]], Any]:
    # Columns without a name of their own get one.
    row: Any = namedtuple("Row", [name.decode() for name in names], rename=True)  # type: ignore[misc] # known when it runs
    make: Callable[[Iterable[Any]], Any] = row._make
    return make


async def _answers(pgconn: PGconn) -> list[PGresult]:
    """Send what is to be sent, and collect what comes back until the Sync."""
    loop, socket = asyncio.get_running_loop(), pgconn.socket
    changed: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not changed.done():
            changed.set_result(None)

    loop.add_reader(socket, wake)
    try:
        while pgconn.flush():
            # More than the socket takes: the server may have to be heard before it listens.
            loop.add_writer(socket, wake)
            try:
                await changed
            finally:
                loop.remove_writer(socket)
            changed = loop.create_future()
            pgconn.consume_input()
        results: list[PGresult] = []
        while True:
            while pgconn.is_busy():
                await changed
                changed = loop.create_future()
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:
                continue
            if result.status == ExecStatus.PIPELINE_SYNC:
                return results
            results.append(result)
    finally:
        loop.remove_reader(socket)


class Connection(AsyncConnection[Any]):
    """A connection with a reader of its own."""

    @cached_property
    def reader(self) -> Reader:
        return Reader(self)
