"""Every table, and the metadata that holds them."""

from atlas_gql.db.tables.audit import audit_entries
from atlas_gql.db.tables.backups import backup_contents, backup_items, backup_sets
from atlas_gql.db.tables.listeners import listeners
from atlas_gql.db.tables.metadata import metadata
from atlas_gql.db.tables.plugins import plugin_documents, plugin_settings, plugin_tenant_settings
from atlas_gql.db.tables.restores import restore_items, restore_runs
from atlas_gql.db.tables.runs import idempotency_keys, operation_runs, run_ends, run_items, run_log
from atlas_gql.db.tables.schedules import schedules
from atlas_gql.db.tables.tenants import credentials, policies, providers, tenants
from atlas_gql.db.tables.workers import workers
from atlas_gql.db.tables.workspaces import (
    api_tokens,
    identities,
    invitations,
    memberships,
    tenant_grants,
    users,
    workspaces,
)

__all__ = [
    "api_tokens",
    "audit_entries",
    "backup_contents",
    "backup_items",
    "backup_sets",
    "credentials",
    "idempotency_keys",
    "identities",
    "invitations",
    "listeners",
    "memberships",
    "metadata",
    "operation_runs",
    "plugin_documents",
    "plugin_settings",
    "plugin_tenant_settings",
    "policies",
    "providers",
    "restore_items",
    "restore_runs",
    "run_ends",
    "run_items",
    "run_log",
    "schedules",
    "tenant_grants",
    "tenants",
    "users",
    "workers",
    "workspaces",
]
