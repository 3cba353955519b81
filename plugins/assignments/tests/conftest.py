"""Builders of backups, tenants and plans, in the shapes that Graph gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import pytest

from atlas_assignments.mapping import Directory, map_references
from atlas_assignments.matching import match_policies
from atlas_assignments.planner import AssignmentRestoreMode, plan_policy
from atlas_assignments.translating import UnresolvedIncludes
from atlas_gql.plugins import (
    CONTRACTS,
    CapturedPolicy,
    Filter,
    Group,
    OperationFailure,
    PlannedPolicy,
    Policy,
    SourceItem,
    parse_assignment,
)

Raw = dict[str, Any]
CATALOG = "configurationPolicies"


class Build:
    """Makes values with as little said as a test needs. A group "g" is named "Group g" unless told."""

    def target(self, kind: str, *, filtered: tuple[str, str] | None = None, **own: Any) -> Raw:
        filter_id, mode = filtered or (None, "none")
        return {
            "@odata.type": f"#microsoft.graph.{kind}",
            "deviceAndAppManagementAssignmentFilterId": filter_id,
            "deviceAndAppManagementAssignmentFilterType": mode,
            **own,
        }

    def include(self, group: str, *, filtered: tuple[str, str] | None = None, **own: Any) -> Raw:
        return {"target": self.target("groupAssignmentTarget", groupId=group, filtered=filtered), **own}

    def exclude(self, group: str, *, filtered: tuple[str, str] | None = None, **own: Any) -> Raw:
        target = self.target("exclusionGroupAssignmentTarget", groupId=group, filtered=filtered)
        return {"target": target, **own}

    def users(self, *, filtered: tuple[str, str] | None = None, **own: Any) -> Raw:
        return {"target": self.target("allLicensedUsersAssignmentTarget", filtered=filtered), **own}

    def devices(self, *, filtered: tuple[str, str] | None = None, **own: Any) -> Raw:
        return {"target": self.target("allDevicesAssignmentTarget", filtered=filtered), **own}

    def collection(self, **own: Any) -> Raw:
        """A target that Atlas does not know."""
        target = self.target("configurationManagerCollectionAssignmentTarget", collectionId="SMS00001")
        return {"target": target, **own}

    def group(self, id_: str, name: str | None = None, **own: Any) -> Group:
        return Group(
            id=id_, name=name or f"Group {id_}", kind="dynamic" if own.get("rule") else "assigned", **own
        )

    def filter(
        self, id_: str, name: str | None = None, *, platform: str = "windows", rule: str = "r"
    ) -> Filter:
        return Filter(id=id_, name=name or f"Filter {id_}", platform=platform, rule=rule)

    def item(
        self,
        *assignments: Raw,
        type_: str = CATALOG,
        id_: str = "p1",
        name: str = "Policy",
        platform: str | None = "windows",
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        filters: Mapping[str, Mapping[str, Any]] | None = None,
        state: str = "fetched",
        error: OperationFailure | None = None,
    ) -> SourceItem:
        targets = [raw["target"] for raw in assignments]
        named = {t["groupId"]: {"name": f"Group {t['groupId']}"} for t in targets if "groupId" in t}
        filter_ids = {t["deviceAndAppManagementAssignmentFilterId"] for t in targets} - {None}
        filtered = {f: {"name": f"Filter {f}", "platform": "windows", "rule": "r"} for f in filter_ids}
        blank = {"rule": None, "orphaned": False}
        return SourceItem(
            id=uuid4(),
            position=0,
            policy=CapturedPolicy(
                policy_type=type_,
                id=id_,
                name=name,
                platform=platform,
                assignments=assignments,
                groups={k: blank | v | (groups or {}).get(k, {}) for k, v in named.items()},
                filters={k: blank | v | (filters or {}).get(k, {}) for k, v in filtered.items()},
                error=error,
            ),
            assignments_state=state,
        )

    def policy(
        self,
        *assignments: Raw,
        type_: str = CATALOG,
        id_: str = "p1",
        name: str = "Policy",
        platform: str | None = "windows",
        **own: Any,
    ) -> Policy:
        parsed = tuple(parse_assignment(CONTRACTS[type_], raw) for raw in assignments)
        return Policy(policy_type=type_, id=id_, name=name, platform=platform, assignments=parsed, **own)

    def directory(
        self, *groups: Group, filters: Sequence[Filter] = (), same_tenant: bool = True, **choices: Any
    ) -> Directory:
        names = {group.name for group in groups}
        return Directory(
            same_tenant=same_tenant,
            groups={group.id: group for group in groups},
            groups_by_name={name: [g for g in groups if g.name == name] for name in names},
            filters=filters,
            **choices,
        )

    def plan(
        self,
        item: SourceItem,
        live: Policy | Sequence[Policy],
        directory: Directory,
        *,
        mode: AssignmentRestoreMode = AssignmentRestoreMode.REPLACE,
        on_unresolved: UnresolvedIncludes = UnresolvedIncludes.BLOCK,
        selected: Any = None,
    ) -> PlannedPolicy:
        policies = [live] if isinstance(live, Policy) else live
        matches = match_policies(
            [item], {item.policy.policy_type: policies}, same_tenant=directory.same_tenant
        )
        return plan_policy(
            item,
            matches[item.id],
            map_references([item], directory),
            mode=mode,
            on_unresolved=on_unresolved,
            selected=selected,
        )


@pytest.fixture(scope="session")
def build() -> Build:
    return Build()
