"""Multi Admin Approval: what is held, how a request is filed, and how the approved call completes."""

from __future__ import annotations

import base64

import pytest

from atlas_gql.simulator import DEMO_TENANT

CONFIGURATIONS = "/beta/deviceManagement/deviceConfigurations"
REQUESTS = "/beta/deviceManagement/operationApprovalRequests"
JUSTIFICATION = "x-msft-approval-justification"
CODE = "x-msft-approval-code"
NOTHING = {"assignments": []}


def encoded(text: str) -> dict[str, str]:
    return {JUSTIFICATION: base64.b64encode(text.encode()).decode()}


@pytest.fixture
def protected(graph, habits) -> str:
    """The path of a policy whose kind is protected, and which has assignments."""
    habits(protected=["configurationPolicy"])
    return f"{CONFIGURATIONS}/{graph.get(f'{CONFIGURATIONS}?$top=1').json()['value'][0]['id']}"


def held(graph, path: str) -> list[dict]:
    return graph.get(f"{path}/assignments").json()["value"]


def decide(control, code: str, status: str) -> int:
    return control.post("/_simulator/approvals", json={"code": code, "status": status}).status_code


def test_a_write_is_held_until_it_is_approved(graph, control, protected):
    before = held(graph, protected)
    text = "Ticket 4711: zurück zum alten Stand"
    filed = graph.post(f"{protected}/assign", json=NOTHING, headers=encoded(text))
    code = filed.headers[CODE]
    assert (filed.status_code, filed.json()["error"]["code"]) == (412, "BadRequest")
    assert code in filed.json()["error"]["message"]
    waiting = graph.post(f"{protected}/assign", json=NOTHING, headers={CODE: code})
    assert (waiting.status_code, waiting.headers[CODE]) == (412, code)
    assert held(graph, protected) == before

    assert decide(control, code, "approved") == 204
    done = graph.post(f"{protected}/assign", json=NOTHING, headers={CODE: code})
    assert (done.status_code, held(graph, protected)) == (200, [])
    (request,) = graph.get(REQUESTS).json()["value"]
    assert {name: request[name] for name in ("id", "status", "requestJustification", "payloadId")} == {
        "id": code,
        "status": "completed",
        "requestJustification": text,
        "payloadId": protected.rpartition("/")[2],
    }
    again = graph.post(f"{protected}/assign", json=NOTHING, headers={CODE: code})
    assert again.status_code == 403, "an approval serves once"


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        pytest.param({}, f"Header '{JUSTIFICATION}' is required to request approval", id="none"),
        pytest.param({JUSTIFICATION: "Not base64!"}, "must be base64 encoded", id="plain"),
        pytest.param({JUSTIFICATION: "//79"}, "must be base64 encoded", id="not-utf-8"),
        pytest.param(encoded("x" * 1025), "must be no greater than 1024 characters", id="long"),
        pytest.param({CODE: "no-such-code"}, "does not belong to this request", id="code"),
    ],
)
def test_no_request_is_filed_for(graph, protected, headers, text):
    before = held(graph, protected)
    answer = graph.post(f"{protected}/assign", json=NOTHING, headers=headers)
    assert (answer.status_code, CODE in answer.headers) == (400, False)
    assert text in answer.json()["error"]["message"]
    assert held(graph, protected) == before
    assert graph.get(REQUESTS).json()["value"] == []


def test_an_approval_is_for_the_identical_call(graph, control, protected):
    code = graph.post(f"{protected}/assign", json=NOTHING, headers=encoded("why")).headers[CODE]
    decide(control, code, "approved")
    everyone = {"target": {"@odata.type": "#microsoft.graph.allLicensedUsersAssignmentTarget"}}
    other = graph.post(f"{protected}/assign", json={"assignments": [everyone]}, headers={CODE: code})
    assert other.status_code == 400


def test_one_request_at_a_time(graph, control, protected):
    code = graph.post(f"{protected}/assign", json=NOTHING, headers=encoded("why")).headers[CODE]
    again = graph.post(f"{protected}/assign", json=NOTHING, headers=encoded("why"))
    assert (again.status_code, again.json()["error"]["code"]) == (409, "Conflict")
    decide(control, code, "rejected")
    refused = graph.post(f"{protected}/assign", json=NOTHING, headers={CODE: code})
    assert (refused.status_code, "rejected" in refused.text) == (403, True)
    assert graph.post(f"{protected}/assign", json=NOTHING, headers=encoded("why")).status_code == 412
    assert decide(control, code, "approved") == 400, "what is decided stays so"


def test_a_request_expires(graph, control, protected, take_token):
    code = graph.post(f"{protected}/assign", json=NOTHING, headers=encoded("why")).headers[CODE]
    control.post("/_simulator/clock", json={"advance": 31 * 86400}).raise_for_status()
    token = take_token(control, DEMO_TENANT.id).json()["access_token"]
    graph.headers["Authorization"] = f"Bearer {token}"
    assert graph.get(f"{REQUESTS}/{code}").json()["status"] == "expired"
    assert graph.get(f"{REQUESTS}?$filter=status eq 'needsApproval'").json()["value"] == []
    assert decide(control, code, "approved") == 400


def test_what_is_wrong_is_refused_before_a_request_is_filed(graph, protected):
    wrong = graph.post(f"{protected}/assign", json={"assignments": [{}]}, headers=encoded("why"))
    assert wrong.status_code == 400
    assert graph.get(REQUESTS).json()["value"] == []


def test_the_other_statuses_that_were_seen(graph, habits, protected):
    habits(protected=["configurationPolicy"], approvalStatus=403, justificationStatus=403)
    answer = graph.post(f"{protected}/assign", json=NOTHING)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "Forbidden")
    answer = graph.post(f"{protected}/assign", json=NOTHING, headers=encoded("why"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "ApprovalRequired")
    assert answer.headers[CODE] in answer.json()["error"]["message"]


def test_reads_and_what_is_not_protected_go_through(graph, protected):
    assert graph.get(f"{protected}/assignments").status_code == 200
    policies = "/beta/deviceManagement/deviceCompliancePolicies"
    key = graph.get(f"{policies}?$top=1").json()["value"][0]["id"]
    assert graph.post(f"{policies}/{key}/assign", json=NOTHING).status_code == 200


def test_what_is_protected_is_listed(graph, habits):
    path = "/beta/deviceManagement/operationApprovalPolicies"
    assert graph.get(path).json()["value"] == []
    habits(protected=["script", "app"])
    listed = graph.get(path).json()["value"]
    assert [policy["policyType"] for policy in listed] == ["app", "script"]
    assert graph.get(f"{path}/{listed[0]['id']}").json()["policyType"] == "app"
    assert graph.get(f"{path}/x").status_code == 404
    assert graph.get(path.replace("beta", "v1.0")).status_code == 404


def test_approval_within_a_batch(graph, protected):
    url = f"{protected.removeprefix('/beta')}/assign"
    headers = {"Content-Type": "application/json", **encoded("why")}
    part = {"id": "a", "method": "POST", "url": url, "headers": headers, "body": NOTHING}
    (found,) = graph.post("/beta/$batch", json={"requests": [part]}).json()["responses"]
    assert (found["status"], CODE in found["headers"]) == (412, True)
