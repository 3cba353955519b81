"""API tokens: made once, shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    DateTime,
    LargeBinary,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import Executable

from atlas_gql import audit
from atlas_gql.access.actors import Actor, Proof
from atlas_gql.access.bounds import UNBOUND, Bounds, bounds
from atlas_gql.access.capabilities import MEANINGS
from atlas_gql.audit import COMMAND, By
from atlas_gql.db.database import NOBODY, USER_SETTING, Database, Row, Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.references import existing, readable
from atlas_gql.db.statements import adding
from atlas_gql.db.tables import api_tokens, users
from atlas_gql.errors import ValidationError
from atlas_gql.values import checked_name

PREFIX = "atlas_"

_ADD = adding(
    api_tokens,
    *("id", "user_id", "name", "hash", "plane", "expires_at"),
    *("workspace_id", "capabilities", "tenant_ids", "made_with"),
)
# A limited token may be in the wrong hands: what was made with it ends with it.
_FAMILY = select(api_tokens.c.id).where(api_tokens.c.id == bindparam("of_token")).cte(recursive=True)
_FAMILY = _FAMILY.union(select(api_tokens.c.id).join(_FAMILY, api_tokens.c.made_with == _FAMILY.c.id))
_REVOKE = (
    update(api_tokens)
    .where(api_tokens.c.id.in_(select(_FAMILY.c.id)), api_tokens.c.revoked_at.is_(None))
    .values(revoked_at=func.now())
    .returning(*readable(api_tokens))
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
    within: Bounds = UNBOUND,
    made_with: UUID | None = None,
) -> str:
    """Make a token and give it, for the only time; `token_id` will be its id, where that is wanted.

    `within` are bounds that fit the user's workspaces; `made_with` is the limited token that it depends on.
    Raises ValidationError for a malformed name, an unknown plane, an unknown or disabled user, and for
    bounds that a token cannot have.
    """
    token, token_id, name = generate(), token_id or new_id(), checked_name(name)
    if plane not in list(Plane):
        raise ValidationError(f"A plane is one of {', '.join(Plane)}.", field="plane")
    user = await existing(tx, users, user_id, field="user")
    if user.disabled_at is not None:
        raise ValidationError("The user is disabled.", field="user")
    _check_bounds(within, plane)
    await tx.execute(
        _ADD,
        id=token_id,
        user_id=user_id,
        name=name,
        hash=hash_of(token),
        plane=plane,
        expires_at=expires_at,
        workspace_id=within.workspace_id,
        made_with=made_with,
        **_kept(within),
    )
    kept = {"capabilities": _kept(within)["capabilities"], "tenants": _kept(within)["tenant_ids"]}
    said = {name: value for name, value in kept.items() if value is not None}
    await _record(
        tx, by, "token.created", token_id, user_id, within.workspace_id, name=name, plane=plane, **said
    )
    return token


def _kept(within: Bounds) -> dict[str, list[str] | None]:
    capabilities, tenants_ = within.capabilities, within.tenants
    return {
        "capabilities": None if capabilities is None else sorted(capabilities),
        "tenant_ids": None if tenants_ is None else sorted(map(str, tenants_)),
    }


def _check_bounds(within: Bounds, plane: str) -> None:
    if plane == Plane.PLATFORM and within != UNBOUND:
        raise ValidationError("A token of the platform has no bounds.", field="plane")
    if within.tenants is not None and within.workspace_id is None:
        raise ValidationError("Tenants are of a workspace: name it.", field="workspace")
    for field, named in (("capabilities", within.capabilities), ("tenants", within.tenants)):
        if named is not None and not named:
            raise ValidationError("A token for nothing is of no use: name some.", field=field)
    if unknown := (within.capabilities or frozenset()) - MEANINGS.keys():
        raise ValidationError(f"There is no capability {min(unknown)}.", field="capabilities")


async def revoke(tx: Transaction, *, token_id: UUID, by: By = COMMAND) -> bool:
    """Make a token, and those made with it while it was limited, open nothing any more.

    False when all of them were revoked before. Raises ValidationError for one that is unknown, or out of
    the transaction's scope.
    """
    await existing(tx, api_tokens, token_id, field="token")
    # What was made with it may be for another workspace, which whoever revokes it has left.
    tx.become_engine()
    revoked = await tx.fetch(_REVOKE, of_token=token_id)
    for token in sorted(revoked, key=lambda token: token.id):
        about = {"name": token.name, "plane": token.plane}
        await _record(tx, by, "token.revoked", token.id, token.user_id, token.workspace_id, **about)
    return bool(revoked)


async def tokens_of(tx: Transaction, user_id: UUID) -> list[Row]:
    """The user's tokens without their hashes, the newest first."""
    return await tx.fetch(_OF_USER, of_user=user_id)


async def _record(
    tx: Transaction,
    by: By,
    action: str,
    token_id: UUID,
    user_id: UUID,
    workspace_id: UUID | None,
    **details: Any,
) -> None:
    await audit.record(
        tx,
        by=by,
        action=action,
        workspace_id=workspace_id,
        resource=("ApiToken", str(token_id)),
        details={"user": str(user_id), **details},
    )


_WHO = (
    column("user_id", Uuid),
    column("name", Text),
    column("memberships", JSONB),
    column("grants", JSONB),
)
"""A user and all its rights, as columns of one row."""
_TOKEN = (
    column("token_id", Uuid),
    column("plane", Text),
    column("expires_at", DateTime(timezone=True)),
    column("workspace_id", Uuid),
    column("capabilities", ARRAY(Text)),
    column("tenant_ids", ARRAY(Uuid)),
)
# All rights behind tokens that open something, as one row each; nothing but this function reads the hashes.
_BEHIND = func.atlas_actors(
    bindparam("hash", type_=LargeBinary), bindparam("token_ids", type_=ARRAY(Uuid))
).table_valued(*_WHO, *_TOKEN)
ACTORS = select(_BEHIND)
# The same, and PostgreSQL is told who asks, for what comes with it; of a token that opens nothing, nobody.
_INTRODUCED = select(
    _BEHIND,
    func.set_config(literal_column(f"'{USER_SETTING}'"), cast(_BEHIND.c.user_id, Text), true()).label("told"),
)
USERS = select(func.atlas_users(bindparam("user_ids", type_=ARRAY(Uuid))).table_valued(*_WHO))
LOGIN = select(
    func.atlas_login(
        bindparam("issuer", type_=Text), bindparam("subject", type_=Text), bindparam("email", type_=Text)
    ).table_valued(*_WHO, column("invited", Boolean))
)


@dataclass(kw_only=True)
class Ahead:
    """A read of which it is likely that the actor will ask for it: it goes along with the question who asks.

    It sees what that actor's scope sees. `rows` stay None where it was not done.
    """

    statement: Executable
    parameters: Mapping[str, Any]
    rows: list[Row] | None = None


async def authenticate(database: Database, token: str, ahead: Ahead | None = None) -> Actor | None:
    """The actor behind a token; None for one that is unknown, expired, revoked, or of a disabled user."""
    if not token.startswith(PREFIX):
        return None
    shown = {"hash": hash_of(token), "token_ids": None}
    if ahead is None:
        row = await database.scope(NOBODY).one(ACTORS, **shown)
        return None if row is None else _actor(row)
    found, rows = await database.scope(NOBODY).together(
        (_INTRODUCED, shown), (ahead.statement, ahead.parameters)
    )
    if not found:
        return None
    ahead.rows = rows
    return _actor(found[0])


async def actors_again(database: Database, proofs: Collection[Proof]) -> dict[Proof, Actor]:
    """The actors behind these proofs as their rights are now, by proof; without those that ended."""
    by_token = {proof.token_id: proof for proof in proofs if proof.token_id is not None}
    actors = await actors_of_tokens(database, by_token.keys()) if by_token else {}
    found = {by_token[token_id]: actor for token_id, actor in actors.items()}
    now = datetime.now(UTC)
    logins = [
        proof for proof in proofs if proof.token_id is None and (proof.ends_at is None or proof.ends_at > now)
    ]
    if logins:
        of = list({proof.user_id for proof in logins})
        rows = {row.user_id: row for row in await database.scope(NOBODY).fetch(USERS, user_ids=of)}
        for proof in logins:
            if proof.user_id in rows:
                found[proof] = actor_of_rights(rows[proof.user_id], ends_at=proof.ends_at)
    return found


def actor_of_rights(row: Any, *, ends_at: datetime | None) -> Actor:
    """The actor of a login without an API token, which has all of its user's rights."""
    return Actor(
        user_id=row.user_id,
        name=row.name,
        token_id=None,
        plane=Plane.WORKSPACE,
        ends_at=ends_at,
        memberships=_by_id(row.memberships),
        grants=_by_id(row.grants),
    )


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
        ends_at=row.expires_at,
        memberships=_by_id(row.memberships),
        grants=_by_id(row.grants),
        bounds=bounds(row.workspace_id, row.capabilities, row.tenant_ids),
    )


def _by_id(roles: Mapping[str, str] | None) -> dict[UUID, str]:
    return {UUID(key): role for key, role in (roles or {}).items()}
