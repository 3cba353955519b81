"""Verifying a tenant's provider: what the report says, what it costs, and what the tenant shows of it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert, update

from atlas_gql.db.ids import new_id
from atlas_gql.db.tables import credentials, providers
from atlas_gql.plugins import CONTRACTS
from atlas_gql.simulator import CLIENT_ID, DEMO_TENANT
from atlas_gql.testing.installation import Place
from support.loopback import loopback
from support.steps import faults, habits

REPORT = """
query Report($tenantId: ID!) {
  tenant(id: $tenantId) {
    providerStatus providerStatusAt
    providerVerification {
      status verifiedAt permissions writePermissions writesEnabled approvals
      checks {
        subject policyType
        reading { state permission reasonCode }
        writing { state permission reasonCode }
      }
    }
    runs(filter: {type: ["providers.verify"]}) {
      nodes {
        verification { status }
        items(first: 50) { nodes { key state result failure { reasonCode } } }
      }
    }
  }
}
"""
READY = {"state": "READY", "permission": None, "reasonCode": None}
READING = sorted({contract.read_permission for contract in CONTRACTS.values()})
WRITING = sorted({c.write_permission for c in CONTRACTS.values() if c.write_permission})
DIRECTORY = ["GroupMember.Read.All"]


def roles(place: Place, *granted: str) -> None:
    """Let the tenant grant the application these alone, until it is loaded anew."""
    url = f"{place.atlas.simulator.url}/_simulator/registration"
    loopback.post(url, json={"tenant": DEMO_TENANT.id, "roles": [*granted]}).raise_for_status()


def verified(place: Place) -> tuple[dict[str, Any], dict[str, Any]]:
    """The run of a verification, and what the tenant then shows."""
    run = place.run("verifyProvider", {"tenantId": place.tenant_id})
    return run, place.ask(REPORT, tenantId=place.tenant_id)["data"]["tenant"]


def checks(shown: dict[str, Any]) -> dict[str, Any]:
    return {check["subject"]: check for check in shown["providerVerification"]["checks"]}


def states(shown: dict[str, Any], what: str) -> dict[str, str]:
    """Of all that is not ready, the state of its reading or its writing."""
    found = {name: check[what]["state"] for name, check in checks(shown).items() if check[what]}
    return {name: state for name, state in found.items() if state != "READY"}


def test_a_provider_that_may_do_everything_is_ready(place: Place) -> None:
    run, shown = verified(place)
    report = shown["providerVerification"]
    assert (run["outcome"], shown["providerStatus"], report["status"]) == ("SUCCEEDED", "READY", "READY")
    assert (report["verifiedAt"], report["writesEnabled"]) == (shown["providerStatusAt"], True)
    assert set(READING) | set(WRITING) <= set(report["permissions"])
    assert report["permissions"] == report["writePermissions"]
    assert (states(shown, "reading"), states(shown, "writing"), report["approvals"]) == ({}, {}, [])
    assert [name for name, check in checks(shown).items() if check["policyType"]] == sorted(
        CONTRACTS,
        key=lambda name: [*dict.fromkeys(c.family for c in CONTRACTS.values())].index(CONTRACTS[name].family),
    )
    assert {name for name, check in checks(shown).items() if check["writing"] is None} == {
        "groups",
        "assignmentFilters",
        *(name for name, contract in CONTRACTS.items() if not contract.supports_restore),
    }


def test_a_verification_costs_a_call_per_family_and_permission_and_five_more(place: Place) -> None:
    """Five more: a token and another for writing, what needs approval, groups, filters."""
    verified(place)
    loopback.delete(f"{place.atlas.simulator.url}/_simulator/journal").raise_for_status()
    verified(place)
    journal = loopback.get(f"{place.atlas.simulator.url}/_simulator/journal").json()
    sent = [call["path"] for call in journal if not call.get("batch")]
    tokens = [path for path in sent if path.endswith("/token")]
    batches = [path for path in sent if path.endswith("/$batch")]
    assert len(batches) == len({(c.family, c.permission) for c in CONTRACTS.values()}) == 13
    assert (len(tokens), len(sent)) == (2, 13 + 5 + 2), sent  # 2: where to ask for a token
    assert [call["method"] for call in journal if call["method"] not in ("GET", "POST")] == []


def test_what_is_missing_is_named_for_reading_and_for_writing_apart(place: Place) -> None:
    roles(place, *DIRECTORY, "DeviceManagementConfiguration.ReadWrite.All", "DeviceManagementApps.Read.All")
    _, shown = verified(place)
    found = checks(shown)
    assert (shown["providerStatus"], shown["providerVerification"]["status"]) == ("DEGRADED", "DEGRADED")
    assert found["deviceConfigurations"]["writing"] == READY
    missing = {"state": "MISSING_PERMISSION", "reasonCode": None}
    assert (found["mobileApps"]["reading"], found["mobileApps"]["writing"]) == (
        READY,
        {**missing, "permission": "DeviceManagementApps.ReadWrite.All"},
    )
    assert found["userSettings"]["reading"] == {**missing, "permission": "CloudPC.Read.All"}
    assert found["userSettings"]["writing"] == {**missing, "permission": "CloudPC.ReadWrite.All"}
    lacking = ("DeviceManagementScripts", "DeviceManagementServiceConfig", "DeviceManagementRBAC", "CloudPC")
    assert states(shown, "reading") == {
        name: "MISSING_PERMISSION" for name, c in CONTRACTS.items() if c.permission in lacking
    } | {"deviceComplianceScripts": "MISSING_PERMISSION"}
    # whatever the table says: Microsoft has the last word
    assert found["deviceComplianceScripts"]["reading"]["reasonCode"] == "PERMISSION_DENIED"


def test_kinds_without_a_licence_and_kinds_that_need_approval_are_no_fault_of_the_provider(
    place: Place,
) -> None:
    habits(place, unlicensed=["windowsDriverUpdateProfiles"], protected=["app", "script"])
    run, shown = verified(place)
    assert (run["outcome"], shown["providerStatus"]) == ("SUCCEEDED", "READY")
    assert states(shown, "reading") == {"windowsDriverUpdateProfiles": "NOT_LICENSED"}
    protected = [n for n, c in CONTRACTS.items() if c.approval in ("app", "script") and c.supports_restore]
    assert states(shown, "writing") == {
        "windowsDriverUpdateProfiles": "NOT_LICENSED",
        **dict.fromkeys(protected, "NEEDS_APPROVAL"),
    }
    assert shown["providerVerification"]["approvals"] == ["app", "script"]
    assert checks(shown)["mobileApps"]["writing"]["reasonCode"] == "APPROVAL_REQUIRED"


def test_a_family_that_does_not_answer_fails_alone_and_is_never_called_ready(place: Place) -> None:
    faults(place, {"family": "devices", "status": 500})
    run, shown = verified(place)
    (node,) = shown["runs"]["nodes"]
    assert (run["outcome"], shown["providerStatus"], node["verification"]) == (
        "PARTIALLY_SUCCEEDED",
        "DEGRADED",
        {"status": "DEGRADED"},
    )
    failed = [item for item in node["items"]["nodes"] if item["state"] == "FAILED"]
    assert [(item["key"], item["failure"]["reasonCode"]) for item in failed] == [
        ("devices", "DEPENDENCY_UNREACHABLE")
    ]
    scripts = {name for name, contract in CONTRACTS.items() if contract.family == "devices"}
    assert states(shown, "reading") == dict.fromkeys(scripts, "UNREACHABLE")
    assert {checks(shown)[name]["reading"]["reasonCode"] for name in scripts} == {"DEPENDENCY_UNREACHABLE"}
    assert len(node["items"]["nodes"]) == len({c.family for c in CONTRACTS.values()}) + 4


def test_what_needs_approval_and_is_not_known_is_never_called_ready(place: Place) -> None:
    faults(place, {"path": "operationApprovalPolicies", "status": 500})
    run, shown = verified(place)
    assert (run["outcome"], shown["providerVerification"]["approvals"]) == ("PARTIALLY_SUCCEEDED", None)
    held = [name for name, c in CONTRACTS.items() if c.approval and c.supports_restore]
    assert states(shown, "writing") == dict.fromkeys(held, "UNREACHABLE")


def test_a_tenant_in_which_nothing_can_be_read_is_failing(place: Place) -> None:
    roles(place, *DIRECTORY)
    _, shown = verified(place)
    assert shown["providerStatus"] == "FAILING"
    assert set(states(shown, "reading")) == {*CONTRACTS, "assignmentFilters"}


def test_no_token_is_the_failure_of_the_run_and_says_what_to_do(place: Place) -> None:
    faults(place, {"secretExpired": True})
    run, shown = verified(place)
    (failure,) = run["failures"]
    assert (run["outcome"], failure["reasonCode"], failure["code"]) == (
        "FAILED",
        "CREDENTIAL_EXPIRED",
        "providers.verify.failed",
    )
    assert "Make a new one" in failure["message"]
    assert (shown["providerStatus"], shown["providerVerification"]) == ("FAILING", None)


def test_writing_is_judged_by_the_credential_that_writes(place: Place) -> None:
    second(place, secret="wrong")
    run, shown = verified(place)
    failed = [f for f in run["failures"] if f["item"]]
    assert (run["outcome"], [(f["item"]["label"], f["reasonCode"]) for f in failed]) == (
        "PARTIALLY_SUCCEEDED",
        [("The credential for writing", "AUTHENTICATION_FAILED")],
    )
    written = {name for name, contract in CONTRACTS.items() if contract.supports_restore}
    assert states(shown, "writing") == dict.fromkeys(written, "UNREACHABLE")
    assert (states(shown, "reading"), shown["providerStatus"]) == ({}, "DEGRADED")


def second(place: Place, *, secret: str) -> None:
    """Give the provider another credential for writing."""
    credential = new_id()
    sealed = place.atlas.sealer.seal(secret, row=credential)

    async def change(tx: Any) -> None:
        await tx.execute(
            insert(credentials).values(
                id=credential,
                workspace_id=place.workspace,
                name=str(credential),
                kind="secret",
                sealed=sealed.data,
                key_id=sealed.key_id,
            )
        )
        await tx.execute(
            update(providers)
            .where(providers.c.tenant_id == place.tenant)
            .values(write_credential_id=credential)
        )

    place.atlas.call(change)


def test_while_writes_are_off_the_report_tells_what_switching_them_on_would_do(place: Place) -> None:
    off = place.atlas.new_place(writes_enabled=False)
    roles(place, *DIRECTORY, *READING)
    run, shown = verified(off)
    assert (run["outcome"], shown["providerStatus"]) == ("SUCCEEDED", "READY")
    assert shown["providerVerification"]["writesEnabled"] is False
    assert set(states(shown, "writing").values()) == {"MISSING_PERMISSION"}


def test_a_tenant_without_a_provider_says_so(place: Place) -> None:
    run, shown = verified(place.atlas.new_place(provider=False))
    assert [failure["reasonCode"] for failure in run["failures"]] == ["MISSING_CONFIGURATION"]
    assert (shown["providerStatus"], shown["providerStatusAt"]) == ("NONE", None)


def test_no_token_is_in_what_a_verification_leaves(place: Place) -> None:
    run, _ = verified(place)
    answer = str(place.ask(REPORT, tenantId=place.tenant_id)) + str(run)
    assert (CLIENT_ID in answer, "eyJ" in answer) == (False, False)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [pytest.param("manager", True, id="manager"), pytest.param("operator", False, id="operator")],
)
def test_whoever_manages_providers_verifies_and_whoever_looks_sees_the_report(
    place: Place, role: str, allowed: bool
) -> None:
    verified(place)
    token = place.member(role)
    answer = place.ask(
        "mutation V($id: ID!) { verifyProvider(input: {tenantId: $id}) { __typename } }",
        token,
        id=place.tenant_id,
    )
    assert (answer.get("errors") is None) is allowed
    assert place.ask(REPORT, token, tenantId=place.tenant_id)["data"]["tenant"]["providerStatus"] == "READY"
