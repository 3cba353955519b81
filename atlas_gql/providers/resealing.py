"""After a new key was put in front: everything sealed anew with it, so that the old keys can go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, func, select, update

from atlas_gql import audit
from atlas_gql.audit import By
from atlas_gql.db.database import ENGINE, Database, Row, Transaction
from atlas_gql.db.tables import credentials, workspaces
from atlas_gql.errors import ConfigurationError
from atlas_gql.providers.sealing import Sealed, Sealer

BATCH = 100
"""Credentials in one transaction."""

_COUNT = select(func.count().label("total")).select_from(credentials)
_NEXT = (
    select(
        credentials.c.id,
        credentials.c.name,
        credentials.c.sealed,
        credentials.c.key_id,
        workspaces.c.name.label("workspace"),
    )
    .select_from(credentials.join(workspaces))
    .where(credentials.c.id > bindparam("after", type_=Uuid))
    .order_by(credentials.c.id)
    .limit(bindparam("batch"))
    .with_for_update(of=credentials)  # a rotation of the credential itself waits, and comes after
)
_RESEAL = (
    update(credentials)
    .where(credentials.c.id == bindparam("of_credential"))
    .values(sealed=bindparam("data"), key_id=bindparam("by_key"))
)
_KEYS = select(credentials.c.key_id).distinct()


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """What resealing came to; `needed` and `unneeded` are names of old keys, of all that are configured."""

    resealed: int
    unopened: list[Row]
    """The credentials that no key opens: id, name, workspace."""
    needed: list[str]
    unneeded: list[str]


async def reseal(
    database: Database, by: By, sealer: Sealer, progress: Callable[[int, int], None]
) -> Rotation:
    """Seal every credential with the first key, some at a time, and say which old keys may go.

    `progress` gets how many were looked at, of how many. Whatever ends it half-way, what was done stays
    done: doing it again goes on from there.
    """
    scope = database.scope(ENGINE)
    counted = await scope.one(_COUNT)
    total = counted.total if counted else 0
    seen, resealed, unopened, after = 0, 0, list[Row](), UUID(int=0)
    while True:
        async with scope.begin() as tx:
            rows = await tx.fetch(_NEXT, after=after, batch=BATCH)
            anew, closed = _sealed_anew(rows, sealer)
            await tx.execute_many(_RESEAL, anew)
            await _record(tx, by, sealer, len(anew))
        if not rows:
            break
        after, seen = rows[-1].id, seen + len(rows)
        resealed += len(anew)
        unopened += closed
        progress(seen, max(seen, total))
    used = {row.key_id for row in await scope.fetch(_KEYS)}
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
            anew.append({"of_credential": row.id, "data": sealed.data, "by_key": sealed.key_id})
    return anew, closed


async def _record(tx: Transaction, by: By, sealer: Sealer, count: int) -> None:
    if count:
        details = {"resealed": count, "keyId": sealer.key_ids[0]}
        await audit.record(tx, by=by, action="keys.rotated", details=details)
