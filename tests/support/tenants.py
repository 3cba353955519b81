"""Random tenants as the simulator loads them: one that is backed up, and one that is restored into."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any
from uuid import UUID

from atlas_gql.graph import CONTRACTS, Assignment, fingerprint, parse_assignment
from atlas_gql.simulator import DEMO_SECOND_TENANT, DEMO_TENANT, demo_state

KINDS = (
    "configurationPolicies",
    "mobileApps",
    "deviceHealthScripts",
    "windowsAutopilotDeploymentProfiles",  # written item by item
)
GROUPS = ("Sales", 'It\'s "all" staff', "Pilots", "Kiosks", "Finance")
FILTERS = ("Corporate", "Personal")
INHERITING = ("configurationPolicies", "mobileApps")
ODATA = "#microsoft.graph."
Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A tenant when it was backed up, the target as it is now, and the choices."""

    kinds: tuple[str, ...]
    source: str
    target: str
    then: Document
    now: Document
    choices: dict[str, Any] = field(default_factory=dict)
    """The input of a plan beside the backup and the tenant."""

    @property
    def same_tenant(self) -> bool:
        return self.source == self.target


Held = dict[tuple[str, str], tuple[Assignment, ...]]
"""The assignments of policies, by kind and id."""


def held(tenant: Document, kinds: Iterable[str]) -> Held:
    """What a tenant holds of some kinds."""
    return {
        (kind, policy["id"]): tuple(parse_assignment(CONTRACTS[kind], raw) for raw in policy["assignments"])
        for kind in kinds
        for policy in tenant[f"{CONTRACTS[kind].path}.json"]["value"]
    }


def reached(tenant: Document, kinds: Iterable[str]) -> dict[tuple[str, str], str]:
    """Fingerprints of the assignments that reach somebody: not of those to groups that are gone."""
    groups = {None, *(group["id"] for group in tenant["groups.json"]["value"])}
    return {
        key: fingerprint(a for a in assignments if a.group_id in groups)
        for key, assignments in held(tenant, kinds).items()
    }


def case(seed: int) -> Case:
    """The case of a seed, evenly spread, where drawn values would crowd at the edges."""
    return _Chance(Random(seed)).case()


@cache
def _demo() -> Document:
    return demo_state().export()[DEMO_TENANT.id]


class _Chance:
    def __init__(self, random: Random) -> None:
        self._random = random

    def case(self) -> Case:
        same = self._perhaps(0.5)
        kinds = tuple(self._random.sample(KINDS, k=2))
        groups = {name: self._group(name) for name in GROUPS}
        filters = {name: self._filter(name) for name in FILTERS}
        policies = {
            kind: [self._policy(kind, n) for n in range(self._random.choice((1, 2, 2)))] for kind in kinds
        }
        for kind in kinds:
            for policy in policies[kind]:
                policy["assignments"] = self._assignments(kind, groups, filters)
        gone = [name for name in GROUPS if self._perhaps(0.08)]  # deleted before the backup
        there = {name: group for name, group in groups.items() if name not in gone}
        then = self._tenant(policies, there.values(), filters.values())
        later = self._groups_later(there, same=same)
        filters_later = [self._filter(name, None if not same else filters[name]["id"]) for name in FILTERS]
        filters_later = [found for found in filters_later if self._perhaps(0.9)] or filters_later[:1]
        policies_later = self._policies_later(policies, groups, later, filters_later, same=same)
        now = self._tenant(policies_later, later, filters_later)
        return Case(
            kinds=kinds,
            source=DEMO_TENANT.id,
            target=DEMO_TENANT.id if same else DEMO_SECOND_TENANT.id,
            then=then,
            now=now,
            choices=self._choices(policies, later),
        )

    def _groups_later(self, groups: dict[str, Document], *, same: bool) -> list[Document]:
        """Groups that stayed, that have another rule, that were made again, that are gone, and namesakes."""
        later = []
        for name, group in groups.items():
            if self._perhaps(0.1):
                continue
            kept = same and self._perhaps(0.85)
            later.append(self._group(name, group["id"] if kept else None))
            if self._perhaps(0.05):
                later.append(self._group(name))
        return later or [self._group("Others")]

    def _policies_later(
        self,
        policies: dict[str, list[Document]],
        groups: dict[str, Document],
        later: list[Document],
        filters: list[Document],
        *,
        same: bool,
    ) -> dict[str, list[Document]]:
        """The policies as somebody, or another tenant, has them; a few are gone, a few were made since."""
        known = {str(n): group for n, group in enumerate(later)}
        if same:
            known |= {
                name: group for name, group in groups.items() if self._perhaps(0.3)
            }  # also deleted ones
        found: dict[str, list[Document]] = {}
        for kind, those in policies.items():
            found[kind] = [
                copy.deepcopy(policy) if same else {**policy, "id": self._id()}
                for policy in those
                if self._perhaps(0.93)
            ]
            if self._perhaps(0.3):
                found[kind].append(self._policy(kind, 9))
            for policy in found[kind]:
                if not same or self._perhaps(0.8):
                    policy["assignments"] = self._assignments(kind, known, {f["id"]: f for f in filters})
        return found

    def _choices(self, policies: dict[str, list[Document]], later: list[Document]) -> dict[str, Any]:
        chosen: dict[str, Any] = {
            "mode": self._random.choice(("REPLACE", "REPLACE", "MERGE")),
            "unresolvedIncludes": self._random.choice(("BLOCK", "SKIP", "SKIP")),
        }
        direct = [
            (policy, assignment)
            for those in policies.values()
            for policy in those
            for assignment in policy["assignments"]
            if "groupId" in assignment["target"] and assignment.get("source", "direct") == "direct"
        ]
        if direct and self._perhaps(0.3):
            _, mapped = self._random.choice(direct)
            target = self._random.choice(later)["id"]
            chosen["groupMappings"] = [{"sourceId": mapped["target"]["groupId"], "targetId": target}]
        elif direct and self._perhaps(0.15):
            policy, assignment = self._random.choice(direct)
            chosen["mode"] = "MERGE"
            chosen["assignments"] = [{"policyId": policy["id"], "groupId": assignment["target"]["groupId"]}]
        return chosen

    # --- documents ----------------------------------------------------------------------------------

    def _tenant(self, policies: dict[str, list[Document]], groups: Any, filters: Any) -> Document:
        files = {
            f"{CONTRACTS[kind].path}.json": {"value": copy.deepcopy(those)}
            for kind, those in policies.items()
        }
        return {
            **files,
            "groups.json": {"value": list(groups)},
            "deviceManagement/assignmentFilters.json": {"value": list(filters)},
        }

    def _policy(self, kind: str, number: int) -> Document:
        """One like the demo's, without assignments."""
        like = _demo()[f"{CONTRACTS[kind].path}.json"]["value"][0]
        name = CONTRACTS[kind].name_field
        return {**copy.deepcopy(like), "id": self._id(), name: f"{kind} {number}", "assignments": []}

    def _group(self, name: str, id_: str | None = None) -> Document:
        dynamic = self._perhaps(0.3)
        return {
            "id": id_ or self._id(),
            "displayName": name,
            "createdDateTime": "2026-01-12T08:30:00Z",
            "groupTypes": ["DynamicMembership"] if dynamic else [],
            "membershipRule": self._random.choice(("(a)", "(b)")) if dynamic else None,
            "members@odata.count": self._random.randrange(500),
        }

    def _filter(self, name: str, id_: str | None = None) -> Document:
        rule = f'(device.model -eq "{self._random.choice("AB")}")'
        return {"id": id_ or self._id(), "displayName": name, "platform": "windows10AndLater", "rule": rule}

    def _assignments(
        self, kind: str, groups: dict[str, Document], filters: dict[str, Document]
    ) -> list[Document]:
        """Up to four; one that came with a policy set may be among them."""
        who: list[Any] = [group["id"] for group in groups.values()]
        who = self._random.sample([*dict.fromkeys(who), "users", "devices"], k=self._random.randrange(5))
        return [self._assignment(kind, whom, filters) for whom in who]

    def _assignment(self, kind: str, whom: str, filters: dict[str, Document]) -> Document:
        contract = CONTRACTS[kind]
        excluded = whom not in ("users", "devices") and self._perhaps(0.3)
        named = {"users": "allLicensedUsersAssignmentTarget", "devices": "allDevicesAssignmentTarget"}
        target: Document = {
            "@odata.type": ODATA
            + named.get(whom, "exclusionGroupAssignmentTarget" if excluded else "groupAssignmentTarget")
        }
        if whom not in named:
            target["groupId"] = whom
        if contract.supports_filters:
            filtered = filters and not excluded and self._perhaps(0.4)
            chosen = self._random.choice(list(filters.values()))["id"] if filtered else None
            target["deviceAndAppManagementAssignmentFilterId"] = chosen
            mode = self._random.choice(("include", "exclude")) if filtered else "none"
            target["deviceAndAppManagementAssignmentFilterType"] = mode
        own: Document = {}
        if kind in INHERITING:
            own["source"] = "policySets" if self._perhaps(0.08) else "direct"
        if "intent" in contract.extra_fields:
            own["intent"] = self._random.choice(("available", "required", "uninstall"))
        if "runRemediationScript" in contract.extra_fields:
            own |= {"runRemediationScript": self._perhaps(0.5), "runSchedule": None}
        return {**own, "target": target}

    def _perhaps(self, probability: float) -> bool:
        return self._random.random() < probability

    def _id(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))
