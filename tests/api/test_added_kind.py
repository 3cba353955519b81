"""A kind of policy that a plugin adds is backed up, planned, restored and shown like any other."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from atlas_gql import simulator as simulators
from atlas_gql.plugins import Family, PolicyContract, hookimpl
from atlas_gql.plugins.loading import discover, load_plugins
from atlas_gql.simulator import DEMO_TENANT, Running
from atlas_gql.simulator.kind import Family as CountedIn
from atlas_gql.simulator.kind import Kind
from atlas_gql.simulator.table import KINDS
from atlas_gql.testing.installation import Place, installation
from atlas_gql.testing.postgres import fresh_database
from support.loopback import loopback
from support.paths import DATA_DIR
from support.steps import planned, restore_input

PATH = "deviceManagement/exampleProfiles"
STAFF, TABLETS = "b0a7c0de-1000-4000-8000-000000000001", "b0a7c0de-1000-4000-8000-000000000002"


@hookimpl
def atlas_policy_types() -> Any:
    return [
        PolicyContract(
            path=PATH,
            label="Example profile",
            element_type="exampleProfileAssignment",
            permission="DeviceManagementConfiguration",
            family=Family.CONFIGURATION,
            body_key="exampleAssignments",
            platform="windows10",
        )
    ]


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A simulator that serves the kind, as Microsoft might one day."""
    kind = Kind(
        path=PATH,
        properties="description roleScopeTagIds",
        element="exampleProfileAssignment",
        family=CountedIn.CONFIGURATION,
        stems=("DeviceManagementConfiguration",),
        service="ExampleService",
        body_key="exampleAssignments",
        filters="devices",
    )
    monkeypatch.setitem(KINDS, PATH, kind)
    with simulators.running() as running:
        yield running


@pytest.fixture
def place(serving: Running) -> Iterator[Place]:
    """In a database of its own: a worker that shares one would take its runs, and knows no such kind."""
    added = ("example", SimpleNamespace(atlas_policy_types=atlas_policy_types))
    loaded = load_plugins([*discover(), added])
    assert loaded.refused == {}
    with (
        fresh_database(DATA_DIR) as database,
        installation(
            database,
            simulator=serving,
            operations=loaded.operations,
            policy_types=loaded.policy_types,
        ) as running,
    ):
        yield running.new_place()


def assigned(simulator: Running, group: str | None = None) -> list[str]:
    """The groups that the one policy of the kind is assigned to; first assign it to this one alone."""
    url = f"{simulator.url}/_simulator"
    state = loopback.get(f"{url}/export").json()
    groups = state[DEMO_TENANT.id]["groups.json"]["value"]
    if group is not None:
        target = {
            "@odata.type": "#microsoft.graph.groupAssignmentTarget",
            "groupId": groups[int(group)]["id"],
        }
        policy = {"id": "e0000000-0000-4000-8000-000000000001", "displayName": "An example"}
        value = [{**policy, "assignments": [{"target": target}]}]
        state[DEMO_TENANT.id][f"{PATH}.json"] = {"value": value}
        loopback.post(f"{url}/load", json=state).raise_for_status()
    (policy,) = loopback.get(f"{url}/export").json()[DEMO_TENANT.id][f"{PATH}.json"]["value"]
    return [assignment["target"]["groupId"] for assignment in policy["assignments"]]


def test_an_added_kind_goes_the_whole_way(place: Place, serving: Running) -> None:
    before = assigned(serving, "0")
    given = {"tenantId": place.tenant_id, "policyTypes": ["exampleProfiles"]}
    run = place.run("fetchAssignments", given)
    assert (run["outcome"], run["counters"]["processed"]) == ("SUCCEEDED", 1)
    assert assigned(serving, "1") != before
    plan = planned(place, run["subject"]["id"])
    assert plan["summary"]["policies"] == {"write": 1, "none": 0, "blocked": 0, "notInBackup": 0}
    restored = place.run("restoreAssignments", restore_input(plan))
    assert (restored["outcome"], assigned(serving)) == ("SUCCEEDED", before)

    types = place.ask("{ policyTypes { type label path supportsRestore writePermission } }")
    assert types["data"]["policyTypes"][-1] == {
        "type": "exampleProfiles",
        "label": "Example profile",
        "path": PATH,
        "supportsRestore": True,
        "writePermission": "DeviceManagementConfiguration.ReadWrite.All",
    }
    place.run("verifyProvider", {"tenantId": place.tenant_id})
    query = (
        "query V($id: ID!) { tenant(id: $id)"
        " { providerVerification { checks { subject reading { state } writing { state } } } } }"
    )
    report = place.ask(query, id=place.tenant_id)["data"]["tenant"]["providerVerification"]
    ready = {"reading": {"state": "READY"}, "writing": {"state": "READY"}}
    assert {"subject": "exampleProfiles", **ready} in report["checks"]
