"""Which role holds which capabilities: the one table that says so.

Code asks for capabilities, never for roles.
"""

from __future__ import annotations

from enum import StrEnum


class Capability(StrEnum):
    """What somebody may do."""

    RUNS_VIEW = "runs.view"
    RUNS_CANCEL = "runs.cancel"
    AUDIT_VIEW = "audit.view"
    POLICIES_VIEW = "policies.view"
    BACKUPS_VIEW = "backups.view"
    BACKUPS_CREATE = "backups.create"
    BACKUPS_DELETE = "backups.delete"
    BACKUPS_EXPORT = "backups.export"
    BACKUPS_IMPORT = "backups.import"
    RESTORES_PLAN = "restores.plan"
    RESTORES_EXECUTE = "restores.execute"
    PROVIDERS_VIEW = "providers.view"
    PROVIDERS_MANAGE = "providers.manage"
    MEMBERS_VIEW = "members.view"
    MEMBERS_MANAGE = "members.manage"
    TOKENS_MANAGE = "tokens.manage"
    TENANTS_MANAGE = "tenants.manage"
    TENANTS_PURGE = "tenants.purge"
    SCHEDULES_MANAGE = "schedules.manage"
    PLUGINS_CONFIGURE = "plugins.configure"


class Role(StrEnum):
    """What a member is, in a workspace (owner, manager) or for one tenant (operator, readonly)."""

    OWNER = "owner"
    MANAGER = "manager"
    OPERATOR = "operator"
    READONLY = "readonly"


_READONLY = frozenset(c for c in Capability if c.value.endswith(".view"))
_OPERATOR = _READONLY | {
    Capability.RUNS_CANCEL,
    Capability.BACKUPS_CREATE,
    Capability.BACKUPS_EXPORT,
    Capability.RESTORES_PLAN,
}
_MANAGER = _OPERATOR | {
    Capability.RESTORES_EXECUTE,
    Capability.BACKUPS_DELETE,
    Capability.BACKUPS_IMPORT,
    Capability.PROVIDERS_MANAGE,
    Capability.SCHEDULES_MANAGE,
    Capability.PLUGINS_CONFIGURE,
    Capability.TENANTS_MANAGE,
}

CAPABILITIES: dict[Role, frozenset[str]] = {
    Role.READONLY: frozenset(c.value for c in _READONLY),
    Role.OPERATOR: frozenset(c.value for c in _OPERATOR),
    Role.MANAGER: frozenset(c.value for c in _MANAGER),
    Role.OWNER: frozenset(c.value for c in Capability),
}
"""Role to capabilities."""

DESCRIPTIONS: dict[Capability, str] = {
    Capability.RUNS_VIEW: "See runs, their items and failures.",
    Capability.RUNS_CANCEL: "Cancel runs.",
    Capability.AUDIT_VIEW: "See the audit trail.",
    Capability.POLICIES_VIEW: "See the policies last observed.",
    Capability.BACKUPS_VIEW: "See backup sets and the plans of restores, and compare.",
    Capability.BACKUPS_CREATE: "Back assignments up.",
    Capability.BACKUPS_DELETE: "Delete backup sets, and say how long they are kept.",
    Capability.BACKUPS_EXPORT: "Take backup sets out as archives.",
    Capability.BACKUPS_IMPORT: "Take archives in as backup sets.",
    Capability.RESTORES_PLAN: "Plan restores.",
    Capability.RESTORES_EXECUTE: "Execute restores: change assignments at Microsoft.",
    Capability.PROVIDERS_VIEW: "See how tenants are reached, and how that stands.",
    Capability.PROVIDERS_MANAGE: "Connect tenants, verify how they are reached, and keep credentials.",
    Capability.MEMBERS_VIEW: "See members and their roles.",
    Capability.MEMBERS_MANAGE: "Add and remove members, and change their roles.",
    Capability.TOKENS_MANAGE: "See and end the tokens of members.",
    Capability.TENANTS_MANAGE: "Add, rename and archive tenants.",
    Capability.TENANTS_PURGE: "Remove a tenant and all that is kept of it.",
    Capability.SCHEDULES_MANAGE: "Say what is done when.",
    Capability.PLUGINS_CONFIGURE: "Configure plugins.",
}
"""What each capability lets somebody do."""
