"""Whatever Microsoft answers: a coded failure of the list or the policy, never an empty set or a crash."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import httpx
import pytest

from atlas_gql.errors import GraphError
from atlas_gql.graph import CONTRACTS, ReadStrategy, TargetKind, parse_assignment
from atlas_gql.graph.answers import parse
from atlas_gql.graph.transport import MAX_ANSWER_BYTES
from atlas_gql.reasons import ReasonCode as R

CONTRACT = CONTRACTS["deviceConfigurations"]
EVERY_WAY = pytest.mark.parametrize(
    "contract", [replace(CONTRACT, read=way) for way in ReadStrategy], ids=list(ReadStrategy)
)
ALL_DEVICES = {"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}
LINK = "https://graph.example/beta/deviceManagement/deviceConfigurations?$skiptoken=x"

NO_JSON_OBJECT = {
    "empty": b"",
    "html": b"<html><body>Sign in to your proxy</body></html>",
    "cut-off": b'{"value": [{"id": "p',
    "not-text": b"\xff\xfe\x00",
    "list": b"[]",
    "null": b"null",
    "number": b"5",
    "deep": b"[" * 100_000,
    "10-MB": b" " * (10 * 1024 * 1024),
}
CONTENT_TYPES = ("application/json", "text/html", "application/xml; charset=utf-16", "")
NO_LIST = {
    "no-value": {},
    "null-value": {"value": None},
    "text-value": {"value": "none"},
    "no-objects": {"value": [None]},
    "other-host": {"value": [], "@odata.nextLink": "https://evil.example/beta/x"},
    "other-scheme": {"value": [], "@odata.nextLink": LINK.replace("https", "http")},
    "link-is-no-text": {"value": [], "@odata.nextLink": 5},
    "link-leads-back": {"value": [], "@odata.nextLink": LINK},
}
NO_ASSIGNMENTS = {
    **NO_LIST,
    "null-assignments": {"id": "p1", "assignments": None},
    "cut-off": {"id": "p1", "assignments": [], "assignments@odata.nextLink": LINK},
    "no-target": {"id": "p1", "assignments": [{"id": "a1"}]},
    "null-target": {"value": [{"target": None}]},
}


class Tenant:
    """One policy without its assignments in the list; each answer can be put in the place of a right one."""

    def __init__(self, *, listed=None, batch=None, part=None):
        self.listed, self.batch, self.part = listed, batch, part

    def __call__(self, request):
        if "skiptoken" in str(request.url):
            return httpx.Response(200, json={"value": [], "@odata.nextLink": LINK})
        if not request.url.path.endswith("$batch"):
            right = httpx.Response(200, json={"value": [{"id": "p1", "displayName": "P"}]})
            return self.listed or right
        (asked,) = json.loads(request.content)["requests"]
        part = {"id": asked["id"], "status": 200, "body": self.part}
        return self.batch or httpx.Response(200, json={"responses": [part]})


def read(graph, tenant, contract):
    """The policies; or the error of their list."""

    async def every():
        return [policy async for policy in graph(tenant).client.policies(contract)]

    try:
        return asyncio.run(every())
    except GraphError as error:
        return error


def the_error(found):
    """The one error there is, of the list or of the one policy, which then has no assignments."""
    if isinstance(found, GraphError):
        return found
    (policy,) = found
    assert policy.assignments == ()
    return policy.error


@EVERY_WAY
@pytest.mark.parametrize("content_type", CONTENT_TYPES)
@pytest.mark.parametrize("place", ["listed", "batch"])
@pytest.mark.parametrize("content", NO_JSON_OBJECT.values(), ids=list(NO_JSON_OBJECT))
def test_a_body_that_is_no_json_object(graph, contract, place, content, content_type):
    answer = httpx.Response(200, content=content, headers={"Content-Type": content_type})
    assert the_error(read(graph, Tenant(**{place: answer}), contract)).reason_code is R.INVALID_RESPONSE


@EVERY_WAY
@pytest.mark.parametrize("body", NO_LIST.values(), ids=list(NO_LIST))
def test_a_list_that_is_none_or_leads_astray(graph, contract, body):
    found = read(graph, Tenant(listed=httpx.Response(200, json=body)), contract)
    assert the_error(found).reason_code is R.INVALID_RESPONSE


@EVERY_WAY
@pytest.mark.parametrize("body", NO_ASSIGNMENTS.values(), ids=list(NO_ASSIGNMENTS))
def test_assignments_that_are_none_or_not_whole(graph, contract, body):
    assert the_error(read(graph, Tenant(part=body), contract)).reason_code is R.INVALID_RESPONSE


@EVERY_WAY
@pytest.mark.parametrize(
    "responses",
    [
        None,
        [],
        [None],
        [{"id": "0"}],
        [{"id": "0", "status": "200"}],
        [{"id": "1", "status": 200, "body": {}}],
    ],
)
def test_a_batch_that_lacks_a_part(graph, contract, responses):
    answer = httpx.Response(200, json={"responses": responses})
    assert the_error(read(graph, Tenant(batch=answer), contract)).reason_code is R.INVALID_RESPONSE


@EVERY_WAY
def test_the_right_answers_are_read(graph, contract):
    """So that the tests above fail for what they are about."""
    part = {"id": "p1", "assignments": [ALL_DEVICES]}
    if contract.read is not ReadStrategy.EXPAND_ITEM:
        part = {"value": [ALL_DEVICES]}
    (policy,) = read(graph, Tenant(part=part), contract)
    assert (policy.error, len(policy.assignments)) == (None, 1)


GROUP = {"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "g"}
FILTER_ID, FILTER_TYPE = (f"deviceAndAppManagementAssignmentFilter{name}" for name in ("Id", "Type"))


@pytest.mark.parametrize(
    "target",
    [
        pytest.param({"@odata.type": "#microsoft.graph.newTarget", "things": [1]}, id="new-type"),
        pytest.param({"@odata.type": "#microsoft.graph.scopeTagGroupAssignmentTarget"}, id="scope-tag"),
        pytest.param(
            {"@odata.type": "#microsoft.graph.configurationManagerCollectionAssignmentTarget"},
            id="collection",
        ),
        pytest.param({}, id="no-type"),
        pytest.param({"@odata.type": 5}, id="type-is-no-text"),
        pytest.param({**GROUP, "groupId": None}, id="no-group"),
        pytest.param({**GROUP, "groupId": 5}, id="group-is-no-text"),
        pytest.param({**GROUP, FILTER_ID: "f", FILTER_TYPE: "unknownFutureValue"}, id="new-filter-mode"),
        pytest.param({**GROUP, FILTER_ID: 5, FILTER_TYPE: "include"}, id="filter-is-no-text"),
    ],
)
def test_what_nobody_knows_is_kept_verbatim_and_never_taken_for_something_else(target):
    raw = {"id": "a", "target": target}
    assignment = parse_assignment(CONTRACT, raw)
    assert (assignment.target, assignment.raw) == (TargetKind.UNKNOWN, raw)


def test_an_unknown_intent_is_kept():
    raw = {"intent": "unknownFutureValue", "target": GROUP}
    assignment = parse_assignment(CONTRACTS["mobileApps"], raw)
    assert (assignment.intent, assignment.extra["intent"]) == ("unknownFutureValue",) * 2


def test_an_answer_of_ten_megabytes_is_more_than_is_read():
    assert len(NO_JSON_OBJECT["10-MB"]) > MAX_ANSWER_BYTES
    assert parse(NO_JSON_OBJECT["deep"]) is None
