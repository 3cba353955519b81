"""API tokens: made once, shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, LargeBinary, Text, Uuid, bindparam, column, func, select, update
from sqlalchemy.dialects.postgresql import JSONB

from atlas_gql import audit
from atlas_gql.access.actors import Actor
from atlas_gql.audit import COMMAND, By
from atlas_gql.db.database import NOBODY, Database, Row, Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.references import existing, readable
from atlas_gql.db.statements import adding
from atlas_gql.db.tables import api_tokens, users
from atlas_gql.errors import ValidationError
from atlas_gql.values import checked_name

PREFIX = "atlas_"

_ADD = adding(api_tokens, "id", "user_id", "name", "hash", "plane", "expires_at")
_REVOKE = (
    update(api_tokens)
    .where(api_tokens.c.id == bindparam("of_token"), api_tokens.c.revoked_at.is_(None))
    .values(revoked_at=func.now())
)
_OF_USER = (
    select(*readable(api_tokens))
    .where(api_tokens.c.user_id == bindparam("of_user"))
    .order_by(api_tokens.c.id.desc())
)


class Plane(StrEnum):
    """Which of the two APIs a token opens: the tenants' data, or the installation."""

    WORKSPACE = "workspace"
    PLATFORM = "platform"


def generate() -> str:
    """A new token: the prefix and 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def create(
    tx: Transaction,
    *,
    user_id: UUID,
    name: str,
    plane: str,
    expires_at: datetime,
    by: By = COMMAND,
    token_id: UUID | None = None,
) -> str:
    """Make a token and give it, for the only time; `token_id` will be its id, where that is wanted.

    Raises ValidationError for a malformed name, an unknown plane, and an unknown or disabled user.
    """
    token, token_id, name = generate(), token_id or new_id(), checked_name(name)
    if plane not in list(Plane):
        raise ValidationError(f"A plane is one of {', '.join(Plane)}.", field="plane")
    user = await existing(tx, users, user_id, field="user")
    if user.disabled_at is not None:
        raise ValidationError("The user is disabled.", field="user")
    await tx.execute(
        _ADD,
        id=token_id,
        user_id=user_id,
        name=name,
        hash=hash_of(token),
        plane=plane,
        expires_at=expires_at,
    )
    await _record(tx, by, "token.created", token_id, user_id, name=name, plane=plane)
    return token


async def revoke(tx: Transaction, *, token_id: UUID, by: By = COMMAND) -> bool:
    """Make a token open nothing any more; False when it was revoked before.

    Raises ValidationError for an unknown one.
    """
    token = await existing(tx, api_tokens, token_id, field="token")
    if not await tx.execute(_REVOKE, of_token=token_id):
        return False
    await _record(tx, by, "token.revoked", token_id, token.user_id, name=token.name, plane=token.plane)
    return True


async def tokens_of(tx: Transaction, user_id: UUID) -> list[Row]:
    """The user's tokens without their hashes, the newest first."""
    return await tx.fetch(_OF_USER, of_user=user_id)


async def _record(
    tx: Transaction, by: By, action: str, token_id: UUID, user_id: UUID, **details: str
) -> None:
    await audit.record(
        tx,
        by=by,
        action=action,
        resource=("ApiToken", str(token_id)),
        details={"user": str(user_id), **details},
    )


_ACTOR = (
    column("user_id", Uuid),
    column("name", Text),
    column("token_id", Uuid),
    column("plane", Text),
    column("memberships", JSONB),
    column("grants", JSONB),
)
# All rights behind tokens that open something, as one row each; nothing but this function reads the hashes.
ACTORS = select(
    func.atlas_actors(bindparam("hash", type_=LargeBinary), bindparam("token_ids", type_=ARRAY(Uuid)))
    .table_valued(*_ACTOR)
)  # fmt: skip


async def authenticate(database: Database, token: str) -> Actor | None:
    """The actor behind a token; None for one that is unknown, expired, revoked, or of a disabled user."""
    if not token.startswith(PREFIX):
        return None
    row = await database.scope(NOBODY).one(ACTORS, hash=hash_of(token), token_ids=None)
    return None if row is None else _actor(row)


async def actor_of_token(database: Database, token_id: UUID) -> Actor | None:
    """The actor behind a token's id, as its rights are now; None when the token no longer opens anything."""
    return (await actors_of_tokens(database, [token_id])).get(token_id)


async def actors_of_tokens(database: Database, token_ids: Collection[UUID]) -> dict[UUID, Actor]:
    """The actors behind these tokens, by token; those that no longer open anything are not among them."""
    rows = await database.scope(NOBODY).fetch(ACTORS, hash=None, token_ids=list(token_ids))
    return {row.token_id: _actor(row) for row in rows}


def _actor(row: Any) -> Actor:
    return Actor(
        user_id=row.user_id,
        name=row.name,
        token_id=row.token_id,
        plane=row.plane,
        memberships=_by_id(row.memberships),
        grants=_by_id(row.grants),
    )


def _by_id(roles: Mapping[str, str] | None) -> dict[UUID, str]:
    return {UUID(key): role for key, role in (roles or {}).items()}
