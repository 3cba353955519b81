"""Which column feeds which GraphQL field: every type that is read from a table."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Text,
    Uuid,
    case,
    cast,
    exists,
    false,
    func,
    literal_column,
    null,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from atlas_gql.access.actors import Actor
from atlas_gql.access.capabilities import Capability
from atlas_gql.db.tables import (
    api_tokens,
    audit_entries,
    backup_contents,
    backup_items,
    backup_sets,
    credentials,
    invitations,
    memberships,
    operation_runs,
    policies,
    providers,
    restore_items,
    restore_runs,
    run_items,
    run_log,
    schedules,
    tenant_grants,
    tenants,
    users,
    workspaces,
)
from atlas_gql.db.tables import runs as run_tables
from atlas_gql.schema import standing
from atlas_gql.schema.live.moments import MOMENT
from atlas_gql.schema.rows import Link, RowMap, row_map

RUN_ITEM_COLUMNS = (
    *("key", "label", "state", "result", "created_at", "finished_at"),
    *("code", "reason", "detail", "message", "graph_request_id"),
)

WORKSPACE: RowMap = row_map(
    "Workspace", workspaces, ("name",), workspace_id=workspaces.c.id, tenant_id=cast(null(), Uuid)
)

_PROVIDER_OF_TENANT = (
    select(providers.c.id).where(providers.c.tenant_id == tenants.c.id).correlate(tenants).scalar_subquery()
)
TENANT: RowMap = row_map(
    "Tenant",
    tenants,
    (
        *("name", "primary_domain", "created_at", "archived_at", "purge_started_at"),
        *("backup_keep_days", "backup_keep_count"),
    ),
    links={
        "provider": Link(to=lambda: PROVIDER, by="provider_id"),
        "workspace": Link(to=lambda: WORKSPACE, by="workspace_id"),
    },
    reads={
        "providerStatus": ("stands",),
        "providerStatusAt": ("stands_since",),
        "providerVerification": ("verified", "verified_at"),
        "lastSuccessfulBackupAt": ("backed_up_at",),
        "backupRetention": ("backup_keep_days", "backup_keep_count"),
    },
    provider_id=_PROVIDER_OF_TENANT,
    entra_tenant_id=cast(tenants.c.entra_tenant_id, Text),
    tenant_id=tenants.c.id,
    stands=standing.PROVIDER_STATUS,
    stands_since=standing.PROVIDER_STATUS_AT,
    verified=standing.VERIFIED,
    verified_at=standing.VERIFIED_AT,
    backed_up_at=standing.LAST_BACKUP_AT,
)


def _of_user(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A column of the member's user."""
    return select(column).where(users.c.id == memberships.c.user_id).correlate(memberships).scalar_subquery()


MEMBER = row_map(
    "Member",
    memberships,
    ("role",),
    capability=Capability.MEMBERS_VIEW,
    reads={"joinedAt": ("created_at",), "grants": ("user_id",)},
    tenant_id=cast(null(), Uuid),
    user_id=memberships.c.user_id,
    user_uuid=cast(memberships.c.user_id, Text),
    user_name=_of_user(users.c.name),
    email=_of_user(users.c.email),
    disabled_at=_of_user(users.c.disabled_at),
    created_at=memberships.c.created_at,
)

# Of the workspace as a whole, as its member is: who reaches one tenant sees nobody's grants.
TENANT_GRANT = row_map(
    "TenantGrant",
    tenant_grants,
    ("role",),
    capability=Capability.MEMBERS_VIEW,
    reads={"tenant": ("granted_id",), "grantedAt": ("created_at",)},
    tenant_id=cast(null(), Uuid),
    granted_id=tenant_grants.c.tenant_id,
    created_at=tenant_grants.c.created_at,
    tenant_name=select(tenants.c.name)
    .where(tenants.c.id == tenant_grants.c.tenant_id)
    .correlate(tenant_grants)
    .scalar_subquery(),
)

CREDENTIAL: RowMap = row_map(
    # What is sealed is no attribute of it: nothing in the schema can read that.
    "Credential",
    credentials,
    ("name", "kind", "created_at", "expires_at", "rotated_at"),
    capability=Capability.PROVIDERS_VIEW,
    tenant_id=cast(null(), Uuid),
)

PROVIDER: RowMap = row_map(
    "Provider",
    providers,
    ("cloud", "client_id", "write_client_id", "writes_enabled", "created_at"),
    capability=Capability.PROVIDERS_VIEW,
    links={
        "tenant": Link(to=lambda: TENANT, by="tenant_id"),
        "credential": Link(to=lambda: CREDENTIAL, by="credential_id"),
        "writeCredential": Link(to=lambda: CREDENTIAL, by="write_credential_id"),
    },
    credential_id=providers.c.credential_id,
    write_credential_id=providers.c.write_credential_id,
)

API_TOKEN: RowMap = row_map(
    # Its hash is no attribute of it either.
    "ApiToken",
    api_tokens,
    ("name", "created_at", "expires_at", "revoked_at", "last_used_at", "capabilities", "tenant_ids"),
    capability=Capability.TOKENS_MANAGE,
    links={"workspace": Link(to=lambda: WORKSPACE, by="workspace_id")},
    reads={"owner": ("user_id", "owner_name"), "tenants": ("tenant_ids",)},
    own=Actor.owns_token,
    owned_by=("user_id", "plane", "made_with"),
    tenant_id=cast(null(), Uuid),
    owner_name=select(users.c.name)
    .where(users.c.id == api_tokens.c.user_id)
    .correlate(api_tokens)
    .scalar_subquery(),
)

INVITATION = row_map(
    "Invitation",
    invitations,
    (
        *("email", "issuer", "subject", "role", "tenant_ids"),
        *("created_at", "expires_at", "accepted_at", "revoked_at"),
    ),
    capability=Capability.MEMBERS_VIEW,
    reads={"tenants": ("tenant_ids",), "invitedBy": ("inviter",)},
    tenant_id=cast(null(), Uuid),
    inviter=select(users.c.name)
    .where(users.c.id == invitations.c.invited_by)
    .correlate(invitations)
    .scalar_subquery(),
)

SCHEDULE: RowMap = row_map(
    "Schedule",
    schedules,
    (
        *("name", "operation_type", "cron", "time_zone", "jitter_seconds", "enabled", "disabled_reason"),
        *("next_at", "created_at", "changed_at", "deleted_at"),
    ),
    capability=Capability.RUNS_VIEW,
    reads={
        "input": ("asked_input",),
        "owner": ("owner_uuid", "owner_name"),
        "lastTick": ("tick",),
        "nextTicks": ("cron", "time_zone", "next_at"),
    },
    tenant_id=cast(null(), Uuid),
    all_tenants=schedules.c.tenant_ids.is_(None),
    asked_input=schedules.c.asked_input,
    owner_uuid=cast(schedules.c.owner_id, Text),
    owner_name=select(users.c.name)
    .where(users.c.id == schedules.c.owner_id)
    .correlate(schedules)
    .scalar_subquery(),
    tick=schedules.c.last_tick,
)

ENDED: ColumnElement[datetime] = literal_column(
    run_tables.ENDED.replace("finished_at", "operation_runs.finished_at"), DateTime(timezone=True)
)
_SUBJECT_TABLES = {
    "BackupSet": backup_sets,
    "RestoreRun": restore_runs,
    "BackupItem": backup_items,
    "Policy": policies,
}
SUBJECTS = tuple(_SUBJECT_TABLES)
"""The kinds of things that runs work on."""
_SUBJECT_THERE = case(
    *(
        (
            operation_runs.c.subject_kind == literal_column(f"'{kind}'"),
            exists()
            .where(table.c.id == operation_runs.c.subject_id, table.c.tenant_id == operation_runs.c.tenant_id)
            .correlate(operation_runs),
        )
        for kind, table in _SUBJECT_TABLES.items()
    ),
    else_=false(),
)
OPERATION_RUN: RowMap = row_map(
    "OperationRun",
    operation_runs,
    (
        *("type", "status", "outcome", "target", "attempt", "reason", "request_id", "dedupe_hits"),
        *("created_at", "started_at", "finished_at", "cancel_requested_at"),
        *("total", "processed", "failed", "skipped"),
        *("failure_code", "failure_reason", "failure_detail", "failure_message"),
        *("initiator_kind", "initiator_name", "subject_kind", "subject_id", "internal"),
    ),
    capability=Capability.RUNS_VIEW,
    links={
        "tenant": Link(to=lambda: TENANT, by="tenant_id"),
        "retryOf": Link(to=lambda: OPERATION_RUN, by="retry_of_id"),
        "parent": Link(to=lambda: OPERATION_RUN, by="parent_id"),
        "schedule": Link(to=lambda: SCHEDULE, by="schedule_id"),
    },
    reads={
        "counters": ("total", "processed", "failed", "skipped"),
        "failures": ("failure_code", "failure_reason", "failure_detail", "failure_message"),
        "initiator": ("initiator_kind", "initiator_name", "initiator_uuid"),
        "subject": ("subject_kind", "subject_id", "subject_there"),
        "verification": ("verified", "finished_at"),
        "result": ("type", "returned"),
        "eventCursor": ("moment",),
    },
    ended=ENDED,
    subject_there=_SUBJECT_THERE,
    initiator_uuid=cast(operation_runs.c.initiator_id, Text),
    retry_of_id=operation_runs.c.retry_of,
    parent_id=operation_runs.c.parent_run_id,
    schedule_id=operation_runs.c.schedule_id,
    input=operation_runs.c.input,
    verified=case((operation_runs.c.type == literal_column("'providers.verify'"), operation_runs.c.result)),
    returned=operation_runs.c.result,
    moment=MOMENT,
)

RUN_ITEM = row_map(
    "RunItem",
    run_items,
    RUN_ITEM_COLUMNS,
    capability=Capability.RUNS_VIEW,
    # A failure shows its item: with `failure`, all of the item is read.
    reads={"failure": RUN_ITEM_COLUMNS},
)

RUN_LOG = row_map(
    "RunLogEntry",
    run_log,
    ("event", "data", "attempt"),
    capability=Capability.RUNS_VIEW,
    at=run_log.c.created_at,
)

AUDIT_ENTRY = row_map(
    "AuditEntry",
    audit_entries,
    (
        *("action", "actor_kind", "actor_name", "resource_kind", "resource_id", "outcome", "reason"),
        *("details", "request_id", "created_at"),
    ),
    capability=Capability.AUDIT_VIEW,
    reads={"actor": ("actor_kind", "actor_name", "actor_uuid"), "resource": ("resource_kind", "resource_id")},
    actor_uuid=cast(audit_entries.c.actor_id, Text),
    run_uuid=cast(audit_entries.c.run_id, Text),
    tenant_uuid=cast(audit_entries.c.tenant_id, Text),
)

POLICY = row_map(
    "Policy",
    policies,
    ("policy_type", "external_id", "name", "platform", "last_seen_at"),
    capability=Capability.POLICIES_VIEW,
)

BACKUP_SET: RowMap = row_map(
    "BackupSet",
    backup_sets,
    (
        *("origin", "state", "run_id", "item_count", "failed_count", "overlapped_write"),
        *("created_at", "completed_at"),
    ),
    capability=Capability.BACKUPS_VIEW,
    links={
        "tenant": Link(to=lambda: TENANT, by="tenant_id"),
        "run": Link(to=lambda: OPERATION_RUN, by="run_id"),
    },
    reads={"source": ("archived",)},
    archived=backup_sets.c.source,
)

CONTENT = (
    select(backup_contents.c.content)
    .where(
        backup_contents.c.tenant_id == backup_items.c.tenant_id,
        backup_contents.c.hash == backup_items.c.content_hash,
    )
    .correlate(backup_items)
    .scalar_subquery()
)
BACKUP_ITEM = row_map(
    "BackupItem",
    backup_items,
    (
        *("policy_type", "external_id", "name", "platform", "assignments_state", "assignment_count"),
        *("reason", "message", "created_at"),
    ),
    capability=Capability.BACKUPS_VIEW,
    reads={
        "reasonCode": ("reason",),
        "assignments": ("content",),
        "suspicious": ("content",),
        "groups": ("content",),
        "filters": ("content",),
    },
    content=CONTENT,
)

# A restore run's warnings are those of its items, in the plan's order.
_WARNING = (
    func.jsonb_array_elements(restore_items.c.warnings)
    .table_valued("value", with_ordinality="n")
    .render_derived(name="warning")
)
_IN_ORDER = aggregate_order_by(_WARNING.c.value, restore_items.c.position, _WARNING.c.n)
_WARNINGS = (
    select(func.coalesce(func.jsonb_agg(_IN_ORDER), literal_column("'[]'::jsonb")))
    .select_from(restore_items.join(_WARNING, true()))
    .where(restore_items.c.restore_run_id == restore_runs.c.id)
    .correlate(restore_runs)
    .scalar_subquery()
)
RESTORE_RUN: RowMap = row_map(
    "RestoreRun",
    restore_runs,
    (
        *("purpose", "state", "mode", "source_tenant_id", "backup_set_id", "against_set_id"),
        *("plan_digest", "mappings", "summary"),
        *("created_by", "created_at", "planned_at", "expires_at"),
    ),
    capability=Capability.BACKUPS_VIEW,
    links={
        "tenant": Link(to=lambda: TENANT, by="tenant_id"),
        "sourceTenant": Link(to=lambda: TENANT, by="source_tenant_id"),
        "backupSet": Link(to=lambda: BACKUP_SET, by="backup_set_id"),
        "againstSet": Link(to=lambda: BACKUP_SET, by="against_set_id"),
    },
    # Its guard asks for the rights on the tenant that the set is of.
    reads={"backupSet": ("backup_set_id", "source_tenant_id")},
    expired=func.coalesce(restore_runs.c.expires_at <= func.clock_timestamp(), false()),
    warnings=_WARNINGS,
)

RESTORE_ITEM = row_map(
    "RestoreItem",
    restore_items,
    (
        *("position", "policy_type", "source_name", "platform", "target_name", "action", "matched_by"),
        *("blocked_reason", "blocked_message", "changes", "warnings"),
    ),
    capability=Capability.BACKUPS_VIEW,
    source_external_id=restore_items.c.source_id,
    target_external_id=restore_items.c.target_id,
)

KINDS: dict[str, RowMap] = {
    rows.kind: rows
    for rows in (
        WORKSPACE,
        TENANT,
        MEMBER,
        TENANT_GRANT,
        CREDENTIAL,
        PROVIDER,
        API_TOKEN,
        INVITATION,
        SCHEDULE,
        OPERATION_RUN,
        RUN_ITEM,
        RUN_LOG,
        AUDIT_ENTRY,
        POLICY,
        BACKUP_SET,
        BACKUP_ITEM,
        RESTORE_RUN,
        RESTORE_ITEM,
    )
}
"""Everything that has an id, by its GraphQL type."""
