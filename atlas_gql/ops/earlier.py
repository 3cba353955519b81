"""The tenant's last backups, and what they hold."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, Text, any_, bindparam, cast, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import JSONB

from atlas_gql.db.database import ScopedDatabase
from atlas_gql.db.tables import backup_contents, backup_items, backup_sets
from atlas_gql.db.tables.backups import WHOLE

_KIND = bindparam("kind", type_=Text)
# The newest usable set, other than this one, that was to hold all policies of the kind.
_LAST_SET = (
    select(backup_sets.c.id)
    .where(
        backup_sets.c.tenant_id == bindparam("of_tenant"),
        backup_sets.c.origin == "requested",
        or_(backup_sets.c.state == "complete", backup_sets.c.state == "partial"),
        backup_sets.c.id != bindparam("this_set"),
        or_(
            backup_sets.c.policy_types.is_(None),
            backup_sets.c.policy_types.op("@>")(cast(func.to_jsonb(cast(_KIND, Text)), JSONB)),
        ),
    )
    .order_by(backup_sets.c.created_at.desc(), backup_sets.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_KNOWN = select(
    backup_items.c.external_id, backup_items.c.name, backup_items.c.platform, backup_items.c.content_hash
).where(
    backup_items.c.backup_set_id == _LAST_SET,
    backup_items.c.policy_type == _KIND,
    backup_items.c.assignments_state == "fetched",
)
_HAD = _KNOWN.limit(1)
_some = _KNOWN.where(backup_items.c.external_id == any_(bindparam("ids", type_=ARRAY(Text)))).subquery("some")
_LAST = select(_some.c.external_id, _some.c.name, _some.c.platform, backup_contents.c.content).where(
    backup_contents.c.tenant_id == bindparam("of_tenant"), backup_contents.c.hash == _some.c.content_hash
)

_NEWEST = (
    select(backup_sets.c.id, backup_sets.c.completed_at)
    .where(backup_sets.c.tenant_id == bindparam("of_tenant"), literal_column(WHOLE, Boolean()))
    .order_by(backup_sets.c.completed_at.desc())
    .limit(1)
)


async def newest(database: ScopedDatabase, *, tenant_id: UUID) -> Any | None:
    """The row behind `Backups.newest`."""
    return await database.one(_NEWEST, of_tenant=tenant_id)


async def had(database: ScopedDatabase, *, tenant_id: UUID, set_id: UUID, policy_type: str) -> bool:
    """As `Backups.had`."""
    row = await database.one(_HAD, of_tenant=tenant_id, this_set=set_id, kind=policy_type)
    return row is not None


async def last(
    database: ScopedDatabase, *, tenant_id: UUID, set_id: UUID, policy_type: str, ids: Collection[str]
) -> list[Any]:
    """The rows behind `Backups.last`."""
    return await database.fetch(_LAST, of_tenant=tenant_id, this_set=set_id, kind=policy_type, ids=list(ids))
