"""Tokens that users make for themselves: each for one workspace, and no wider than what made it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, func, select

from atlas_gql.access import tokens
from atlas_gql.access.actors import NOTHING, Actor
from atlas_gql.access.bounds import bounds
from atlas_gql.access.tokens import Plane
from atlas_gql.audit import By
from atlas_gql.db.database import Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.tables import api_tokens, tenants
from atlas_gql.errors import ValidationError

USUAL = timedelta(days=90)
"""How long a token lives whose end was left open."""
MOST = 100
"""Valid tokens that a user may have in one workspace."""
MOST_NAMED = 200
"""Tenants that a token can be limited to."""

# Whoever makes the last one at the same time counts after the first has committed.
_LOCK = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("key"), 12)))
_VALID = select(func.count().label("total")).where(
    api_tokens.c.user_id == bindparam("of_user"),
    api_tokens.c.workspace_id == bindparam("of_workspace"),
    api_tokens.c.revoked_at.is_(None),
    api_tokens.c.expires_at > func.now(),
)
_TENANTS = select(tenants.c.id).where(
    tenants.c.workspace_id == bindparam("of_workspace"),
    tenants.c.id == any_(bindparam("tenant_ids", type_=ARRAY(Uuid))),
)


async def make_token(
    tx: Transaction,
    actor: Actor,
    by: By,
    *,
    workspace_id: UUID,
    name: str,
    capabilities: Collection[str] | None,
    tenant_ids: Collection[UUID] | None,
    expires_at: datetime | None,
    longest: timedelta,
) -> tuple[UUID, str]:
    """Make a token of the actor's own for a workspace; gives its id and, for the only time, the token.

    Bounds that are left out are those of the token that asks. What a limited token makes is limited as much,
    ends no later, and is revoked with it. Raises ValidationError for what the actor does not have to give.
    """
    own = actor.bounds
    if tenant_ids is not None and not 0 < len(tenant_ids) <= MOST_NAMED:
        raise ValidationError(f"Name 1 to {MOST_NAMED} tenants, or leave them out.", field="tenant_ids")
    await _check_room(tx, actor.user_id, workspace_id)
    await _check_reach(tx, actor, workspace_id, tenant_ids)
    _check_capabilities(actor, workspace_id, capabilities, tenant_ids)
    token_id = new_id()
    token = await tokens.create(
        tx,
        user_id=actor.user_id,
        name=name,
        plane=Plane.WORKSPACE,
        expires_at=_end(actor, expires_at, longest),
        by=by,
        token_id=token_id,
        within=bounds(
            workspace_id,
            own.capabilities if capabilities is None else capabilities,
            own.tenants if tenant_ids is None else tenant_ids,
        ),
        made_with=actor.token_id if own.limited else None,
    )
    return token_id, token


def _end(actor: Actor, wanted: datetime | None, longest: timedelta) -> datetime:
    now = datetime.now(UTC)
    last = now + longest
    if actor.bounds.limited and actor.ends_at is not None:
        last = min(last, actor.ends_at)
    if wanted is None:
        return min(now + USUAL, last)
    if wanted.tzinfo is None:
        raise ValidationError("Say of which time zone this is, as in 2027-01-31T00:00:00Z.", "expires_at")
    if wanted <= now:
        raise ValidationError("This has passed already.", field="expires_at")
    if wanted > last:
        raise ValidationError(f"It may end at {last:%Y-%m-%d %H:%M} UTC at the latest.", field="expires_at")
    return wanted


async def _check_room(tx: Transaction, user_id: UUID, workspace_id: UUID) -> None:
    await tx.execute(_LOCK, key=f"{user_id} {workspace_id}")
    row = await tx.one(_VALID, of_user=user_id, of_workspace=workspace_id)
    assert row is not None
    if row.total >= MOST:
        raise ValidationError(f"You have {MOST} tokens here: revoke some first.", field="workspace_id")


async def _check_reach(
    tx: Transaction, actor: Actor, workspace_id: UUID, tenant_ids: Collection[UUID] | None
) -> None:
    """Every tenant is within the actor's reach. What is not, and what there is not, are told alike."""
    if not tenant_ids:
        return
    rows = await tx.fetch(_TENANTS, of_workspace=workspace_id, tenant_ids=list(tenant_ids))
    reached = {row.id for row in rows if actor.in_tenant(workspace_id, row.id) is not None}
    if not reached.issuperset(tenant_ids):
        raise ValidationError("There is no such tenant within your reach.", field="tenant_ids")


def _check_capabilities(
    actor: Actor,
    workspace_id: UUID,
    capabilities: Collection[str] | None,
    tenant_ids: Collection[UUID] | None,
) -> None:
    """Each capability is held somewhere that the token will reach."""
    held = set(NOTHING if tenant_ids else actor.in_workspace(workspace_id) or NOTHING)
    for tenant_id in tenant_ids or actor.named_tenants(workspace_id):
        held |= actor.in_tenant(workspace_id, tenant_id) or NOTHING
    if missing := set(capabilities or ()) - held:
        raise ValidationError(
            f"You do not hold {min(missing)} there, so no token of yours can.", field="capabilities"
        )
