"""Kinds of policy that a tenant has no licence for: left out, unless that would hide something."""

from __future__ import annotations

from typing import Any

from atlas_gql.simulator import DEMO_TENANT
from atlas_gql.testing.installation import Place
from support.loopback import loopback
from support.steps import backed_up, faults, habits

REMEDIATIONS = "deviceHealthScripts"
"""A kind that the tenant has policies of, and that takes a licence of its own."""
ITEMS = """
query Items($id: ID!) {
  node(id: $id) {
    ... on OperationRun {
      outcome
      counters { total processed failed skipped }
      items(first: 100, filter: {state: [SKIPPED, FAILED]}) {
        nodes { key label state failure { code reasonCode message } }
      }
      subject { ... on BackupSet { state } }
    }
  }
}
"""


def fetched(place: Place, **given: Any) -> dict[str, Any]:
    run = place.run("fetchAssignments", {"tenantId": place.tenant_id, **given})
    node: dict[str, Any] = place.ask(ITEMS, id=run["id"])["data"]["node"]
    return node


def left_out(run: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [
        (item["key"], item["state"], item["failure"]["code"], item["failure"]["reasonCode"])
        for item in run["items"]["nodes"]
    ]


def test_a_whole_backup_succeeds_without_kinds_that_the_tenant_has_no_licence_for(place: Place) -> None:
    habits(place, unlicensed=[REMEDIATIONS, "userSettings"])
    run = fetched(place)
    assert (run["outcome"], run["subject"]["state"]) == ("SUCCEEDED", "COMPLETE")
    assert left_out(run) == [
        (REMEDIATIONS, "SKIPPED", "assignments.fetch.not_licensed", "NOT_LICENSED"),
        ("userSettings", "SKIPPED", "assignments.fetch.not_licensed", "NOT_LICENSED"),
    ]
    assert (run["counters"]["skipped"], run["counters"]["failed"]) == (2, 0)
    assert run["counters"]["processed"] == run["counters"]["total"] > 50
    tenant = "query T($id: ID!) { tenant(id: $id) { lastSuccessfulBackupAt } }"
    assert place.ask(tenant, id=place.tenant_id)["data"]["tenant"]["lastSuccessfulBackupAt"]


def test_a_kind_that_was_asked_for_by_name_fails(place: Place) -> None:
    habits(place, unlicensed=[REMEDIATIONS])
    run = fetched(place, policyTypes=[REMEDIATIONS, "mobileApps"])
    assert run["outcome"] == "PARTIALLY_SUCCEEDED"
    assert left_out(run) == [(REMEDIATIONS, "FAILED", "assignments.fetch.list_failed", "NOT_LICENSED")]


def test_a_licence_that_was_lost_since_the_last_backup_is_seen(place: Place) -> None:
    backed_up(place)
    habits(place, unlicensed=[REMEDIATIONS])
    run = fetched(place)
    assert (run["outcome"], run["subject"]["state"]) == ("PARTIALLY_SUCCEEDED", "PARTIAL")
    assert left_out(run) == [(REMEDIATIONS, "FAILED", "assignments.fetch.licence_lost", "NOT_LICENSED")]
    # it was told; from here on the last backup does not have the kind
    assert fetched(place)["outcome"] == "SUCCEEDED"


def test_backups_of_other_kinds_do_not_hide_a_lost_licence(place: Place) -> None:
    backed_up(place)
    fetched(place, policyTypes=["mobileApps"])
    policy, *_ = (key for key in all_keys(place) if key.startswith(f"{REMEDIATIONS}/"))
    fetched(place, policies=[policy])
    habits(place, unlicensed=[REMEDIATIONS])
    ((kind, state, code, _),) = left_out(fetched(place))
    assert (kind, state, code) == (REMEDIATIONS, "FAILED", "assignments.fetch.licence_lost")


def all_keys(place: Place) -> list[str]:
    query = (
        "query P($id: ID!) { tenant(id: $id) { policies(first: 100) { nodes { policyType externalId } } } }"
    )
    nodes = place.ask(query, id=place.tenant_id)["data"]["tenant"]["policies"]["nodes"]
    return [f"{node['policyType']}/{node['externalId']}" for node in nodes]


def test_a_kind_of_which_something_was_read_is_not_left_out(place: Place) -> None:
    catalog = "configurationPolicies"
    faults(place, {"path": f"{catalog}$", "query": "skiptoken", "status": 403, "body": "nested"})
    run = fetched(place)
    assert (run["outcome"], run["counters"]["skipped"]) == ("PARTIALLY_SUCCEEDED", 0)
    assert left_out(run) == [(catalog, "FAILED", "assignments.fetch.list_failed", "NOT_LICENSED")]


def test_a_tenant_without_any_licence_was_not_backed_up(place: Place) -> None:
    habits(place, unlicensed=["*"])
    run = place.run("fetchAssignments", {"tenantId": place.tenant_id})
    whole = [failure for failure in run["failures"] if failure["item"] is None]
    assert (run["outcome"], [failure["reasonCode"] for failure in whole]) == ("FAILED", ["NOT_LICENSED"])


def test_a_missing_permission_is_no_missing_licence(place: Place) -> None:
    from atlas_gql.graph import CONTRACTS

    roles = {c.read_permission for c in CONTRACTS.values() if c.permission != "CloudPC"}
    document = {"tenant": DEMO_TENANT.id, "roles": [*roles, "GroupMember.Read.All"]}
    url = f"{place.atlas.simulator.url}/_simulator/registration"
    loopback.post(url, json=document).raise_for_status()
    # a new provider: the token of the one before was granted more
    run = fetched(place.atlas.new_place())
    assert {(key, reason) for key, _, _, reason in left_out(run)} == {
        ("provisioningPolicies", "PERMISSION_DENIED"),
        ("userSettings", "PERMISSION_DENIED"),
    }
    assert run["outcome"] == "PARTIALLY_SUCCEEDED"


def test_a_retry_leaves_out_what_was_left_out(place: Place) -> None:
    habits(place, unlicensed=[REMEDIATIONS])
    faults(place, {"path": "mobileApps$", "status": 403})
    run = place.run("fetchAssignments", {"tenantId": place.tenant_id})
    assert run["outcome"] == "PARTIALLY_SUCCEEDED"
    faults(place)
    answer = place.ask(
        "mutation R($id: ID!) { retryRun(input: {runId: $id})"
        " { __typename ... on StartRunPayload { run { id } } } }",
        id=run["id"],
    )
    again = place.wait(answer["data"]["retryRun"]["run"]["id"])
    assert (again["outcome"], again["counters"]["skipped"]) == ("SUCCEEDED", 0)
