"""Audit entries: who did what to which resource, when, why, with what outcome. Only ever added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from atlas_gql.db.database import Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.statements import adding
from atlas_gql.db.tables import audit_entries
from atlas_gql.redaction import redact, redact_text

# A run has one entry of each action, whoever comes second.
_ADD = adding(
    audit_entries,
    "id",
    "workspace_id",
    "tenant_id",
    "run_id",
    "action",
    "actor_kind",
    "actor_id",
    "actor_name",
    "token_id",
    "resource_kind",
    "resource_id",
    "outcome",
    "reason",
    "details",
    "request_id",
).on_conflict_do_nothing(index_elements=["run_id", "action"])


@dataclass(frozen=True, kw_only=True)
class By:
    """Who acts: a user through a token and a request (`kind` user), or a command."""

    kind: str
    name: str
    user_id: UUID | None = None
    token_id: UUID | None = None
    request_id: str | None = None

    def to_json(self) -> dict[str, str | None]:
        """For keeping with what goes on after the request."""
        return {name: None if value is None else str(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> By:
        ids = {name: kept[name] and UUID(kept[name]) for name in ("user_id", "token_id")}
        return cls(**{**kept, **ids})


COMMAND = By(kind="command", name="atlas command line")
"""Whoever may run `atlas` on a machine of the installation."""


ITSELF = By(kind="system", name="Atlas")
"""Atlas, of its own accord: what somebody set up once and for all."""


def changes_between(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """What differs, as details tell it: by name, `{"old": ..., "new": ...}`."""
    return {
        name: {"old": _shown(old[name]), "new": _shown(value)}
        for name, value in new.items()
        if old[name] != value
    }


def _shown(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


async def record(
    tx: Transaction,
    *,
    by: By,
    action: str,
    workspace_id: UUID | None = None,
    tenant_id: UUID | None = None,
    run_id: UUID | None = None,
    resource: tuple[str, str] | None = None,
    outcome: str | None = None,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry in the caller's transaction; a second one of the same run and action changes nothing.

    `action` is past tense (`restore.executed`); `resource` is (kind, id). Free text is cleaned of secrets.
    """
    await record_all(
        tx,
        [
            entry(
                by=by,
                action=action,
                workspace_id=workspace_id,
                tenant_id=tenant_id,
                run_id=run_id,
                resource=resource,
                outcome=outcome,
                reason=reason,
                details=details,
            )
        ],
    )


def entry(
    *,
    by: By,
    action: str,
    workspace_id: UUID | None = None,
    tenant_id: UUID | None = None,
    run_id: UUID | None = None,
    resource: tuple[str, str] | None = None,
    outcome: str | None = None,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """An entry for `record_all`; its parts are those of `record`."""
    return {
        "id": new_id(),
        "workspace_id": workspace_id,
        "tenant_id": tenant_id,
        "run_id": run_id,
        "action": action,
        "actor_kind": by.kind,
        "actor_id": by.user_id,
        "actor_name": by.name,
        "token_id": by.token_id,
        "resource_kind": resource[0] if resource else None,
        "resource_id": resource[1] if resource else None,
        "outcome": outcome,
        "reason": redact_text(reason) if reason else None,
        "details": redact(dict(details or {})),
        "request_id": by.request_id,
    }


async def record_all(tx: Transaction, entries: Sequence[Mapping[str, Any]]) -> None:
    """Add entries in the caller's transaction, in one round trip."""
    if len(entries) == 1:
        await tx.execute(_ADD, **entries[0])
    else:
        await tx.execute_many(_ADD, entries)
