"""Which role holds which capabilities: the one table that says so.

Code asks for capabilities, never for roles.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
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

MEANINGS: dict[str, str] = {
    Capability.RUNS_VIEW: "See runs, their items and why they failed.",
    Capability.RUNS_CANCEL: "Cancel runs.",
    Capability.AUDIT_VIEW: "Read the audit trail.",
    Capability.POLICIES_VIEW: "See the policies last observed.",
    Capability.BACKUPS_VIEW: "See backup sets and the plans of restores, and compare backups.",
    Capability.BACKUPS_CREATE: "Back up a tenant.",
    Capability.BACKUPS_DELETE: "Delete backup sets, and say how long they are kept.",
    Capability.BACKUPS_EXPORT: "Take backup sets away as archives.",
    Capability.BACKUPS_IMPORT: "Bring backup sets in from archives.",
    Capability.RESTORES_PLAN: "Plan restores, and the undoing of restores.",
    Capability.RESTORES_EXECUTE: "Carry out the plan of a restore.",
    Capability.PROVIDERS_VIEW: "See how tenants are reached, and how that stands.",
    Capability.PROVIDERS_MANAGE: "Connect tenants, verify that, and look after credentials.",
    Capability.MEMBERS_VIEW: "See who is a member, and of what.",
    Capability.MEMBERS_MANAGE: "Add and remove members, and change their roles.",
    Capability.TOKENS_MANAGE: "Look after the tokens of others.",
    Capability.TENANTS_MANAGE: "Add, rename and archive tenants.",
    Capability.TENANTS_PURGE: "Remove a tenant with all that hangs off it.",
    Capability.SCHEDULES_MANAGE: "Look after schedules.",
    Capability.PLUGINS_CONFIGURE: "Configure plugins.",
}
"""What each capability opens, in a sentence: Atlas's own, then what plugins add."""

CAPABILITIES: dict[Role, frozenset[str]] = {
    Role.READONLY: frozenset(c.value for c in _READONLY),
    Role.OPERATOR: frozenset(c.value for c in _OPERATOR),
    Role.MANAGER: frozenset(c.value for c in _MANAGER),
    Role.OWNER: frozenset(c.value for c in Capability),
}
"""Role to capabilities."""

UPWARDS = (Role.READONLY, Role.OPERATOR, Role.MANAGER, Role.OWNER)
"""The roles; each holds whatever those before it hold."""
_CORE = dict(CAPABILITIES)


@dataclass(frozen=True, kw_only=True)
class AddedCapability:
    """A capability that a plugin adds: `name` is `<plugin>.<verb>`, `least` the first role that holds it."""

    name: str
    description: str
    least: Role


_added: list[AddedCapability] = []


def offer(added: Iterable[AddedCapability]) -> tuple[AddedCapability, ...]:
    """Make the table of this process Atlas's own and these; gives the ones added before.

    Called once, when the process has loaded its plugins. Whoever holds `CAPABILITIES` sees it.
    """
    before = tuple(_added)
    for capability in before:
        del MEANINGS[capability.name]
    _added[:] = added
    MEANINGS.update((capability.name, capability.description) for capability in _added)
    for level, role in enumerate(UPWARDS):
        own = (capability.name for capability in _added if capability.least in UPWARDS[: level + 1])
        CAPABILITIES[role] = _CORE[role].union(own)
    return before
