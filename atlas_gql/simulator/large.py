"""A tenant with as many policies as wanted, to see how long things take and whether they are whole."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from atlas_gql.simulator.assignments import stored
from atlas_gql.simulator.demo import DEMO_TENANT
from atlas_gql.simulator.kind import EXCLUSION, GROUP, Kind
from atlas_gql.simulator.state import Collection, Document, Entity, Policy, State, Tenant
from atlas_gql.simulator.table import KINDS
from atlas_gql.simulator.targets import FILTER_ID, FILTER_TYPE, ODATA

SPREAD = (
    "deviceManagement/configurationPolicies",
    "deviceManagement/deviceConfigurations",
    "deviceManagement/deviceCompliancePolicies",
    "deviceManagement/deviceHealthScripts",
    "deviceManagement/deviceShellScripts",
    "deviceManagement/intents",
    "deviceManagement/windowsAutopilotDeploymentProfiles",
    "deviceAppManagement/mobileApps",
)
"""The kinds that the policies are of, unless told: every way of reading and writing is among them."""
GROUPS = 200


def large_state(
    policies: int, *, assignments: int = 5, paths: Sequence[str] = SPREAD, damaged: int = 0
) -> State:
    """The first demo tenant with so many policies, spread over the kinds of these paths in turn.

    Each is assigned to so many groups, the last of them excluded. The first so many are `damaged`: one
    group is lost, the excluded one included, another one excluded.
    """
    domain = {"name": DEMO_TENANT.domain, "isDefault": True, "isInitial": True, "type": "Managed"}
    groups = [_id("group", n) for n in range(GROUPS)]
    tenant = Tenant(
        id=DEMO_TENANT.id,
        organization={"id": DEMO_TENANT.id, "displayName": DEMO_TENANT.name, "verifiedDomains": [domain]},
        groups=Collection(_group(key, n) for n, key in enumerate(groups)),
        filters=Collection(),
    )
    for first, path in enumerate(paths):
        kind = KINDS[path]
        tenant.policies[path] = Collection(
            (
                _policy(kind, n, [groups[(n + (n < damaged) + i) % GROUPS] for i in range(assignments)])
                for n in range(first, policies, len(paths))
            ),
            name_field=kind.name_field,
        )
    return State(tenants={tenant.id: tenant})


def _group(key: str, n: int) -> Entity:
    name = f"Group {n:03}"
    return Entity(
        document={
            "id": key,
            "displayName": name,
            "groupTypes": [],
            "mailEnabled": False,
            "mailNickname": name.replace(" ", "").lower(),
            "membershipRule": None,
            "securityEnabled": True,
        }
    )


def _policy(kind: Kind, n: int, groups: Sequence[str]) -> Policy:
    key = _id("policy", n)
    extras = {extra.name: extra.default for extra in kind.extras} | (
        {"intent": "required"} if kind.by_intent else {}
    )
    document: Document = {"id": key, kind.name_field: f"Policy {n:05}", "roleScopeTagIds": ["0"]}
    return Policy(
        document=document,
        assignments=tuple(
            stored(kind, key, {**extras, "target": _target(group, excluded=i == len(groups) - 1 > 0)})
            for i, group in enumerate(groups)
        ),
    )


def _target(group: str, *, excluded: bool) -> dict[str, Any]:
    return {
        "@odata.type": ODATA + (EXCLUSION if excluded else GROUP),
        FILTER_ID: None,
        FILTER_TYPE: "none",
        "groupId": group,
    }


def _id(what: str, n: int) -> str:
    return str(uuid.uuid5(uuid.UUID(DEMO_TENANT.id), f"{what} {n}"))
