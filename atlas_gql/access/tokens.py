"""API tokens: made once, shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, bindparam, func, insert, select

from atlas_gql.access.actors import Actor
from atlas_gql.db.database import ENGINE, Database, Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.tables import api_tokens, memberships, tenant_grants, users

PREFIX = "atlas_"


def generate() -> str:
    """A new token: the prefix and 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def create(tx: Transaction, *, user_id: UUID, name: str, plane: str, expires_at: datetime) -> str:
    """Make a token and give it, for the only time."""
    token = generate()
    await tx.execute(
        insert(api_tokens).values(
            id=new_id(),
            user_id=user_id,
            name=name,
            hash=hash_of(token),
            plane=plane,
            expires_at=expires_at,
        )
    )
    return token


def _rights(where: Any) -> Any:
    """The select of an actor and all its rights, as one row."""
    roles = (
        select(func.jsonb_object_agg(memberships.c.workspace_id, memberships.c.role))
        .where(memberships.c.user_id == users.c.id)
        .scalar_subquery()
    )
    grants = (
        select(func.jsonb_object_agg(tenant_grants.c.tenant_id, tenant_grants.c.role))
        .where(tenant_grants.c.user_id == users.c.id)
        .scalar_subquery()
    )
    return (
        select(
            users.c.id.label("user_id"),
            users.c.name,
            api_tokens.c.id.label("token_id"),
            api_tokens.c.plane,
            roles.label("memberships"),
            grants.label("grants"),
        )
        .select_from(api_tokens.join(users))
        .where(
            where,
            api_tokens.c.revoked_at.is_(None),
            api_tokens.c.expires_at > func.now(),
            users.c.disabled_at.is_(None),
        )
    )


BY_HASH = _rights(api_tokens.c.hash == bindparam("hash", type_=LargeBinary))
BY_TOKEN = _rights(api_tokens.c.id == bindparam("token_id"))


async def authenticate(database: Database, token: str) -> Actor | None:
    """The actor behind a token; None for one that is unknown, expired, revoked, or of a disabled user."""
    if not token.startswith(PREFIX):
        return None
    row = await database.scope(ENGINE).one(BY_HASH, hash=hash_of(token))
    return None if row is None else _actor(row)


async def actor_of_token(database: Database, token_id: UUID) -> Actor | None:
    """The actor behind a token's id, as its rights are now; None when the token no longer opens anything."""
    row = await database.scope(ENGINE).one(BY_TOKEN, token_id=token_id)
    return None if row is None else _actor(row)


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
