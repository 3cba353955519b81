"""The built-in tenants: a company with about sixty policies, and a second one with some of the same."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from atlas_gql.simulator import catalogue, catalogue_full
from atlas_gql.simulator.assignments import stored
from atlas_gql.simulator.kind import CLOUD_PC, DEVICES, EXCLUSION, GROUP, USERS, Kind
from atlas_gql.simulator.state import Collection, Document, Entity, Policy, State, Tenant
from atlas_gql.simulator.table import KINDS
from atlas_gql.simulator.targets import FILTER_ID, FILTER_TYPE, ODATA

_CREATED = "2026-01-12T08:30:00Z"
_CHANGED = "2026-03-02T14:05:00.1234567Z"
_M = "deviceManagement"
_A = "deviceAppManagement"


@dataclass(frozen=True, kw_only=True)
class DemoTenant:
    """A built-in tenant; `domain` is its primary domain."""

    id: str
    name: str
    domain: str


DEMO_TENANT = DemoTenant(
    id="7a1c0de0-0000-4000-8000-0000000000a1", name="Larkspur Logistics", domain="larkspur.example"
)
DEMO_SECOND_TENANT = DemoTenant(
    id="7a1c0de0-0000-4000-8000-0000000000b2", name="Marigold Clinics", domain="marigold.example"
)


@dataclass(frozen=True, kw_only=True)
class _Draft:
    """A policy before it has ids: its document's fields, its assignments in short, their extras."""

    kind: Kind
    fields: dict[str, Any]
    short: str
    extras: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.fields[self.kind.name_field])


def demo_state(seed: int = 0) -> State:
    """Both demo tenants. The same seed gives the same ids.

    The second tenant has groups and filters of the same names with other ids, but two groups named
    alike, and lacks two groups and a filter; it has every other policy, less widely assigned.
    """
    return _state(seed, list(_drafts()), catalogue.FILTERS)


def full_state(seed: int = 0) -> State:
    """The demo tenants with policies of every kind, and filters for apps; else as in the demo."""
    drafts = [*_drafts(), *_full_drafts()]
    return _state(seed, drafts, (*catalogue.FILTERS, *catalogue_full.APP_FILTERS))


def _state(seed: int, drafts: list[_Draft], filters: tuple[tuple[str, str, str], ...]) -> State:
    first, second = _Builder(DEMO_TENANT, seed), _Builder(DEMO_SECOND_TENANT, seed)
    first.add_groups(catalogue.GROUPS)
    first.add_filters(filters)
    first.add_policies(drafts)
    second.add_groups([g for g in catalogue.GROUPS if g[0] not in catalogue.MISSING_IN_SECOND])
    second.add_groups([g for g in catalogue.GROUPS if g[0] == catalogue.DOUBLED_IN_SECOND], suffix=" again")
    second.add_filters([f for f in filters if f[0] != catalogue.FILTER_MISSING_IN_SECOND])
    second.add_policies(drafts[::2], most=1)
    return State(tenants={builder.tenant.id: builder.build() for builder in (first, second)})


class _Builder:
    def __init__(self, about: DemoTenant, seed: int) -> None:
        self._ids = f"{seed}:{about.id}"
        self._groups: dict[str, list[Entity]] = {}
        self._filters: dict[str, Entity] = {}
        self._policies: dict[str, list[Policy]] = {}
        domain = {"name": about.domain, "isDefault": True, "isInitial": True, "type": "Managed"}
        organization = {"id": about.id, "displayName": about.name, "verifiedDomains": [domain]}
        self.tenant = Tenant(id=about.id, organization=organization)

    def build(self) -> Tenant:
        self.tenant.groups = Collection(entity for group in self._groups.values() for entity in group)
        self.tenant.filters = Collection(self._filters.values())
        self.tenant.policies = {
            path: Collection(policies, name_field=KINDS[path].name_field)
            for path, policies in self._policies.items()
        }
        return self.tenant

    def add_groups(self, rows: Any, suffix: str = "") -> None:
        for name, rule, members in rows:
            document = _group(self._id("group", name + suffix), name, rule)
            entity = Entity(document=document, aside={"members@odata.count": members})
            self._groups.setdefault(name, []).append(entity)

    def add_filters(self, rows: Any) -> None:
        for name, platform, rule in rows:
            self._filters[name] = Entity(
                document={
                    "id": self._id("filter", name),
                    "displayName": name,
                    "description": "",
                    "platform": platform,
                    "rule": rule,
                    "roleScopeTags": ["0"],
                    "assignmentFilterManagementType": "apps"
                    if "ApplicationManagement" in platform
                    else "devices",
                    "createdDateTime": _CREATED,
                    "lastModifiedDateTime": _CHANGED,
                }
            )

    def add_policies(self, drafts: list[_Draft], most: int | None = None) -> None:
        """Add policies, each with at most `most` of its assignments and none to what is not there."""
        for draft in drafts:
            key = self._id(draft.kind.path, draft.name)
            policy = Policy(document={"id": key, **draft.fields})
            policy.assign(list(self._assignments(draft, key))[:most])
            self._policies.setdefault(draft.kind.path, []).append(policy)

    def _assignments(self, draft: _Draft, policy_id: str) -> Iterator[Document]:
        for short in filter(None, (part.strip() for part in draft.short.split(";"))):
            intent, _, rest = short.rpartition(":")
            who, _, condition = (part.strip() for part in rest.partition(" ? "))
            target = self._target(who, condition)
            if target is None:
                continue
            extras = {**draft.extras, **({"intent": intent} if intent else {})}
            element = {**extras, "target": target}
            yield stored(draft.kind, policy_id, element, inherited=who.startswith("^"))

    def _target(self, who: str, condition: str) -> dict[str, Any] | None:
        mode, _, filter_name = condition.partition(" ")
        found = self._filters.get(filter_name)
        if filter_name and found is None:
            return None
        filtered = {FILTER_ID: found.id if found else None, FILTER_TYPE: mode or "none"}
        if who.startswith("%"):
            return self._cloud_pc_target(who[1:])
        if who in ("@users", "@devices"):
            return {"@odata.type": ODATA + (USERS if who == "@users" else DEVICES), **filtered}
        name = who.removeprefix("-").removeprefix("^")
        group = self._groups[name][0].id if name in self._groups else None
        if name == "@gone":
            group = self._id("group", name)
        if group is None:
            return None
        kind = EXCLUSION if who.startswith("-") else GROUP
        return {"@odata.type": ODATA + kind, **filtered, "groupId": group}

    def _cloud_pc_target(self, name: str) -> dict[str, Any] | None:
        if name not in self._groups:
            return None
        details = dict.fromkeys(("servicePlanId", "allotmentDisplayName", "allotmentLicensesCount"))
        return {"@odata.type": ODATA + CLOUD_PC, "groupId": self._groups[name][0].id, **details}

    def _id(self, *about: str) -> str:
        bits = random.Random(":".join((self._ids, *about))).getrandbits(128)
        return str(uuid.UUID(int=bits, version=4))


def _group(key: str, name: str, rule: str | None) -> dict[str, Any]:
    types = [] if rule is None else ["DynamicMembership"] if rule else ["Unified"]
    return {
        "id": key,
        "displayName": name,
        "description": None,
        "createdDateTime": _CREATED,
        "groupTypes": types,
        "mailEnabled": rule == "",
        "mailNickname": "".join(c for c in name if c.isalnum()).lower(),
        "membershipRule": rule or None,
        "membershipRuleProcessingState": "On" if rule else None,
        "securityEnabled": rule != "",
    }


def _drafts() -> Iterator[_Draft]:
    for name, kind, short in catalogue.DEVICE_CONFIGURATIONS:
        yield _draft(f"{_M}/deviceConfigurations", name, short, type_=kind, version=1)
    for name, platforms, short in catalogue.CONFIGURATION_POLICIES:
        yield _draft(
            f"{_M}/configurationPolicies",
            name,
            short,
            platforms=platforms,
            technologies="mdm",
            settingCount=4,
            isAssigned=False,
        )
    for name, kind, short in catalogue.COMPLIANCE_POLICIES:
        yield _draft(f"{_M}/deviceCompliancePolicies", name, short, type_=kind, version=1)
    for name, file, short in catalogue.SCRIPTS:
        yield _draft(f"{_M}/deviceManagementScripts", name, short, fileName=file, runAsAccount="system")
    for name, schedule, remediates, short in catalogue.REMEDIATIONS:
        extras = {"runRemediationScript": remediates, "runSchedule": catalogue.SCHEDULES[schedule]}
        yield _draft(f"{_M}/deviceHealthScripts", name, short, extras, publisher="IT", runAsAccount="system")
    for name, kind, short in catalogue.APPS:
        extras = {"settings": catalogue.APP_SETTINGS[kind]}
        yield _draft(f"{_A}/mobileApps", name, short, extras, type_=kind, publisher="IT", isAssigned=False)
    for name, template, short in catalogue.AUTOPILOT_PROFILES:
        yield _draft(
            f"{_M}/windowsAutopilotDeploymentProfiles",
            name,
            short,
            type_="azureADWindowsAutopilotDeploymentProfile",
            deviceNameTemplate=template,
            locale="os-default",
        )


def _full_drafts() -> Iterator[_Draft]:
    for path, name, kind, fields, short in catalogue_full.POLICIES:
        yield _draft(path, name, short, catalogue_full.EXTRAS.get(path), type_=kind, **fields)


def _draft(
    path: str,
    name: str,
    short: str,
    extras: dict[str, Any] | None = None,
    *,
    type_: str | None = None,
    **fields: Any,
) -> _Draft:
    kind = KINDS[path]
    head = {"@odata.type": ODATA + type_} if type_ else {}
    common = {
        "description": "",
        "createdDateTime": _CREATED,
        "lastModifiedDateTime": _CHANGED,
        "roleScopeTagIds": ["0"],
    }
    defaults = {extra.name: extra.default for extra in kind.extras}
    known = {name: value for name, value in common.items() if name in kind.selectable}
    return _Draft(
        kind=kind,
        fields={**head, kind.name_field: name, **known, **fields},
        short=short,
        extras={**defaults, **(extras or {})},
    )
