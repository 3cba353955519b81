"""What must come of asking, worked out from the roles and from what guards declare - by nothing of theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from support.matrix.callers import Caller
from support.matrix.world import Thing, World

KINDS: Mapping[str, str | None] = {
    "Workspace": None,
    "Tenant": None,
    "Member": "members.view",
    "ApiToken": "tokens.manage",
    "Invitation": "members.view",
    "TenantGrant": "members.view",
    "Credential": "providers.view",
    "Provider": "providers.view",
    "Schedule": "runs.view",
    "OperationRun": "runs.view",
    "RunItem": "runs.view",
    "RunLogEntry": "runs.view",
    "AuditEntry": "audit.view",
    "Policy": "policies.view",
    "BackupSet": "backups.view",
    "BackupItem": "backups.view",
    "RestoreRun": "backups.view",
    "RestoreItem": "backups.view",
}
"""What seeing a thing takes where it belongs; None where any right there will do."""
ALONG: Mapping[str, str] = {"Credential": "providers.view", "Schedule": "runs.view"}
"""What takes no more than this on one tenant to come across: by its provider, by a run."""
OPERATIONS: Mapping[str, str] = {"OperationRun": "backups.create"}
"""What retrying the world's runs takes: they are backups."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """What a caller is told instead of an answer."""

    code: str
    capability: str | None = None

    def shown(self, error: Mapping[str, Any]) -> bool:
        """Whether an error of an answer says this, and nothing else."""
        said = error["extensions"]
        return (said["code"], said.get("capability")) == (self.code, self.capability)


NOT_FOUND = Refused(code="NOT_FOUND")
BAD_INPUT = Refused(code="BAD_USER_INPUT")
Verdict: TypeAlias = Refused | None


def forbidden(capability: str) -> Refused:
    return Refused(code="FORBIDDEN", capability=capability)


def visible(caller: Caller, thing: Thing) -> bool:
    """Whether the caller may see a thing."""
    assert thing.kind in KINDS, f"the matrix does not know what seeing a {thing.kind} takes"
    if thing.facts.get("caller") == caller.name:
        return True
    held = caller.rights(thing.place)
    return held is not None and KINDS[thing.kind] in (None, *held)


def shown(caller: Caller, thing: Thing) -> bool:
    """Whether the caller may come across a thing: what is a workspace's is shown by what hangs off it."""
    along = ALONG.get(thing.kind) in (caller.somewhere(thing.workspace) or ())
    return along or visible(caller, thing)


def holds(held: frozenset[str] | None, capability: str) -> Verdict:
    if held is None:
        return NOT_FOUND
    return None if capability in held else forbidden(capability)


def of_field(caller: Caller, guards: tuple[Any, ...], thing: Thing | None) -> Verdict:
    """What comes of asking a thing for a field with these guards; None for its value."""
    for guard in guards:
        name = type(guard).__name__
        assert name in _FIELDS, f"the matrix does not know how {name} decides"
        assert thing is not None, f"the matrix does not know what {name} is asked of"
        if verdict := _FIELDS[name](caller, guard, thing):
            return verdict
    return None


def _has_capability(caller: Caller, guard: Any, thing: Thing) -> Verdict:
    if guard._when and thing.facts.get(guard._when[0]) != guard._when[1]:
        return None
    return holds(caller.rights(_place(thing, guard._tenant)), guard.capability)


def _somewhere(caller: Caller, guard: Any, thing: Thing) -> Verdict:
    return holds(caller.somewhere(thing.workspace), guard.capability)


def _reaches(caller: Caller, guard: Any, thing: Thing) -> Verdict:
    return None if caller.rights(_place(thing, guard._attribute)) is not None else NOT_FOUND


def _may_see_result(caller: Caller, _guard: Any, thing: Thing) -> Verdict:
    capability = thing.facts.get("result")
    return None if capability is None else holds(caller.rights(thing.place), capability)


def _place(thing: Thing, attribute: str) -> str:
    return thing.place if attribute == "tenant_id" else thing.facts[attribute]


_FIELDS: Mapping[str, Callable[[Caller, Any, Thing], Verdict]] = {
    "HasCapability": _has_capability,
    "HasCapabilitySomewhere": _somewhere,
    "ReachesTenant": _reaches,
    "ReachesWorkspace": lambda caller, _, thing: (
        NOT_FOUND if caller.rights(thing.workspace) is None else None
    ),
    "MaySeeResult": _may_see_result,
    "SeesToken": lambda *_: None,  # whoever made or revoked it
}


@dataclass(frozen=True, kw_only=True)
class Named:
    """What an id in an input names: a thing of the world, nothing at all, or nothing that an id can name."""

    id: str
    thing: Thing | None = None
    malformed: bool = False

    def reached(self, caller: Caller) -> Verdict:
        """What comes of looking it up."""
        if self.malformed:
            return BAD_INPUT
        return NOT_FOUND if self.thing is None or caller.rights(self.thing.place) is None else None


def of_mutation(
    caller: Caller, mutation: str, guards: tuple[Any, ...], named: Mapping[str, Named]
) -> Verdict:
    """What comes of a mutation with these guards, given these ids by its input's field; None past access."""
    for guard in guards:
        name = type(guard).__name__
        assert name in _MUTATIONS, f"the matrix does not know how {name} decides"
        if verdict := _MUTATIONS[name](caller, guard, named):
            return verdict
    target, other = (named.get(field) for field in INSIDE.get(mutation, ("", "")))
    if target is None or other is None:
        return None
    if verdict := other.reached(caller):
        return verdict
    assert target.thing is not None
    assert other.thing is not None
    return None if other.thing.workspace == target.thing.workspace else NOT_FOUND


INSIDE: Mapping[str, tuple[str, str]] = {
    "grantTenants": ("memberId", "tenantIds"),
    "revokeGrants": ("memberId", "tenantIds"),
}
"""Mutations that look themselves at what a list names, which must be of the first's workspace."""


def _allowed(caller: Caller, guard: Any, named: Mapping[str, Named]) -> Verdict:
    target = named[_camel(guard._target.field)]
    if verdict := target.reached(caller):
        return verdict
    if guard._of is not None:
        other = named.get(_camel(guard._of.field))
        if other is None:
            return None
        if verdict := other.reached(caller):
            return verdict
        assert target.thing is not None
        assert other.thing is not None
        if other.thing.workspace != target.thing.workspace:
            return NOT_FOUND
        target = other
    assert target.thing is not None
    return holds(caller.rights(target.thing.place), guard.capability)


def _may_name(caller: Caller, guard: Any, named: Mapping[str, Named]) -> Verdict:
    """All ids are read first, and looked up; then the one of this guard is asked for."""
    target, other = named[_camel(guard._target.field)], named.get(guard.on)
    others = [one for one in named.values() if one is not target]
    found = [one.reached(caller) for one in others]
    for verdict in (BAD_INPUT, NOT_FOUND):
        if verdict in found:
            return verdict
    if other is None:
        return None
    assert target.thing is not None
    assert other.thing is not None
    if other.thing.workspace != target.thing.workspace:
        return NOT_FOUND
    return holds(caller.rights(other.thing.place), guard.capability)


def _may_retry(caller: Caller, _guard: Any, named: Mapping[str, Named]) -> Verdict:
    run = named["runId"]
    if verdict := run.reached(caller):
        return verdict
    assert run.thing is not None
    return holds(caller.rights(run.thing.place), OPERATIONS[run.thing.kind])


def _may_start(caller: Caller, of: Named) -> Verdict:
    """The operation that the matrix starts in many tenants is a backup."""
    if verdict := of.reached(caller):
        return verdict
    assert of.thing is not None
    return holds(caller.somewhere(of.thing.workspace), "backups.create")


def _may_schedule(caller: Caller, guard: Any, named: Mapping[str, Named]) -> Verdict:
    """The operation of the world's schedules, and of the one that the matrix makes, is a backup."""
    of = named[_camel(guard._target.field)]
    if verdict := of.reached(caller):
        return verdict
    assert of.thing is not None
    return holds(caller.rights(of.thing.place), "backups.create")


_MUTATIONS: Mapping[str, Callable[[Caller, Any, Mapping[str, Named]], Verdict]] = {
    "Allowed": _allowed,
    "MayName": _may_name,
    "MayRetry": _may_retry,
    "MayRevoke": _allowed,
    "MayStartScheduled": _may_schedule,
    "MayStart": lambda caller, _, named: _may_start(caller, named["workspaceId"]),
    "IsMember": lambda caller, _, named: named["workspaceId"].reached(caller),
}


def of_subscription(caller: Caller, guard: Any, named: Named) -> Verdict:
    """What comes of a subscription to what an id names; None for its first event."""
    (permission,) = guard.permissions
    name = type(permission).__name__
    assert name in _SUBSCRIPTIONS, f"the matrix does not know how {name} decides"
    if verdict := named.reached(caller):
        return verdict
    assert named.thing is not None
    return holds(_SUBSCRIPTIONS[name](caller, named.thing), permission.capability)


_SUBSCRIPTIONS: Mapping[str, Callable[[Caller, Thing], frozenset[str] | None]] = {
    "CanWatchRun": lambda caller, thing: caller.rights(thing.place),
    "CanWatchWorkspace": lambda caller, thing: caller.somewhere(thing.workspace),
}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def hidden(caller: Caller, world: World) -> list[str]:
    """What no answer to the caller may hold: the marks, keys and ids of whatever is out of reach."""
    found = [mark for place, mark in world.marks.items() if caller.rights(place) is None]
    for thing in world.by_uuid.values():
        if caller.rights(thing.place) is None:
            found += [str(thing.uuid), thing.id]
    return found
