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
