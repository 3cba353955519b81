"""What receivers are told of a run: ids, numbers and codes; nothing secret, and no person.

`version` is 1. Fields are added without a new version; they go away, or change their meaning, with one only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from atlas_gql.plugins import FinishedRun, Tenant

VERSION = 1
TYPE = "run.finished"


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message as it is posted: the same bytes each time, so that a receiver can compare them."""

    id: str
    """What receivers tell it from others by: the run's id."""
    body: bytes

    @classmethod
    def of(cls, ended: FinishedRun, tenant: Tenant) -> Message:
        content = {
            "type": TYPE,
            "version": VERSION,
            "timestamp": _instant(ended.finished_at),
            "data": {"run": _run(ended), "tenant": _tenant(tenant)},
        }
        return cls(id=str(ended.id), body=json.dumps(content, separators=(",", ":")).encode())


def _run(ended: FinishedRun) -> dict[str, Any]:
    failed = ended.failure_code is not None
    return {
        "id": str(ended.id),
        "type": ended.type,
        "outcome": ended.outcome,
        "createdAt": _instant(ended.created_at),
        "startedAt": _instant(ended.started_at),
        "finishedAt": _instant(ended.finished_at),
        "counters": {
            "total": ended.total,
            "processed": ended.processed,
            "failed": ended.failed,
            "skipped": ended.skipped,
        },
        "failure": {"code": ended.failure_code, "reasonCode": ended.failure_reason} if failed else None,
        "subject": {"kind": ended.subject_kind, "id": str(ended.subject_id)} if ended.subject_id else None,
    }


def _tenant(tenant: Tenant) -> dict[str, Any]:
    return {
        "id": str(tenant.id),
        "name": tenant.name,
        "primaryDomain": tenant.primary_domain,
        "entraTenantId": str(tenant.entra_tenant_id),
    }


def _instant(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
