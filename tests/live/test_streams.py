"""A client sees what happens to runs, and after a cut it sees the rest: each state once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from atlas_gql.schema import ids
from support.watching import RUN_EVENTS, RUNS_CHANGED

CURSOR = "query Cursor($id: ID!) { node(id: $id) { ... on OperationRun { status eventCursor } } }"
LIST = """
query List($workspaceId: ID!) {
  workspace(id: $workspaceId) { runs { eventCursor nodes { uuid status counters { processed } } } }
}
"""


def run_id(run: object) -> str:
    return ids.encode("OperationRun", str(run))


def event(body: dict[str, Any]) -> dict[str, Any]:
    """The one field of an answer without errors."""
    assert "errors" not in body, body
    ((_, found),) = body["data"].items()
    return found


def state(found: dict[str, Any]) -> tuple[str, int]:
    return found["run"]["status"], found["run"]["counters"]["processed"]


def changes(bodies: Iterator[dict[str, Any]], count: int) -> tuple[str, list[tuple[str, str, int]]]:
    """The first so many changes of runs, and the cursor after them."""
    seen: list[tuple[str, str, int]] = []
    while True:
        found = event(next(bodies))
        seen += [(run["uuid"], run["status"], run["counters"]["processed"]) for run in found["runs"]]
        if len(seen) >= count:
            return found["eventCursor"], seen


def test_a_real_run_is_told_to_its_end(watch, place):
    started = place.start("fetchAssignments", {"tenantId": place.tenant_id})
    with watch(place.atlas.url, place.token, RUN_EVENTS, {"runId": started["run"]["id"]}) as bodies:
        seen = [event(body)["run"] for body in bodies]
    assert (seen[-1]["status"], seen[-1]["outcome"]) == ("COMPLETED", "SUCCEEDED")
    assert [run["status"] for run in seen].count("COMPLETED") == 1
    processed = [run["counters"]["processed"] for run in seen]
    assert processed == sorted(processed)


def test_a_run_that_has_ended_is_told_once_and_that_is_all(watch, runs):
    place, run = runs.place, runs.add()
    runs.end(run)
    with watch(place.atlas.url, place.token, RUN_EVENTS, {"runId": run_id(run)}) as bodies:
        (found,) = [event(body) for body in bodies]
    again = {"runId": run_id(run), "after": found["eventCursor"]}
    with watch(place.atlas.url, place.token, RUN_EVENTS, again) as bodies:
        assert list(bodies) == []


def test_a_run_is_followed_over_cuts_and_from_process_to_process(watch, runs, second):
    """Cut after each event; go on at the other process, with whatever happened in between."""
    place, run = runs.place, runs.add()
    seen, after, urls = [], None, [place.atlas.url, second.url]
    for processed in range(1, 5):
        variables = {"runId": run_id(run), "after": after}
        with watch(urls[processed % 2], place.token, RUN_EVENTS, variables) as bodies:
            found = event(next(bodies))
        seen.append(state(found))
        after = found["eventCursor"]
        runs.progress(run, processed)
    runs.end(run)
    with watch(urls[0], place.token, RUN_EVENTS, {"runId": run_id(run), "after": after}) as bodies:
        seen += [state(event(body)) for body in bodies]
    assert seen == [("RUNNING", 0), ("RUNNING", 1), ("RUNNING", 2), ("RUNNING", 3), ("COMPLETED", 4)]


def test_a_workspace_is_followed_over_cuts_and_from_process_to_process(watch, runs, second):
    place, made = runs.place, [runs.add() for _ in range(3)]
    listed = place.ask(LIST, workspaceId=place.workspace_id)["data"]["workspace"]["runs"]
    assert {run["uuid"] for run in listed["nodes"]} == {str(run) for run in made}
    after, seen, urls = listed["eventCursor"], [], [place.atlas.url, second.url]
    for processed in (1, 2):
        for run in made:
            runs.progress(run, processed)
        variables = {"workspaceId": place.workspace_id, "after": after}
        with watch(urls[processed % 2], place.token, RUNS_CHANGED, variables) as bodies:
            after, some = changes(bodies, len(made))
        seen += some
    runs.end(made[0])
    variables = {"workspaceId": place.workspace_id, "after": after}
    with watch(urls[0], place.token, RUNS_CHANGED, variables) as bodies:
        _, some = changes(bodies, 1)
        seen += some
    assert seen == [
        *((str(run), "RUNNING", processed) for processed in (1, 2) for run in made),
        (str(made[0]), "COMPLETED", 2),
    ]


def test_two_processes_tell_the_same(runs, second, watch):
    place, run = runs.place, runs.add()
    variables = {"workspaceId": place.workspace_id}
    with (
        watch(place.atlas.url, place.token, RUNS_CHANGED, variables) as here,
        watch(second.url, place.token, RUNS_CHANGED, variables) as there,
    ):
        for bodies in (here, there):
            assert event(next(bodies))["runs"] == []
        runs.progress(run, 1)
        assert changes(here, 1)[1] == changes(there, 1)[1] == [(str(run), "RUNNING", 1)]
        runs.end(run)
        assert changes(here, 1)[1] == changes(there, 1)[1] == [(str(run), "COMPLETED", 1)]


def test_a_query_says_where_the_events_go_on(watch, runs):
    place, run = runs.place, runs.add()
    queried = place.ask(CURSOR, id=run_id(run))["data"]["node"]
    assert queried["status"] == "RUNNING"
    runs.end(run)
    variables = {"runId": run_id(run), "after": queried["eventCursor"]}
    with watch(place.atlas.url, place.token, RUN_EVENTS, variables) as bodies:
        assert [state(event(body)) for body in bodies] == [("COMPLETED", 0)]


def test_many_changes_of_a_run_are_few_events_and_the_last_is_told(watch, runs):
    place, run = runs.place, runs.add()
    begun = time.monotonic()
    with watch(place.atlas.url, place.token, RUN_EVENTS, {"runId": run_id(run)}) as bodies:
        seen = [state(event(next(bodies)))]
        for processed in range(1, 61):
            runs.progress(run, processed)
            time.sleep(0.02)
        runs.end(run)
        seen += [state(event(body)) for body in bodies]
    assert seen[-1] == ("COMPLETED", 60)
    assert len(seen) <= 2 * (time.monotonic() - begun) + 2


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param({"status": ["COMPLETED"]}, ["COMPLETED"], id="status"),
        pytest.param({"type": ["assignments.fetch"], "outcome": ["SUCCEEDED"]}, ["COMPLETED"], id="outcome"),
        pytest.param({"type": ["assignments.plan"]}, [], id="type"),
        pytest.param({"createdAfter": "2100-01-01T00:00:00Z"}, [], id="after"),
        pytest.param({"createdBefore": "2100-01-01T00:00:00Z"}, ["RUNNING", "COMPLETED"], id="before"),
    ],
)
def test_a_filter_leaves_what_it_would_leave_of_a_list(runs, watch, given, told):
    place, run = runs.place, runs.add()
    variables = {"workspaceId": place.workspace_id, "filter": given}
    with (
        watch(place.atlas.url, place.token, RUNS_CHANGED, variables) as filtered,
        watch(place.atlas.url, place.token, RUNS_CHANGED, {"workspaceId": place.workspace_id}) as all_,
    ):
        for bodies in (filtered, all_):
            assert event(next(bodies))["runs"] == []
        runs.progress(run, 1)
        changes(all_, 1)
        seen = [status for _, status, _ in changes(filtered, 1)[1]] if told[:1] == ["RUNNING"] else []
        runs.end(run)
        changes(all_, 1)
        if "COMPLETED" in told:
            seen += [status for _, status, _ in changes(filtered, 1)[1]]
    assert seen == told
