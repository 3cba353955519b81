"""Every list of the schema: whose it is, in which order, and by what it can be filtered.

Each order, and each filter of a list that grows without bound, is served by an index.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    DateTime,
    SQLColumnExpression,
    Text,
    Uuid,
    any_,
    bindparam,
    false,
    func,
    literal_column,
    or_,
    true,
)

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
    tenants,
    workspaces,
)
from atlas_gql.providers.credentials import USES
from atlas_gql.schema import maps, standing
from atlas_gql.schema.connections import Listing

NEWEST_FIRST = ("created_at", "uuid")


def _in(column: ColumnElement[Any], name: str, of: Any = Text) -> ColumnElement[bool]:
    """That a column holds one of the values given under this name."""
    return column == any_(bindparam(name, type_=ARRAY(of)))


def _contains(column: SQLColumnExpression[str]) -> ColumnElement[bool]:
    return column.ilike(bindparam("name_contains", type_=Text), escape="\\")


_RUN_FILTERS = {
    "types": _in(operation_runs.c.type, "types"),
    "status": _in(operation_runs.c.status, "status"),
    "outcome": _in(operation_runs.c.outcome, "outcome"),
    "created_after": operation_runs.c.created_at > bindparam("created_after", type_=DateTime(timezone=True)),
    "created_before": operation_runs.c.created_at
    < bindparam("created_before", type_=DateTime(timezone=True)),
    # The tenants that the viewer may see, where that is not all of the workspace.
    "within": _in(operation_runs.c.tenant_id, "within", Uuid),
}
_AUDIT_FILTERS = {
    "actions": _in(audit_entries.c.action, "actions"),
    "tenants": _in(audit_entries.c.tenant_id, "tenants", Uuid),
    "within": _in(audit_entries.c.tenant_id, "within", Uuid),
}

WORKSPACES = Listing(
    rows=maps.WORKSPACE,
    of=(memberships.c.user_id,),
    link=(memberships.c.workspace_id == workspaces.c.id,),
    sort=("name", "uuid"),
    # Where a token opens one of them only.
    filters={"only": workspaces.c.id == bindparam("only", type_=Uuid)},
)

TENANTS = Listing(
    rows=maps.TENANT,
    of=(tenants.c.workspace_id,),
    sort=("name", "uuid"),
    filters={
        "within": _in(tenants.c.id, "within", Uuid),
        "provider_status": _in(standing.PROVIDER_STATUS, "provider_status"),
        # What was never backed up is older than any backup.
        "backed_up_before": func.coalesce(
            standing.LAST_BACKUP_AT.op("<")(bindparam("backed_up_before", type_=DateTime(timezone=True))),
            true(),
        ),
        "never_backed_up": standing.LAST_BACKUP_AT.is_(None) == bindparam("never_backed_up", type_=Boolean),
    },
)

CREDENTIALS = Listing(rows=maps.CREDENTIAL, of=(credentials.c.workspace_id,), sort=("name", "uuid"))
WORKSPACE_PROVIDERS = Listing(
    rows=maps.PROVIDER,
    of=(providers.c.workspace_id,),
    sort=("uuid",),
    filters={
        "clouds": _in(providers.c.cloud, "clouds"),
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

TENANT_RUNS = Listing(
    rows=maps.OPERATION_RUN,
    of=(operation_runs.c.tenant_id,),
    sort=NEWEST_FIRST,
    descending=True,
    filters=_RUN_FILTERS,
)
WORKSPACE_RUNS = Listing(
    rows=maps.OPERATION_RUN,
    of=(operation_runs.c.workspace_id,),
    sort=NEWEST_FIRST,
    descending=True,
    filters=_RUN_FILTERS,
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
RUN_ITEMS = Listing(
    rows=maps.RUN_ITEM,
    of=(run_items.c.run_id,),
    sort=("uuid",),
    filters={"state": _in(run_items.c.state, "state")},
)

TENANT_AUDIT = Listing(
    rows=maps.AUDIT_ENTRY,
    of=(audit_entries.c.tenant_id,),
    sort=NEWEST_FIRST,
    descending=True,
    filters=_AUDIT_FILTERS,
)
WORKSPACE_AUDIT = Listing(
    rows=maps.AUDIT_ENTRY,
    of=(audit_entries.c.workspace_id,),
    sort=NEWEST_FIRST,
    descending=True,
    filters=_AUDIT_FILTERS,
)
RUN_AUDIT = Listing(
    # The tenant too: an entry holds its run's id without a foreign key.
    rows=maps.AUDIT_ENTRY,
    of=(audit_entries.c.tenant_id, audit_entries.c.run_id),
    sort=NEWEST_FIRST,
    descending=True,
)

POLICIES = Listing(
    rows=maps.POLICY,
    of=(policies.c.tenant_id,),
    sort=("name", "uuid"),
    filters={
        "policy_types": _in(policies.c.policy_type, "policy_types"),
        "name_contains": _contains(policies.c.name),
    },
)

BACKUP_SETS = Listing(rows=maps.BACKUP_SET, of=(backup_sets.c.tenant_id,), sort=NEWEST_FIRST, descending=True)
BACKUP_ITEMS = Listing(
    rows=maps.BACKUP_ITEM,
    of=(backup_items.c.backup_set_id,),
    sort=("uuid",),
    filters={
        "policy_types": _in(backup_items.c.policy_type, "policy_types"),
        "state": _in(backup_items.c.assignments_state, "state"),
        "name_contains": _contains(backup_items.c.name),
        "suspicious": func.coalesce(maps.CONTENT.op("?", is_comparison=True)("suspicious"), false())
        == bindparam("suspicious", type_=Boolean),
    },
)

RESTORE_RUNS = Listing(
    rows=maps.RESTORE_RUN, of=(restore_runs.c.tenant_id,), sort=NEWEST_FIRST, descending=True
)
RESTORE_ITEMS = Listing(
    rows=maps.RESTORE_ITEM,
    of=(restore_items.c.restore_run_id,),
    sort=("position",),
    filters={
        "action": _in(restore_items.c.action, "action"),
        "policy_types": _in(restore_items.c.policy_type, "policy_types"),
        "reason_codes": _in(restore_items.c.blocked_reason, "reason_codes"),
        "has_warnings": (func.jsonb_array_length(restore_items.c.warnings) > 0)
        == bindparam("has_warnings", type_=Boolean),
    },
)
