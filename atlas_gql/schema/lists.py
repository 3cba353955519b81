"""Every list of the schema: whose it is, in which order, and by what it can be filtered.

Each order, and each filter of a list that grows without bound, is served by an index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    DateTime,
    SQLColumnExpression,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    exists,
    false,
    func,
    literal_column,
    not_,
    or_,
    true,
)

from atlas_gql.access.members import MEMBER
from atlas_gql.db.tables import (
    api_tokens,
    audit_entries,
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
    workspaces,
)
from atlas_gql.providers.credentials import USES
from atlas_gql.schema import maps, standing
from atlas_gql.schema.listings import Listing

NEWEST_FIRST = ("created_at", "uuid")
BY_NAME = ("name", "uuid")
BY_END = ("ended", "uuid")


@dataclass(frozen=True, kw_only=True)
class Runs:
    """The runs of one kind of parent: lists by when they were accepted, and by when they ended."""

    asked_for: tuple[Listing, Listing]
    internal: tuple[Listing, Listing]

    def chosen(self, where: Mapping[str, Any]) -> tuple[tuple[Listing, Listing], dict[str, Any]]:
        """The lists that a filter asks for, and its other conditions."""
        others = {name: value for name, value in where.items() if name != "internal"}
        return self.internal if where.get("internal") else self.asked_for, others


def _in(column: ColumnElement[Any], name: str, of: Any = Text) -> ColumnElement[bool]:
    """That a column holds one of the values given under this name."""
    return column == any_(bindparam(name, type_=ARRAY(of)))


def _contains(column: SQLColumnExpression[str]) -> ColumnElement[bool]:
    return column.ilike(bindparam("name_contains", type_=Text), escape="\\")


def _between(column: ColumnElement[Any], name: str) -> dict[str, ColumnElement[bool]]:
    """The filters that a time is after one instant, and before another."""
    instant = DateTime(timezone=True)
    return {
        f"{name}_after": column > bindparam(f"{name}_after", type_=instant),
        f"{name}_before": column < bindparam(f"{name}_before", type_=instant),
    }


_RUN_FILTERS = {
    "retry_of_id": _in(operation_runs.c.retry_of, "retry_of_id", Uuid),
    "schedule_id": _in(operation_runs.c.schedule_id, "schedule_id", Uuid),
    **_between(operation_runs.c.created_at, "created"),
    # In the order by this time, those that have not ended come last of all times.
    "finished_after": and_(
        bindparam("finished_after", type_=DateTime(timezone=True)) < maps.ENDED,
        operation_runs.c.finished_at.is_not(None),
    ),
    "finished_before": bindparam("finished_before", type_=DateTime(timezone=True)) > maps.ENDED,
}
# Those first that usually leave the fewest.
_RUN_EACH = {
    "subject_id": operation_runs.c.subject_id,
    "request_id": operation_runs.c.request_id,
    "reason_code": operation_runs.c.failure_reason,
    "initiator_uuid": operation_runs.c.initiator_id,
    "status": operation_runs.c.status,
    "outcome": operation_runs.c.outcome,
    "type": operation_runs.c.type,
}
_AUDIT_FILTERS = {
    "run_uuid": _in(audit_entries.c.run_id, "run_uuid", Uuid),
    **_between(audit_entries.c.created_at, "created"),
}
_AUDIT_EACH = {
    "resource_uuid": audit_entries.c.resource_id,
    "request_id": audit_entries.c.request_id,
    "actor_uuid": audit_entries.c.actor_id,
    "outcome": audit_entries.c.outcome,
    "actions": audit_entries.c.action,
}
_SET_FILTERS = _between(backup_sets.c.created_at, "created")
_SET_EACH = {"state": backup_sets.c.state, "origin": backup_sets.c.origin}
_RESTORE_FILTERS = {
    "source_tenant_id": _in(restore_runs.c.source_tenant_id, "source_tenant_id", Uuid),
    "mode": _in(restore_runs.c.mode, "mode"),
    **_between(restore_runs.c.created_at, "created"),
}
_RESTORE_EACH = {
    "created_by": restore_runs.c.created_by,
    "state": restore_runs.c.state,
    "purpose": restore_runs.c.purpose,
}
_POLICY_FILTERS = {
    "name_contains": _contains(policies.c.name),
    **_between(policies.c.last_seen_at, "last_seen"),
}
_POLICY_EACH = {
    "external_id": policies.c.external_id,
    "name": policies.c.name,
    "policy_type": policies.c.policy_type,
    "platform": policies.c.platform,
}

WORKSPACES = Listing(
    rows=maps.WORKSPACE,
    of=(memberships.c.user_id,),
    link=(memberships.c.workspace_id == workspaces.c.id,),
    sort=BY_NAME,
    # Where a token opens one of them only.
    filters={"only": workspaces.c.id == bindparam("only", type_=Uuid)},
)

TENANTS = Listing(
    rows=maps.TENANT,
    of=(tenants.c.workspace_id,),
    sort=BY_NAME,
    filters={
        "within": _in(tenants.c.id, "within", Uuid),
        "provider_status": _in(standing.PROVIDER_STATUS, "provider_status"),
        # What was never backed up is older than any backup.
        "backed_up_before": func.coalesce(
            standing.LAST_BACKUP_AT.op("<")(bindparam("backed_up_before", type_=DateTime(timezone=True))),
            true(),
        ),
        "archived": tenants.c.archived_at.is_not(None) == bindparam("archived", type_=Boolean),
        "never_backed_up": standing.LAST_BACKUP_AT.is_(None) == bindparam("never_backed_up", type_=Boolean),
    },
)

MEMBERS = Listing(
    rows=maps.MEMBER,
    of=(memberships.c.workspace_id,),
    sort=("user_name", "uuid"),
    filters={
        "roles": _in(memberships.c.role, "roles"),
        "name_contains": _contains(maps.MEMBER.columns["user_name"]),
        # Who reaches a tenant: by a role for all of them, or by a grant.
        "reaching": or_(
            memberships.c.role != MEMBER,
            exists().where(
                tenant_grants.c.tenant_id == bindparam("reaching", type_=Uuid),
                tenant_grants.c.user_id == memberships.c.user_id,
                tenant_grants.c.workspace_id == memberships.c.workspace_id,
            ),
        ),
    },
)
GRANTS = Listing(
    rows=maps.TENANT_GRANT,
    of=(tenant_grants.c.workspace_id, tenant_grants.c.user_id),
    sort=("tenant_name", "uuid"),
)

CREDENTIALS = Listing(rows=maps.CREDENTIAL, of=(credentials.c.workspace_id,), sort=BY_NAME)
WORKSPACE_PROVIDERS = Listing(
    rows=maps.PROVIDER,
    of=(providers.c.workspace_id,),
    sort=("uuid",),
    filters={
        "cloud": _in(providers.c.cloud, "cloud"),
        "writes_enabled": providers.c.writes_enabled == bindparam("writes_enabled", type_=Boolean),
        "credential_id": or_(
            providers.c.credential_id == bindparam("credential_id", type_=Uuid),
            providers.c.write_credential_id == bindparam("credential_id", type_=Uuid),
        ),
        "within": _in(providers.c.tenant_id, "within", Uuid),
    },
)
CREDENTIAL_PROVIDERS = Listing(rows=maps.PROVIDER, of=(credentials.c.id,), link=(USES,), sort=("uuid",))

_OF_THE_PLANE = api_tokens.c.plane == literal_column("'workspace'")
WORKSPACE_TOKENS = Listing(
    rows=maps.API_TOKEN,
    of=(api_tokens.c.workspace_id,),
    link=(_OF_THE_PLANE,),
    sort=NEWEST_FIRST,
    descending=True,
)
INVITATIONS = Listing(
    rows=maps.INVITATION, of=(invitations.c.workspace_id,), sort=NEWEST_FIRST, descending=True
)
VIEWER_TOKENS = Listing(
    rows=maps.API_TOKEN,
    of=(api_tokens.c.user_id,),
    link=(_OF_THE_PLANE,),
    sort=NEWEST_FIRST,
    descending=True,
    # What a token that is bound, or limited, shows of them.
    filters={
        "only": api_tokens.c.workspace_id == bindparam("only", type_=Uuid),
        "made_with": or_(
            api_tokens.c.id == bindparam("made_with", type_=Uuid),
            api_tokens.c.made_with == bindparam("made_with", type_=Uuid),
        ),
    },
)

# Literally, so that a partial index serves it: what follows from runs is no part of what was asked for.
_ASKED_FOR, _INTERNAL = not_(operation_runs.c.internal), operation_runs.c.internal
TENANT_RUNS = Listing(
    rows=maps.OPERATION_RUN,
    of=(operation_runs.c.tenant_id,),
    link=(_ASKED_FOR,),
    sort=NEWEST_FIRST,
    descending=True,
    filters={**_RUN_FILTERS, "within": _in(operation_runs.c.tenant_id, "within", Uuid)},
    each=_RUN_EACH,
)
WORKSPACE_RUNS = Listing(
    rows=maps.OPERATION_RUN,
    of=(operation_runs.c.workspace_id,),
    link=(_ASKED_FOR,),
    sort=NEWEST_FIRST,
    descending=True,
    filters=_RUN_FILTERS,
    each=_RUN_EACH,
    tenant=operation_runs.c.tenant_id,
    everywhere=True,
)


def _row_by_row(listing: Listing, **changes: Any) -> Listing:
    """The same where no index has a filter's column before the order."""
    each = {name: _in(column, name, column.type) for name, column in listing.each.items()}
    return replace(listing, filters={**listing.filters, **each}, each={}, **changes)


# The same by when they ended.
TENANT_RUNS_ENDED = _row_by_row(TENANT_RUNS, sort=BY_END)
WORKSPACE_RUNS_ENDED = _row_by_row(WORKSPACE_RUNS, sort=BY_END)
TENANT_INTERNAL_RUNS = _row_by_row(TENANT_RUNS, link=(_INTERNAL,))
WORKSPACE_INTERNAL_RUNS = _row_by_row(WORKSPACE_RUNS, link=(_INTERNAL,))
TENANT_INTERNAL_RUNS_ENDED = replace(TENANT_INTERNAL_RUNS, sort=BY_END)
WORKSPACE_INTERNAL_RUNS_ENDED = replace(WORKSPACE_INTERNAL_RUNS, sort=BY_END)
RUNS_OF_TENANT = Runs(
    asked_for=(TENANT_RUNS, TENANT_RUNS_ENDED),
    internal=(TENANT_INTERNAL_RUNS, TENANT_INTERNAL_RUNS_ENDED),
)
RUNS_OF_WORKSPACE = Runs(
    asked_for=(WORKSPACE_RUNS, WORKSPACE_RUNS_ENDED),
    internal=(WORKSPACE_INTERNAL_RUNS, WORKSPACE_INTERNAL_RUNS_ENDED),
)
SCHEDULES = Listing(
    rows=maps.SCHEDULE,
    of=(schedules.c.workspace_id,),
    link=(schedules.c.deleted_at.is_(None),),
    sort=BY_NAME,
    filters={
        "enabled": schedules.c.enabled == bindparam("enabled", type_=Boolean),
        "operation_type": _in(schedules.c.operation_type, "operation_type"),
        "owner_uuid": _in(schedules.c.owner_id, "owner_uuid", Uuid),
        "name_contains": _contains(schedules.c.name),
        "reaching": or_(
            schedules.c.tenant_ids.is_(None),
            schedules.c.tenant_ids.op("&&", is_comparison=True)(bindparam("reaching", type_=ARRAY(Uuid))),
        ),
    },
)
SCHEDULE_TENANTS = Listing(
    rows=maps.TENANT,
    of=(schedules.c.id,),
    link=(
        tenants.c.workspace_id == schedules.c.workspace_id,
        or_(schedules.c.tenant_ids.is_(None), tenants.c.id == any_(schedules.c.tenant_ids)),
    ),
    sort=BY_NAME,
    filters={"within": _in(tenants.c.id, "within", Uuid)},
)
SCHEDULE_RUNS = Listing(
    rows=maps.OPERATION_RUN,
    of=(operation_runs.c.schedule_id,),
    sort=NEWEST_FIRST,
    descending=True,
    filters={"within": _in(operation_runs.c.tenant_id, "within", Uuid)},
)
SUBJECT_RUNS = Listing(
    rows=maps.OPERATION_RUN,
    of=(operation_runs.c.tenant_id, operation_runs.c.subject_id),
    sort=NEWEST_FIRST,
    descending=True,
)
RUN_RETRIES = Listing(
    rows=maps.OPERATION_RUN,
    of=(operation_runs.c.tenant_id, operation_runs.c.retry_of),
    sort=NEWEST_FIRST,
    descending=True,
)
RUN_CHILDREN = Listing(
    rows=maps.OPERATION_RUN,
    of=(operation_runs.c.tenant_id, operation_runs.c.parent_run_id),
    sort=NEWEST_FIRST,
    descending=True,
)
RUN_ITEMS = Listing(
    rows=maps.RUN_ITEM,
    of=(run_items.c.run_id,),
    sort=("uuid",),
    filters={
        "state": _in(run_items.c.state, "state"),
        "reason_code": _in(run_items.c.reason, "reason_code"),
        "result": _in(run_items.c.result, "result"),
    },
)
RUN_LOG = Listing(rows=maps.RUN_LOG, of=(run_log.c.run_id,), sort=("uuid",))

TENANT_AUDIT = Listing(
    rows=maps.AUDIT_ENTRY,
    of=(audit_entries.c.tenant_id,),
    sort=NEWEST_FIRST,
    descending=True,
    filters={**_AUDIT_FILTERS, "within": _in(audit_entries.c.tenant_id, "within", Uuid)},
    each=_AUDIT_EACH,
)
WORKSPACE_AUDIT = Listing(
    rows=maps.AUDIT_ENTRY,
    of=(audit_entries.c.workspace_id,),
    sort=NEWEST_FIRST,
    descending=True,
    filters=_AUDIT_FILTERS,
    each=_AUDIT_EACH,
    tenant=audit_entries.c.tenant_id,
)
RUN_AUDIT = Listing(
    # The tenant too: an entry holds its run's id without a foreign key.
    rows=maps.AUDIT_ENTRY,
    of=(audit_entries.c.tenant_id, audit_entries.c.run_id),
    sort=NEWEST_FIRST,
    descending=True,
)

TENANT_POLICIES = Listing(
    rows=maps.POLICY,
    of=(policies.c.tenant_id,),
    sort=BY_NAME,
    filters={**_POLICY_FILTERS, "within": _in(policies.c.tenant_id, "within", Uuid)},
    each=_POLICY_EACH,
)
WORKSPACE_POLICIES = Listing(
    rows=maps.POLICY,
    of=(policies.c.workspace_id,),
    sort=BY_NAME,
    filters=_POLICY_FILTERS,
    each=_POLICY_EACH,
    tenant=policies.c.tenant_id,
    everywhere=True,
)

TENANT_BACKUP_SETS = Listing(
    rows=maps.BACKUP_SET,
    of=(backup_sets.c.tenant_id,),
    sort=NEWEST_FIRST,
    descending=True,
    filters={**_SET_FILTERS, "within": _in(backup_sets.c.tenant_id, "within", Uuid)},
    each=_SET_EACH,
)
WORKSPACE_BACKUP_SETS = Listing(
    rows=maps.BACKUP_SET,
    of=(backup_sets.c.workspace_id,),
    sort=NEWEST_FIRST,
    descending=True,
    filters=_SET_FILTERS,
    each=_SET_EACH,
    tenant=backup_sets.c.tenant_id,
    everywhere=True,
)
BACKUP_ITEMS = Listing(
    rows=maps.BACKUP_ITEM,
    of=(backup_items.c.backup_set_id,),
    sort=("uuid",),
    filters={
        "policy_type": _in(backup_items.c.policy_type, "policy_type"),
        "state": _in(backup_items.c.assignments_state, "state"),
        "name_contains": _contains(backup_items.c.name),
        "suspicious": func.coalesce(maps.CONTENT.op("?", is_comparison=True)("suspicious"), false())
        == bindparam("suspicious", type_=Boolean),
    },
)

TENANT_RESTORE_RUNS = Listing(
    rows=maps.RESTORE_RUN,
    of=(restore_runs.c.tenant_id,),
    sort=NEWEST_FIRST,
    descending=True,
    filters={**_RESTORE_FILTERS, "within": _in(restore_runs.c.tenant_id, "within", Uuid)},
    each=_RESTORE_EACH,
)
WORKSPACE_RESTORE_RUNS = Listing(
    rows=maps.RESTORE_RUN,
    of=(restore_runs.c.workspace_id,),
    sort=NEWEST_FIRST,
    descending=True,
    filters=_RESTORE_FILTERS,
    each=_RESTORE_EACH,
    tenant=restore_runs.c.tenant_id,
    everywhere=True,
)
RESTORE_ITEMS = Listing(
    rows=maps.RESTORE_ITEM,
    of=(restore_items.c.restore_run_id,),
    sort=("position",),
    filters={
        "action": _in(restore_items.c.action, "action"),
        "policy_type": _in(restore_items.c.policy_type, "policy_type"),
        "reason_code": _in(restore_items.c.blocked_reason, "reason_code"),
        "has_warnings": (func.jsonb_array_length(restore_items.c.warnings) > 0)
        == bindparam("has_warnings", type_=Boolean),
    },
)
