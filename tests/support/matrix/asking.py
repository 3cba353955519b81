"""Requests of the matrix, with what is seen of each: the answer, its statements, and what it changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from atlas_gql.access.uses import WRITE
from atlas_gql.db.database import Transaction
from atlas_gql.testing.installation import PLAIN, Installation

LEFT_OUT = ("alembic_version", "audit_entries")
"""What `unchanged` does not look at: entries about refusals are counted by themselves."""
BY_ITSELF = ["last_used_at"]
"""Columns that a request changes whatever it asks for."""
_TABLES = """
SELECT table_name::text, array_agg(column_name::text) FILTER (WHERE column_name = ANY (%s))
FROM information_schema.tables JOIN information_schema.columns USING (table_schema, table_name)
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> ALL (%s)
GROUP BY 1 ORDER BY 1
"""
# Whoever writes a row leaves the number of a transaction that is later than all others: with as many rows as
# before, the sum is greater.
_VERSIONS = sql.SQL("SELECT {0}, concat(count(*), ' ', sum(xmin::text::bigint)) FROM {1}")
_CONTENT = sql.SQL(
    "SELECT {0}, md5(string_agg(r, '' ORDER BY r))"
    " FROM (SELECT (to_jsonb(t) - {2}::text[])::text AS r FROM {1} AS t) AS rows"
)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An answer: its status, its text, what it says but for the request's id, how many statements it took."""

    status: int
    text: str
    body: Any
    statements: int

    @property
    def errors(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.body.get("errors", [])
        return found


class Asker:
    """A client of a quiet installation, whose every statement is counted."""

    def __init__(self, atlas: Installation, admin_url: str) -> None:
        self.atlas = atlas
        self._client = httpx.Client(base_url=atlas.url, verify=PLAIN, trust_env=False, timeout=30)
        self.admin = psycopg.connect(admin_url, autocommit=True)
        self._statements = 0
        self._audited = datetime.min.replace(tzinfo=UTC)
        self._sum = (
            sql.SQL(" UNION ALL ")
            .join(
                (_CONTENT if uses else _VERSIONS).format(name, sql.Identifier(name), uses)
                for name, uses in self.admin.execute(_TABLES, (BY_ITSELF, list(LEFT_OUT))).fetchall()
            )
            .as_string()
        )

    def close(self) -> None:
        self._client.close()
        self.admin.close()

    def counted(self) -> None:
        self._statements += 1

    def query(self, token: str | None, query: str, variables: Mapping[str, Any]) -> Seen:
        """What a caller gets for an operation."""
        return self.send(token, "POST", "/graphql", json={"query": query, "variables": dict(variables)})

    def send(self, token: str | None, method: str, path: str, **more: Any) -> Seen:
        """What a caller gets for any request."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        before = self._statements
        answer = self._client.request(method, path, headers={**headers, **more.pop("headers", {})}, **more)
        body = _body(answer)
        for error in body.get("errors", ()) if isinstance(body, dict) else ():
            del error["extensions"]["requestId"]
        return Seen(
            status=answer.status_code, text=answer.text, body=body, statements=self._statements - before
        )

    def state(self) -> dict[str, str]:
        """Of every table what any write to it changes."""
        return dict(self.admin.execute(self._sum).fetchall())

    def audited(self) -> list[tuple[str, dict[str, Any]]]:
        """The actions and details of what was added to the audit trail since it was last looked at."""
        found = self.admin.execute(
            "SELECT action, details, created_at FROM audit_entries"
            " WHERE created_at > %s ORDER BY created_at, id",
            (self._audited,),
        ).fetchall()
        self._audited = max([self._audited, *(at for _, _, at in found)])
        return [(action, details) for action, details, _ in found]


def _body(answer: httpx.Response) -> Any:
    if not answer.headers.get("content-type", "").startswith("application/"):
        return {}
    try:
        return answer.json()
    except json.JSONDecodeError:  # of another kind: a file
        return {}
    except UnicodeDecodeError:
        return {}


@contextmanager
def asker(atlas: Installation, admin_url: str) -> Iterator[Asker]:
    """A client of an installation without a worker."""
    made = Asker(atlas, admin_url)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fetch", "execute", "execute_many"):
            original = getattr(Transaction, name)

            async def counting(
                self: Transaction, statement: Any, *args: Any, _original: Any = original, **given: Any
            ) -> Any:
                if asyncio.get_running_loop() is atlas._loop and statement is not WRITE:
                    made.counted()
                return await _original(self, statement, *args, **given)

            patch.setattr(Transaction, name, counting)
        together = Transaction.together

        async def all_counting(self: Transaction, *asked: Any) -> Any:
            if asyncio.get_running_loop() is atlas._loop:
                for _ in asked:
                    made.counted()
            return await together(self, *asked)

        patch.setattr(Transaction, "together", all_counting)
        try:
            yield made
        finally:
            made.close()
