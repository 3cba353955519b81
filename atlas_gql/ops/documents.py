"""What a plugin keeps for a tenant: `Documents` of the plugin API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, func, select, text
from sqlalchemy.dialects.postgresql import JSONB

from atlas_gql.db.database import ScopedDatabase, Transaction
from atlas_gql.db.tables import plugin_documents as documents
from atlas_gql.ops import items
from atlas_gql.ops.leases import Claim
from atlas_gql.values import holds_nul

LARGEST = 256 * 1024
"""Bytes of one document, as JSON."""
MOST = 1000
"""Documents of one plugin for one tenant."""
LONGEST_KEY = 200

# Runs of one tenant and plugin add one after the other: else each would count without the other's.
_ADDING = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("of"), 14)))
_PUT = text(
    """
    INSERT INTO plugin_documents AS document (tenant_id, workspace_id, plugin, key, body)
    SELECT :tenant_id, :workspace_id, :plugin, :key, coalesce(:body, 'null')
    WHERE (SELECT count(*) FROM plugin_documents
           WHERE tenant_id = :tenant_id AND plugin = :plugin AND key <> :key) < :most
    ON CONFLICT (tenant_id, plugin, key) DO UPDATE SET
        body = excluded.body, changed_at = clock_timestamp()
    """
).bindparams(bindparam("body", type_=JSONB))

_OURS = (
    documents.c.tenant_id == bindparam("tenant_id"),
    documents.c.plugin == bindparam("plugin"),
)
_GET = select(documents.c.body).where(*_OURS, documents.c.key == bindparam("key"))
_ALL = select(documents.c.key, documents.c.body).where(
    *_OURS, func.starts_with(documents.c.key, bindparam("prefix"))
)
_DELETE = delete(documents).where(*_OURS, documents.c.key == bindparam("key"))


class RunDocuments:
    """The documents of a run's plugin and tenant; what changes them is fenced by the run's claim."""

    def __init__(self, database: ScopedDatabase, claim: Claim) -> None:
        self._database = database
        self._claim = claim
        self._ours = {"tenant_id": claim.tenant_id, "plugin": claim.type.partition(".")[0]}

    async def get(self, key: str) -> Any:
        row = await self._database.one(_GET, key=_checked_key(key), **self._ours)
        return None if row is None else row.body

    async def put(self, key: str, body: Any) -> None:
        key, body = _checked_key(key), _checked(body)

        async def keep(tx: Transaction) -> int:
            await items.hold(tx, self._claim)
            await tx.fetch(_ADDING, of="{tenant_id} {plugin}".format(**self._ours))
            return await tx.execute(
                _PUT, key=key, body=body, most=MOST, workspace_id=self._claim.workspace_id, **self._ours
            )

        if not await self._database.step(keep):
            raise ValueError(f"A plugin keeps at most {MOST:,} documents for a tenant.")

    async def delete(self, key: str) -> None:
        key = _checked_key(key)

        async def forget(tx: Transaction) -> None:
            await items.hold(tx, self._claim)
            await tx.execute(_DELETE, key=key, **self._ours)

        await self._database.step(forget)

    async def all(self, prefix: str = "") -> Mapping[str, Any]:
        if prefix:
            _checked_key(prefix)
        rows = await self._database.fetch(_ALL, prefix=prefix, **self._ours)
        return {row.key: row.body for row in sorted(rows, key=lambda row: row.key)}


def _checked_key(key: str) -> str:
    if not (isinstance(key, str) and 0 < len(key) <= LONGEST_KEY and key.isprintable()):
        raise ValueError(f"A document's key is 1 to {LONGEST_KEY} printable characters.")
    return key


def _checked(body: Any) -> Any:
    """A document that reads back as it was given. Raises ValueError for what does not."""
    try:
        # Each refuses what the other would change: dates, ids and NaN; keys that are no text, big integers.
        json.dumps(body, allow_nan=False)
        given = orjson.dumps(body)
    except (TypeError, ValueError, RecursionError) as exc:
        raise ValueError("The document holds what JSON cannot say.") from exc
    if len(given) > LARGEST:
        raise ValueError(f"A document is at most {LARGEST // 1024} KB of JSON.")
    if holds_nul(given):
        raise ValueError("The document holds a NUL character.")
    return body
