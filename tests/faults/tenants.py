"""Simulated tenants that are easy to damage and easy to compare."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from support.loopback import loopback

CONFIGURATIONS = "deviceManagement/deviceConfigurations"
PROFILES = "deviceManagement/windowsAutopilotDeploymentProfiles"
KINDS = ("deviceConfigurations", "windowsAutopilotDeploymentProfiles")
GROUPS = 6

State = dict[str, Any]


def document(tenant: UUID, *, policies: int, profiles: int, damaged: bool) -> State:
    """A whole tenant; in a damaged one every policy has lost all its groups but a wrong one."""
    groups = [uuid5(tenant, f"group {n}") for n in range(GROUPS)]
    return {
        "organization.json": _list(
            {
                "id": str(tenant),
                "displayName": f"Tenant {tenant}",
                "verifiedDomains": [
                    {"name": domain(tenant), "isDefault": True, "isInitial": True, "type": "Managed"}
                ],
            }
        ),
        "groups.json": _list(
            *(
                {
                    "id": str(id_),
                    "displayName": f"Group {n}",
                    "groupTypes": [],
                    "mailEnabled": False,
                    "mailNickname": f"group{n}",
                    "securityEnabled": True,
                }
                for n, id_ in enumerate(groups)
            )
        ),
        "deviceManagement/assignmentFilters.json": _list(),
        f"{CONFIGURATIONS}.json": _list(
            *(
                _policy(tenant, n, "windows10GeneralConfiguration", groups, damaged, intent="apply")
                for n in range(policies)
            )
        ),
        f"{PROFILES}.json": _list(
            *(
                _policy(tenant, n, "azureADWindowsAutopilotDeploymentProfile", groups, damaged)
                for n in range(1000, 1000 + profiles)
            )
        ),
    }


def domain(tenant: UUID) -> str:
    """The tenant's primary domain."""
    return f"t{tenant.hex[:12]}.example"


def load(simulator_url: str, tenant: UUID, state: State) -> None:
    """Make the tenant as it stands there, whatever it was."""
    loopback.post(
        f"{simulator_url}/_simulator/load", json={str(tenant): state}, timeout=30
    ).raise_for_status()


def state_of(simulator_url: str, tenant: UUID) -> dict[str, list[Any]]:
    """The assignments of each policy by its id, in a fixed order."""
    state = loopback.get(f"{simulator_url}/_simulator/export", timeout=30).json()[str(tenant)]
    return {
        policy["id"]: sorted(policy["assignments"], key=lambda assignment: str(assignment["id"]))
        for collection in (CONFIGURATIONS, PROFILES)
        for policy in state[f"{collection}.json"]["value"]
    }


def doubled_posts(simulator_url: str, tenant: UUID) -> int:
    """Accepted writes of one assignment to one policy beyond the first: what cannot be done twice."""
    seen: set[tuple[str, str]] = set()
    doubled = 0
    for call in loopback.get(f"{simulator_url}/_simulator/journal", timeout=60).json():
        if call["tenant"] == str(tenant) and call["method"] == "POST" and call["status"] == 201:
            write = (call["path"], str(call["body"]))
            doubled += write in seen
            seen.add(write)
    return doubled


def _list(*values: State) -> State:
    return {"value": list(values)}


def _policy(
    tenant: UUID, n: int, type_: str, groups: list[UUID], damaged: bool, **extra: Any
) -> dict[str, Any]:
    id_ = uuid5(tenant, f"policy {n}")
    wanted = [(groups[n % 6], ""), (groups[(n + 1) % 6], ""), (groups[(n + 2) % 6], "exclusion")]
    wrong = [(groups[(n + 3) % 6], "")]
    return {
        "id": str(id_),
        "@odata.type": f"#microsoft.graph.{type_}",
        "displayName": f"Policy {n:03}",
        "roleScopeTagIds": ["0"],
        "assignments": [
            _assignment(id_, group, exclusion, extra) for group, exclusion in (wrong if damaged else wanted)
        ],
    }


def _assignment(policy: UUID, group: UUID, exclusion: str, extra: dict[str, Any]) -> dict[str, Any]:
    kind = "exclusionGroupAssignmentTarget" if exclusion else "groupAssignmentTarget"
    return {
        "id": f"{policy}_{group}",
        "source": "direct",
        "sourceId": str(policy),
        **extra,
        "target": {
            "@odata.type": f"#microsoft.graph.{kind}",
            "deviceAndAppManagementAssignmentFilterId": None,
            "deviceAndAppManagementAssignmentFilterType": "none",
            "groupId": str(group),
        },
    }
