"""After a new key was put in front: everything sealed anew with it, so that the old keys can go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Table, Uuid, bindparam, func, literal_column, null, select, update
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import FromClause

from atlas_gql import audit
from atlas_gql.audit import By
from atlas_gql.db.database import ENGINE, Database, Row, Transaction
from atlas_gql.db.tables import credentials, plugin_settings, plugin_tenant_settings, tenants, workspaces
from atlas_gql.errors import ConfigurationError
from atlas_gql.providers.sealing import Sealed, Sealer

BATCH = 100
"""Secrets in one transaction."""


class _Sealed:
    """The statements for a table whose rows have what is sealed; `kind` is what people call a row."""

    def __init__(
        self,
        kind: str,
        table: Table,
        *,
        name: ColumnElement[str],
        source: FromClause | None = None,
        workspace: ColumnElement[Any] | None = None,
        tenant: ColumnElement[Any] | None = None,
    ) -> None:
        there = table.c.sealed.is_not(None)
        self.table = table
        self.count = select(func.count().label("total")).select_from(table).where(there)
        self.next: Select[Any] = (
            select(
                table.c.id,
                table.c.sealed,
                table.c.key_id,
                literal_column(f"'{kind}'").label("kind"),
                name.label("name"),
                (null() if workspace is None else workspace).label("workspace"),
                (null() if tenant is None else tenant).label("tenant"),
            )
            .select_from(table if source is None else source)
            .where(there, table.c.id > bindparam("after", type_=Uuid))
            .order_by(table.c.id)
            .limit(bindparam("batch"))
            .with_for_update(of=table)  # who changes the secret itself waits, and comes after
        )
        self.reseal = (
            update(table)
            .where(table.c.id == bindparam("of_row"))
            .values(sealed=bindparam("data"), key_id=bindparam("by_key"))
        )
        self.keys = select(table.c.key_id).distinct().where(there)


SEALED = (
    _Sealed(
        "credential",
        credentials,
        name=credentials.c.name,
        source=credentials.join(workspaces),
        workspace=workspaces.c.name,
    ),
    _Sealed("installation", plugin_settings, name=plugin_settings.c.plugin),
    _Sealed(
        "tenant",
        plugin_tenant_settings,
        name=plugin_tenant_settings.c.plugin,
        source=plugin_tenant_settings.join(tenants, tenants.c.id == plugin_tenant_settings.c.tenant_id).join(
            workspaces, workspaces.c.id == tenants.c.workspace_id
        ),
        workspace=workspaces.c.name,
        tenant=tenants.c.name,
    ),
)
"""All that is sealed. A test sees to it that no table is missing."""


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """What resealing came to; `needed` and `unneeded` are names of old keys, of all that are configured."""

    resealed: int
    unopened: list[Row]
    """What no key opens: kind, id, name, workspace, tenant."""
    needed: list[str]
    unneeded: list[str]


async def reseal(
    database: Database, by: By, sealer: Sealer, progress: Callable[[int, int], None]
) -> Rotation:
    """Seal every secret with the first key, some at a time, and say which old keys may go.

    `progress` gets how many were looked at, of how many. Whatever ends it half-way, what was done stays
    done: doing it again goes on from there.
    """
    scope = database.scope(ENGINE)
    total = sum([(await scope.fetch(one.count))[0].total for one in SEALED])
    seen, resealed, unopened = 0, 0, list[Row]()
    for one in SEALED:
        after = UUID(int=0)
        while True:
            async with scope.begin() as tx:
                rows = await tx.fetch(one.next, after=after, batch=BATCH)
                anew, closed = _sealed_anew(rows, sealer)
                await tx.execute_many(one.reseal, anew)
                await _record(tx, by, sealer, len(anew))
            if not rows:
                break
            after, seen = rows[-1].id, seen + len(rows)
            resealed += len(anew)
            unopened += closed
            progress(seen, max(seen, total))
    used = {row.key_id for one in SEALED for row in await scope.fetch(one.keys)}
    old = sealer.key_ids[1:]
    return Rotation(
        resealed=resealed,
        unopened=unopened,
        needed=[key for key in old if key in used],
        unneeded=[key for key in old if key not in used],
    )


def _sealed_anew(rows: list[Row], sealer: Sealer) -> tuple[list[dict[str, Any]], list[Row]]:
    """What to write for those that an old key sealed, and the rows that no key opens."""
    anew, closed = [], []
    for row in rows:
        try:
            secret = sealer.open(Sealed(row.sealed, row.key_id), row=row.id)
        except ConfigurationError:
            closed.append(row)
            continue
        if row.key_id != sealer.key_ids[0]:
            sealed = sealer.seal(secret, row=row.id)
            anew.append({"of_row": row.id, "data": sealed.data, "by_key": sealed.key_id})
    return anew, closed


async def _record(tx: Transaction, by: By, sealer: Sealer, count: int) -> None:
    if count:
        details = {"resealed": count, "keyId": sealer.key_ids[0]}
        await audit.record(tx, by=by, action="keys.rotated", details=details)
