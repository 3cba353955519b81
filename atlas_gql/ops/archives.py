"""Backup sets as archives: out of the database into a file, and from a file into a tenant.

A file is read and written in threads, page by page, so that neither the event loop waits nor memory grows
with the set.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, TypeVar
from uuid import UUID

import orjson
from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB

from atlas_gql import audit
from atlas_gql.archive import (
    ArchiveReader,
    ArchiveWriter,
    Facts,
    ItemState,
    Record,
    read_archive,
    write_archive,
)
from atlas_gql.audit import By
from atlas_gql.db.database import ScopedDatabase, Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.tables import tenants
from atlas_gql.errors import BackupSetInUse, NotFound, TenantArchived
from atlas_gql.ops.backups import store_contents

T = TypeVar("T")

PAGE = 500
"""Rows on their way at once."""

_SET = text(
    """
    SELECT kept.id, kept.workspace_id, kept.origin, kept.state, kept.policy_types, kept.overlapped_write,
        kept.source, kept.created_at, kept.completed_at, tenant.entra_tenant_id, tenant.primary_domain
    FROM backup_sets AS kept JOIN tenants AS tenant ON tenant.id = kept.tenant_id
    WHERE kept.id = :set_id AND kept.tenant_id = :tenant_id
    """
)
# As text: what numbers look like must not depend on a driver.
_CONTENTS = text(
    """
    SELECT encode(kept.hash, 'hex') AS hash, CAST(kept.content AS text) AS content
    FROM backup_contents AS kept
    JOIN (SELECT DISTINCT content_hash FROM backup_items WHERE backup_set_id = :set_id) AS used
        ON kept.hash = used.content_hash
    WHERE kept.tenant_id = :tenant_id
    ORDER BY kept.hash
    """
)
_ITEMS = text(
    """
    SELECT policy_type, external_id, name, platform, assignments_state, encode(content_hash, 'hex') AS hash,
        reason, message, created_at
    FROM backup_items WHERE backup_set_id = :set_id
    ORDER BY policy_type COLLATE "C", external_id COLLATE "C"
    """
)

# Held as the set's row will hold it: no purge begins in between.
_TENANT = (
    select(tenants.c.id, tenants.c.archived_at)
    .where(tenants.c.id == bindparam("tenant_id"))
    .with_for_update(read=True, key_share=True)
)
# A concurrent import of the same archive is waited for; then its set is found.
_NEW_SET = text(
    """
    INSERT INTO backup_sets (id, tenant_id, workspace_id, origin, state, policy_types, item_count,
        failed_count, overlapped_write, source, archive_digest, completed_at)
    VALUES (:id, :tenant_id, :workspace_id, 'imported', :state, :policy_types, :items, :failed, :overlapped,
        :source, :digest, clock_timestamp())
    ON CONFLICT (tenant_id, archive_digest) DO NOTHING
    """
).bindparams(bindparam("policy_types", type_=JSONB(none_as_null=True)), bindparam("source", type_=JSONB))
_SAME = text(
    "SELECT id, item_count FROM backup_sets WHERE tenant_id = :tenant_id AND archive_digest = :digest"
)
_NEW_ITEMS = text(
    """
    INSERT INTO backup_items (id, tenant_id, workspace_id, backup_set_id, policy_type, external_id, name,
        platform, assignments_state, content_hash, assignment_count, reason, message, created_at)
    SELECT given.id, :tenant_id, :workspace_id, :set_id, given.policy_type, given.external_id, given.name,
        given.platform, given.state, decode(given.hash, 'hex'), given.count, given.reason, given.message,
        given.created_at
    FROM jsonb_to_recordset(:rows) AS given(id uuid, policy_type text, external_id text, name text,
        platform text, state text, hash text, count int, reason text, message text, created_at timestamptz)
    """
).bindparams(bindparam("rows", type_=JSONB))


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written to a file."""

    size: int
    digest: bytes
    items: int


@dataclass(frozen=True, kw_only=True)
class Imported:
    """The set that an archive became; `deduplicated` when it had been imported into the tenant before."""

    set_id: UUID
    items: int
    deduplicated: bool


async def export_set(
    database: ScopedDatabase, by: By, file: BinaryIO, *, set_id: UUID, tenant_id: UUID
) -> Exported:
    """Write a tenant's set into a file; audited. Raises NotFound, and BackupSetInUse while it is captured."""
    # The set as it is at one moment, whatever a retry or a deletion does meanwhile; nobody is kept waiting.
    async with database.begin(snapshot=True) as tx:
        row = await tx.one(_SET, set_id=set_id, tenant_id=tenant_id)
        if row is None:
            raise NotFound
        if row.state == "capturing":
            raise BackupSetInUse("The backup set is still being captured.")
        exported = await _write(tx, file, _facts(row), set_id=set_id, tenant_id=tenant_id)
    async with database.begin() as tx:
        await _audit(
            tx, by, "backup.exported", row.workspace_id, tenant_id, set_id, exported.items, exported.digest
        )
    return exported


async def _write(tx: Transaction, file: BinaryIO, facts: Facts, *, set_id: UUID, tenant_id: UUID) -> Exported:
    # What a key of the database is called in the archive, where that differs: numbers that jsonb spells anew.
    renamed: dict[str, str] = {}
    items = 0
    with write_archive(file, facts) as archive:
        async for page in tx.pages(_CONTENTS, size=PAGE, set_id=set_id, tenant_id=tenant_id):
            renamed |= await asyncio.to_thread(_write_contents, archive, page)
        async for page in tx.pages(_ITEMS, size=PAGE, set_id=set_id):
            await asyncio.to_thread(_write_items, archive, page, renamed)
            items += len(page)
    return Exported(size=archive.size, digest=archive.digest, items=items)


def _facts(row: Any) -> Facts:
    if row.source is not None:
        return Facts.from_json(row.source)
    return Facts(
        set_id=row.id,
        origin=row.origin,
        state=row.state,
        policy_types=None if row.policy_types is None else tuple(row.policy_types),
        overlapped_write=row.overlapped_write,
        entra_tenant_id=row.entra_tenant_id,
        primary_domain=row.primary_domain,
        captured_at=row.created_at,
        completed_at=row.completed_at,
    )


def _write_contents(archive: ArchiveWriter, page: list[Any]) -> dict[str, str]:
    keys = {row.hash: archive.content(orjson.loads(row.content)) for row in page}
    return {hash_: key for hash_, key in keys.items() if hash_ != key}


def _write_items(archive: ArchiveWriter, page: list[Any], renamed: dict[str, str]) -> None:
    for row in page:
        archive.item(
            Record(
                policy_type=row.policy_type,
                id=row.external_id,
                name=row.name,
                platform=row.platform,
                state=ItemState(row.assignments_state),
                content=renamed.get(row.hash, row.hash),
                reason=row.reason,
                message=row.message,
                captured_at=row.created_at,
            )
        )


async def import_set(
    database: ScopedDatabase, by: By, file: BinaryIO, *, tenant_id: UUID, workspace_id: UUID, largest: int
) -> Imported:
    """Make a backup set of the tenant from an archive: all of it, or nothing; audited.

    An archive that was imported into the tenant before gives that set. `largest` bounds its unpacked bytes.
    Raises ArchiveRefused, TenantArchived, and NotFound for a tenant that is gone.
    """
    with ExitStack() as opened:
        # In a thread, for the whole file is read to see whether it is as it was made.
        archive = await asyncio.to_thread(opened.enter_context, read_archive(file, largest=largest))
        async with database.begin() as tx:
            return await _Import(tx, archive, tenant_id=tenant_id, workspace_id=workspace_id).run(by)


class _Import:
    """One import inside its transaction."""

    def __init__(
        self, tx: Transaction, archive: ArchiveReader, *, tenant_id: UUID, workspace_id: UUID
    ) -> None:
        self._tx = tx
        self._archive = archive
        self._tenant_id = tenant_id
        self._workspace_id = workspace_id
        self._owner = {"tenant_id": tenant_id, "workspace_id": workspace_id}
        self._id = new_id()
        self._counts: dict[str, int] = {}
        """How many assignments each content has."""

    async def run(self, by: By) -> Imported:
        tx, archive = self._tx, self._archive
        tenant = await tx.one(_TENANT, tenant_id=self._tenant_id)
        if tenant is None:
            raise NotFound
        if tenant.archived_at is not None:
            raise TenantArchived
        if not await self._new_set():
            same = await tx.one(_SAME, tenant_id=self._tenant_id, digest=archive.digest)
            assert same is not None  # it stood in the way
            return Imported(set_id=same.id, items=same.item_count, deduplicated=True)
        async for contents in _paged(archive.contents()):
            self._counts |= {key: len(content["assignments"]) for key, content in contents}
            rows = [{"hash": key, "content": content} for key, content in contents]
            await store_contents(tx, rows, **self._owner)
        async for records in _paged(archive.items()):
            rows = [self._row(record) for record in records]
            await tx.execute(_NEW_ITEMS, rows=rows, set_id=self._id, **self._owner)
        items = archive.item_count
        await _audit(
            tx, by, "backup.imported", self._workspace_id, self._tenant_id, self._id, items, archive.digest
        )
        return Imported(set_id=self._id, items=items, deduplicated=False)

    async def _new_set(self) -> int:
        facts = self._archive.facts
        return await self._tx.execute(
            _NEW_SET,
            id=self._id,
            state=facts.state,
            policy_types=None if facts.policy_types is None else list(facts.policy_types),
            items=self._archive.item_count,
            failed=self._archive.failed_count,
            overlapped=facts.overlapped_write,
            source=facts.to_json(),
            digest=self._archive.digest,
            **self._owner,
        )

    def _row(self, record: Record) -> dict[str, Any]:
        return {
            "id": str(new_id()),
            "policy_type": record.policy_type,
            "external_id": record.id,
            "name": record.name,
            "platform": record.platform,
            "state": record.state.value,
            "hash": record.content,
            "count": self._counts[record.content] if record.content else 0,
            "reason": record.reason,
            "message": record.message,
            "created_at": record.captured_at.isoformat(),
        }


async def _paged(values: Iterator[T]) -> AsyncIterator[list[T]]:
    """The values, a page at a time, each page read in a thread."""
    while page := await asyncio.to_thread(list, islice(values, PAGE)):
        yield page


async def _audit(
    tx: Transaction,
    by: By,
    action: str,
    workspace_id: UUID,
    tenant_id: UUID,
    set_id: UUID,
    items: int,
    digest: bytes,
) -> None:
    await audit.record(
        tx,
        by=by,
        action=action,
        workspace_id=workspace_id,
        tenant_id=tenant_id,
        resource=("BackupSet", str(set_id)),
        details={"items": items, "sha256": digest.hex()},
    )
