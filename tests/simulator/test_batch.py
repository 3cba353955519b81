"""`$batch`: what makes a batch malformed, what its parts do to one another."""

from __future__ import annotations

import pytest

CONFIGURATIONS = "/deviceManagement/deviceConfigurations"


def send(graph, *parts: dict, version: str = "beta"):
    return graph.post(f"/{version}/$batch", json={"requests": list(parts)})


def part(key: str, url: str = CONFIGURATIONS, **more) -> dict:
    return {"id": key, "method": "GET", "url": url, **more}


def by_id(answer) -> dict[str, dict]:
    assert answer.status_code == 200
    return {found["id"]: found for found in answer.json()["responses"]}


def test_parts_are_answered_like_single_calls_in_any_order(graph):
    parts = [part(str(i), f"{CONFIGURATIONS}?$top={i + 1}") for i in range(20)]
    answer = send(graph, *parts)
    found = by_id(answer)
    assert {key: len(found[key]["body"]["value"]) for key in found} == {
        str(i): min(i + 1, 14) for i in range(20)
    }
    assert list(found) != [str(i) for i in range(20)]
    single = graph.get(f"/beta{CONFIGURATIONS}?$top=1").json()
    assert found["0"]["body"]["value"] == single["value"]
    assert graph.get(found["0"]["body"]["@odata.nextLink"]).status_code == 200


def test_each_part_has_its_own_status(graph):
    found = by_id(
        send(
            graph,
            part("good"),
            part("bare", "deviceManagement/assignmentFilters"),
            part("gone", f"{CONFIGURATIONS}/x"),
            part("count", "/groups/$count", headers={"consistencylevel": "eventual"}),
            part("absolute", f"https://graph.microsoft.com/beta{CONFIGURATIONS}?$top=1"),
            part("other", f"https://graph.microsoft.com/v1.0{CONFIGURATIONS}"),
            part("nested", "/$batch"),
        )
    )
    assert {key: found[key]["status"] for key in found} == {
        "good": 200,
        "bare": 200,
        "gone": 404,
        "count": 200,
        "absolute": 200,
        "other": 400,
        "nested": 400,
    }
    assert (found["count"]["body"], found["count"]["headers"]["Content-Type"]) == ("16", "text/plain")


def test_a_write_in_a_batch_takes_effect(graph, sim):
    key = graph.get(f"/beta{CONFIGURATIONS}?$top=1").json()["value"][0]["id"]
    write = {
        "id": "w",
        "method": "POST",
        "url": f"{CONFIGURATIONS}/{key}/assign",
        "body": {"assignments": []},
    }
    assert by_id(send(graph, write))["w"]["status"] == 400, "a body needs a content type"
    write["headers"] = {"Content-Type": "application/json"}
    assert by_id(send(graph, write))["w"]["status"] == 200
    assert graph.get(f"/beta{CONFIGURATIONS}/{key}/assignments").json()["value"] == []
    entries = [entry for entry in sim.journal if entry["method"] == "POST"]
    assert [(e["path"], e["status"], e.get("body"), e.get("batch")) for e in entries[-2:]] == [
        ("/beta/$batch", 200, None, None),
        (f"/beta{CONFIGURATIONS}/{key}/assign", 200, {"assignments": []}, entries[-2]["n"]),
    ]


def test_what_depends_on_a_failed_part_fails(graph):
    found = by_id(
        send(
            graph,
            part("a", f"{CONFIGURATIONS}/x"),
            part("b", dependsOn=["A"]),
            part("c", dependsOn=["b"]),
            part("d", dependsOn=[]),
        )
    )
    assert [found[key]["status"] for key in "abcd"] == [404, 424, 424, 200]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"requests": [part(str(i)) for i in range(21)]}, id="21-parts"),
        pytest.param({"requests": [part("a"), part("A")]}, id="one-id-twice"),
        pytest.param({"requests": [part("a", dependsOn=["b"]), part("b")]}, id="depends-on-later"),
        pytest.param({"requests": [{"id": "a", "url": "/groups"}]}, id="no-method"),
        pytest.param({"requests": [{"method": "GET", "url": "/groups"}]}, id="no-id"),
        pytest.param({"requests": [part("a", headers=[])]}, id="headers"),
        pytest.param({"requests": [part("a", "http://[/groups")]}, id="url"),
        pytest.param({"requests": ["a"]}, id="no-object"),
        pytest.param({"requests": []}, id="empty"),
        pytest.param([], id="no-requests"),
    ],
)
def test_a_malformed_batch_is_refused_as_a_whole(graph, sim, body):
    answer = graph.post("/beta/$batch", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")
    assert len(sim.journal) == 1


def test_a_batch_is_posted(graph):
    assert graph.get("/v1.0/$batch").status_code == 405


def test_the_version_of_a_batch_is_that_of_its_parts(graph):
    found = by_id(send(graph, part("a", "/deviceManagement/configurationPolicies"), version="v1.0"))
    assert found["a"]["status"] == 404
