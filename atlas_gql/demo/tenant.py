"""The demo's tenant as its careless administrator sees it: changed directly, past Atlas."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from atlas_gql.errors import ConfigurationError
from atlas_gql.simulator import CLIENT_ID, CLIENT_SECRET, DEMO_TENANT

Change = Callable[[list[dict[str, Any]], "Portal"], bool]
"""Changes a policy's assignments in place; False when the policy does not lend itself to it."""

GROUP = "#microsoft.graph.groupAssignmentTarget"
EXCLUDED = "#microsoft.graph.exclusionGroupAssignmentTarget"
FILTER_ID = "deviceAndAppManagementAssignmentFilterId"
FILTER_TYPE = "deviceAndAppManagementAssignmentFilterType"


class Portal:
    """Graph with an administrator's token, and the simulator's own view of the tenant."""

    def __init__(self, simulator_url: str) -> None:
        # Plain HTTP needs no certificates, and reading them takes longer than all the rest.
        plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._http = httpx.Client(base_url=simulator_url, timeout=30, trust_env=False, verify=plain)
        token = self._http.post(
            f"/{DEMO_TENANT.id}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "scope": "https://graph.microsoft.com/.default",
            },
        ).json()["access_token"]
        self._headers = {"Authorization": f"Bearer {token}"}
        state = self.state()
        self.groups = [group["id"] for group in state["groups.json"]["value"]]
        self.filters = state["deviceManagement/assignmentFilters.json"]["value"]

    def state(self) -> dict[str, Any]:
        """Everything in the tenant, assignments in a fixed order."""
        state: dict[str, Any] = self._http.get("/_simulator/export").json()[DEMO_TENANT.id]
        for document in state.values():
            for thing in document.get("value", ()):
                if "assignments" in thing:
                    thing["assignments"].sort(key=lambda assignment: str(assignment["id"]))
        return state

    def policies(self, collection: str) -> Iterator[dict[str, Any]]:
        """The policies of a collection that have direct assignments only."""
        for policy in self.state()[f"{collection}.json"]["value"]:
            if policy["assignments"] and all(
                a.get("source", "direct") == "direct" for a in policy["assignments"]
            ):
                yield policy

    def assign(self, collection: str, policy_id: str, assignments: list[dict[str, Any]]) -> None:
        """Replace a policy's assignments, as one click in a portal does."""
        answer = self._http.post(
            f"/beta/{collection}/{policy_id}/assign", json={"assignments": assignments}, headers=self._headers
        )
        if answer.status_code not in (200, 204):
            raise ConfigurationError(f"The simulator refused the damage with {answer.status_code}.")

    def close(self) -> None:
        self._http.close()


def swap_group(assignments: list[dict[str, Any]], portal: Portal) -> bool:
    """Another group in the place of the one that was meant."""
    used = {a["target"].get("groupId") for a in assignments}
    for assignment in assignments:
        if assignment["target"]["@odata.type"] == GROUP:
            assignment["target"]["groupId"] = next(id_ for id_ in portal.groups if id_ not in used)
            return True
    return False


def exclude_the_included(assignments: list[dict[str, Any]], _portal: Portal) -> bool:
    """Whom the policy was for is now kept out of it."""
    for assignment in assignments:
        target = assignment["target"]
        if target["@odata.type"] == GROUP:
            target["@odata.type"] = EXCLUDED
            target[FILTER_ID], target[FILTER_TYPE] = None, "none"
            return True
    return False


def change_filter(assignments: list[dict[str, Any]], portal: Portal) -> bool:
    """Another filter."""
    for assignment in assignments:
        target = assignment["target"]
        if target.get(FILTER_TYPE) in ("include", "exclude"):
            target[FILTER_ID] = next(f["id"] for f in portal.filters if f["id"] != target[FILTER_ID])
            return True
    return False


def remove_assignment(assignments: list[dict[str, Any]], _portal: Portal) -> bool:
    """One assignment less."""
    if len(assignments) < 2:
        return False
    assignments.pop()
    return True


def add_assignment(assignments: list[dict[str, Any]], portal: Portal) -> bool:
    """A group that was never meant to have it."""
    used = {a["target"].get("groupId") for a in assignments}
    extra = next(id_ for id_ in portal.groups if id_ not in used)
    assignments.append({"target": {"@odata.type": GROUP, "groupId": extra}})
    return True


DAMAGE: tuple[tuple[str, str, Change], ...] = (
    ("a group swapped for another", "deviceManagement/deviceConfigurations", swap_group),
    ("an include turned into an exclude", "deviceManagement/configurationPolicies", exclude_the_included),
    ("a filter changed", "deviceManagement/deviceConfigurations", change_filter),
    ("an assignment removed", "deviceManagement/deviceCompliancePolicies", remove_assignment),
    ("an assignment added", "deviceManagement/configurationPolicies", add_assignment),
)
"""What goes wrong, where, and how."""


def damage(portal: Portal) -> list[tuple[str, str]]:
    """Do all of it, each to another policy; gives (what, policy's name)."""
    done: list[tuple[str, str]] = []
    touched: set[str] = set()
    for what, collection, change in DAMAGE:
        for policy in portal.policies(collection):
            assignments = [
                {key: value for key, value in a.items() if key in ("target", "intent")}
                for a in policy["assignments"]
            ]
            if policy["id"] not in touched and change(assignments, portal):
                portal.assign(collection, policy["id"], assignments)
                touched.add(policy["id"])
                done.append((what, policy.get("displayName") or policy["name"]))
                break
        else:
            raise ConfigurationError(f"The demo tenant has no policy for: {what}.")
    return done
