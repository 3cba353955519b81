"""What a verification of a tenant's provider found; read from the JSON stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import strawberry

from atlas_gql.ops.inputs import load
from atlas_gql.plugins.verification import ProviderReport, ReadinessState
from atlas_gql.reasons import ReasonCode
from atlas_gql.schema.enums import ProviderStatus


@strawberry.type(description="Whether one thing can be read, or written.")
class Readiness:
    state: ReadinessState = strawberry.field(description="Whether it can.")
    permission: str | None = strawberry.field(description="The Graph permission that is missing.")
    reason_code: ReasonCode | None = strawberry.field(description="Why it cannot, where Microsoft said so.")


@strawberry.type(description="One line of a verification: a kind of policy, or what goes with policies.")
class ProviderCheck:
    subject: str = strawberry.field(description="What was looked at: a kind of policy, `groups`, ...")
    label: str = strawberry.field(description="The same, for people.")
    policy_type: str | None = strawberry.field(description="The kind of policy; null for what is none.")
    reading: Readiness = strawberry.field(description="Whether a backup can read it.")
    writing: Readiness | None = strawberry.field(
        description="Whether a restore could write it, as far as can be told without writing; null for what"
        " is never written."
    )


@strawberry.type(description="What a verification of a provider found: what works, and what will be refused.")
class ProviderVerification:
    status: ProviderStatus = strawberry.field(description="What it comes to.")
    verified_at: datetime | None = strawberry.field(description="When it was complete.")
    permissions: list[str] = strawberry.field(
        description="The permissions that the tenant granted the application that reads."
    )
    write_permissions: list[str] = strawberry.field(
        description="The permissions that the tenant granted the application that writes; empty as well where"
        " that one got no token."
    )
    writes_enabled: bool = strawberry.field(description="Whether restores were allowed to write.")
    approvals: list[str] | None = strawberry.field(
        description="The kinds of change that need a second administrator, in Microsoft's words; null when"
        " that could not be read."
    )
    checks: list[ProviderCheck] = strawberry.field(description="What was looked at, one by one.")


def verification(stored: Mapping[str, Any] | None, at: datetime | None) -> ProviderVerification | None:
    """A stored report; None for none."""
    if stored is None:
        return None
    report: ProviderReport = load(ProviderReport, dict(stored))
    return ProviderVerification(
        status=ProviderStatus(report.health),
        verified_at=at,
        permissions=list(report.permissions),
        write_permissions=list(report.write_permissions),
        writes_enabled=report.writes_enabled,
        approvals=None if report.approvals is None else list(report.approvals),
        checks=list(report.checks),  # type: ignore[arg-type] # read as they are
    )
