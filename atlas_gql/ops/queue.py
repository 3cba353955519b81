"""Huey: the doorbell. A message names a run and nothing else; the run's row is the record.

Messages are signed JSON: whoever can write to the queue's table can neither run code nor name a run
that this installation did not start. A message lost or delivered twice does no harm.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import orjson
import psycopg
import structlog
from huey import Huey, PostgresHuey
from huey.registry import Message
from huey.serializer import Serializer

from atlas_gql.db.database import AS_ENGINE, KEEPALIVES

log = structlog.get_logger("atlas.queue")

VERSION = 1


class SignedJson(Serializer):  # type: ignore[misc] # Huey ships no types
    """Messages as `<hex HMAC-SHA256>.<json>`; anything else is refused before it is looked at.

    The first key signs, and all of them are accepted.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        super().__init__()
        self._keys = keys

    def serialize(self, data: Any) -> bytes:
        if not isinstance(data, Message):
            # Results are off; Huey stores nothing else.
            return orjson.dumps(None)
        body = orjson.dumps({"v": VERSION, "id": data.id, "task": data.name, "run": data.kwargs["run_id"]})
        return _signature(self._keys[0], body) + b"." + body

    def deserialize(self, data: bytes) -> Any:
        signature, _, body = bytes(data).partition(b".")
        if not any(hmac.compare_digest(signature, _signature(key, body)) for key in self._keys):
            raise ValueError("a queue message that this installation did not sign")
        content = orjson.loads(body)
        if content.get("v") != VERSION:
            raise ValueError("a queue message of another version")
        return Message(
            id=content["id"], name=content["task"], retries=0, retry_delay=0, args=(),
            kwargs={"run_id": content["run"]},
        )  # fmt: skip


def _signature(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, body, hashlib.sha256).hexdigest().encode()


class Queue:
    """One Huey task per operation, and a bell to ring for a run."""

    def __init__(
        self, url: str, keys: Sequence[bytes], operation_types: Iterable[str], carry: Callable[[str], None]
    ) -> None:
        """`keys` are those of `SignedJson`. `carry` is called with a run's id on a worker's thread; web
        processes never come to call it.
        """
        self._url = url
        self._connections: list[psycopg.Connection[Any]] = []
        self.huey: Huey = PostgresHuey(
            "atlas",
            connection=self._connect,
            create_tables=False,
            results=False,
            serializer=SignedJson(keys),
            store_none=False,
        )
        self._carry = carry
        self._tasks = {type_: self._register(type_) for type_ in operation_types}
        # Huey's calls block; one thread with one connection is enough to ring.
        self._bell = ThreadPoolExecutor(1, thread_name_prefix="atlas-bell")

    def _register(self, type_: str) -> Any:
        def task(run_id: str) -> None:
            self._carry(run_id)

        # The task's key is the operation's type, wherever the function lives.
        task.__module__ = "atlas"
        return self.huey.task(name=type_, retries=0)(task)

    async def ring(self, run_id: UUID, operation_type: str) -> None:
        """Tell the workers of a run. Never raises: a bell that was not heard is rung again from the row."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._bell, self._ring, run_id, operation_type)
        except Exception as exc:
            log.warning("ring failed", run=str(run_id), error=type(exc).__name__)

    def _ring(self, run_id: UUID, operation_type: str) -> None:
        task = self._tasks.get(operation_type)
        if task is None:
            raise LookupError(operation_type)
        try:
            self.huey.enqueue(task.s(run_id=str(run_id)))
        except psycopg.OperationalError:
            # The connection broke since the last ring; Huey makes another one. To ring twice does no harm.
            self.huey.enqueue(task.s(run_id=str(run_id)))

    def _connect(self) -> psycopg.Connection[Any]:
        """A connection for one of Huey's threads, which never closes it itself."""
        connection = psycopg.connect(
            self._url,
            options=AS_ENGINE,
            application_name="atlas queue",
            **KEEPALIVES,  # type: ignore[arg-type] # libpq takes them as they are
        )
        self._connections = [known for known in self._connections if not known.closed]
        self._connections.append(connection)
        return connection

    def close(self) -> None:
        """Close every connection; the consumer's threads must have ended."""
        self._bell.shutdown(wait=True)
        for connection in self._connections:
            connection.close()
