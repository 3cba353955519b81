"""Who asks: what each caller is, and what that entitles to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

VIEW = frozenset(
    f"{thing}.view" for thing in ("runs", "audit", "policies", "backups", "providers", "members")
)
OPERATE = VIEW | {"runs.cancel", "backups.create", "backups.export", "restores.plan"}
MANAGE = OPERATE | {
    *("restores.execute", "backups.delete", "backups.import", "providers.manage"),
    *("schedules.manage", "plugins.configure", "tenants.manage"),
}
OWN = MANAGE | {"members.manage", "tokens.manage", "tenants.purge"}
ROLES: Mapping[str, frozenset[str]] = {
    "readonly": VIEW,
    "operator": OPERATE,
    "manager": MANAGE,
    "owner": OWN,
}
"""What the design gives to each role, written down a second time."""

TENANTS: Mapping[str, str] = {"granted": "ours", "archived": "ours", "other": "ours", "foreign": "theirs"}
"""The tenants of the world, each with its workspace."""
WORKSPACES = ("ours", "theirs")
PLACES = (*TENANTS, *WORKSPACES)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Somebody with a valid token of the workspace plane, and all that it opens."""

    name: str
    memberships: Mapping[str, str] = field(default_factory=dict)
    """Workspace to role."""
    grants: Mapping[str, str] = field(default_factory=dict)
    """Tenant to role."""
    only: frozenset[str] | None = None
    """The capabilities that the token leaves; None for all."""
    within: tuple[str, ...] | None = None
    """The tenants that the token leaves; None for all. With them it opens nothing of the whole workspace."""

    def __str__(self) -> str:
        return self.name

    def rights(self, place: str) -> frozenset[str] | None:
        """The capabilities at a place of the world; None where it is out of reach."""
        role = self.memberships.get(TENANTS.get(place, place))
        if role is None:
            return None
        if place in WORKSPACES:
            return self._left(ROLES[role]) if role != "member" and self.within is None else frozenset()
        if self.within is not None and place not in self.within:
            return None
        if role == "member":
            role = self.grants.get(place)
        return None if role is None else self._left(ROLES[role])

    def _left(self, held: frozenset[str]) -> frozenset[str]:
        return held if self.only is None else held & self.only

    def somewhere(self, workspace: str) -> frozenset[str] | None:
        """The capabilities held on the workspace or on any of its tenants; None for a non-member."""
        everywhere = self.rights(workspace)
        if everywhere is None:
            return None
        inside = (self.rights(tenant) or frozenset() for tenant, of in TENANTS.items() if of == workspace)
        return everywhere.union(*inside)


def _granted(role: str, **more: str) -> Mapping[str, str]:
    return {"granted": role, "archived": role, **more}


CALLERS = (
    Caller(name="nobody's member"),
    Caller(name="stranger", memberships={"theirs": "owner"}),
    Caller(name="member without a grant", memberships={"ours": "member"}),
    Caller(name="member elsewhere", memberships={"ours": "member"}, grants={"other": "operator"}),
    Caller(name="readonly", memberships={"ours": "member"}, grants=_granted("readonly")),
    Caller(name="operator", memberships={"ours": "member"}, grants=_granted("operator")),
    Caller(
        name="of two roles", memberships={"ours": "member"}, grants=_granted("readonly", other="operator")
    ),
    Caller(name="manager", memberships={"ours": "manager"}),
    Caller(name="owner", memberships={"ours": "owner"}),
    Caller(
        name="owner with few capabilities",
        memberships={"ours": "owner"},
        only=frozenset({"runs.view", "backups.create", "restores.execute"}),
    ),
    Caller(name="owner of one tenant", memberships={"ours": "owner"}, within=("other",)),
    Caller(
        name="operator with little left",
        memberships={"ours": "member"},
        grants=_granted("operator", other="operator"),
        only=frozenset({"backups.view", "restores.plan", "providers.manage"}),
        within=("granted", "archived"),
    ),
)
REFERENCE = Caller(name="owner of everything", memberships={"ours": "owner", "theirs": "owner"})
"""Who sees all there is: what shows nothing here shows nothing to anybody."""

OUTSIDERS: Mapping[str, int] = {
    "no token": 401,
    "malformed": 401,
    "unknown": 401,
    "expired": 401,
    "revoked": 401,
    "disabled": 401,
    "other plane": 404,
}
"""Those who do not get as far as the schema, with the status that tells them so."""
