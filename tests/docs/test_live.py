"""The subscriptions of the documentation, its client, and its request for `curl`, as they stand there."""

from __future__ import annotations

import json
import shlex
from itertools import pairwise
from typing import Any

import httpx
import pytest
from graphql import OperationDefinitionNode, OperationType, parse

from support.documents import CLIENTS, blocks
from support.loopback import loopback
from support.paths import ROOT
from support.steps import faults
from support.watching import by_sse, events
from support.world import World

PAGE = ROOT / "docs" / "api.md"
(CLIENT,) = blocks("python", PAGE)
(CURL,) = (block for block in blocks("sh", PAGE) if block.text.startswith("curl -N "))
SUBSCRIPTIONS = [
    pytest.param(block.text, operation, id=block.name)
    for block in blocks("graphql", *CLIENTS)
    for operation in parse(block.text).definitions
    if isinstance(operation, OperationDefinitionNode) and operation.operation is OperationType.SUBSCRIPTION
]


@pytest.mark.parametrize(("text", "operation"), SUBSCRIPTIONS)
def test_a_subscription_begins(text: str, operation: OperationDefinitionNode, world: World):
    names = [declared.variable.name.value for declared in operation.variable_definitions]
    variables = {name: world.values[name] for name in names}
    with by_sse(world.place.atlas.url, world.place.token, text, variables) as bodies:
        first = next(bodies)
    assert "errors" not in first
    ((_, event),) = first["data"].items()
    assert event["eventCursor"]


def test_the_client_follows_a_workspace(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    client: dict[str, Any] = {}
    exec(compile(CLIENT.text, CLIENT.name, "exec"), client)
    place = world.place
    board = place.ask(
        "query($id: ID!) { workspace(id: $id) { runs { eventCursor } } }", id=place.workspace_id
    )
    after = board["data"]["workspace"]["runs"]["eventCursor"]
    cut = iter([httpx.ReadError("cut")])
    answers = client["answers"]

    def cut_once(*asked: Any) -> Any:
        for answer in answers(*asked):
            yield answer
            for broken in cut:
                raise broken

    client["answers"] = cut_once
    # So slow that it is seen to run before it is seen to have ended.
    faults(place, {"method": "GET", "latencyMs": 500})
    given = {"tenantId": place.tenant_id, "policyTypes": ["mobileApps"]}
    started = place.start("fetchAssignments", given)["run"]["uuid"]
    seen = []
    for run in client["changed_runs"](place.atlas.url, place.token, place.workspace_id, after):
        seen += [run["status"]] if run["uuid"] == started else []
        if seen[-1:] == ["COMPLETED"]:
            break
    faults(place)
    assert next(cut, None) is None
    with pytest.raises(client["Refused"], match="UNAUTHENTICATED"):
        next(client["changed_runs"](place.atlas.url, "atlas_unknown", place.workspace_id))
    with pytest.raises(client["Refused"], match="must be an id of the type Workspace"):
        next(client["changed_runs"](place.atlas.url, place.token, place.tenant_id))


def test_the_request_for_curl_is_answered(world: World):
    words = shlex.split(CURL.text.replace("$TOKEN", world.place.token).replace("\\\n", " "))
    flags = list(pairwise(words))
    headers = dict(value.split(": ", 1) for flag, value in flags if flag == "-H")
    (body,) = (json.loads(value) for flag, value in flags if flag == "-d")
    body["variables"]["id"] = world.values["runId"]
    assert words[2].endswith("/graphql")
    with loopback.stream("POST", f"{world.place.atlas.url}/graphql", json=body, headers=headers) as response:
        assert [answer["data"]["runEvents"]["run"]["status"] for answer in events(response)] == ["COMPLETED"]
