"""Who may watch what: asked before the first event, and again before each."""

from __future__ import annotations

import pytest

from atlas_gql.db.ids import new_id
from atlas_gql.schema import ids
from atlas_gql.schema.live.moments import Moment, cursor_of, moment_of
from support.members import altered, who
from support.watching import RUN_EVENTS, RUNS_CHANGED, by_socket, code, rest, run_id

ANY_EVENT = """
subscription($id: ID!, $after: String) { runsChanged(workspaceId: $id, after: $after) { eventCursor } }
"""
REVOKED = "UPDATE api_tokens SET revoked_at = now() WHERE user_id = %(user)s"
EXPIRED = "UPDATE api_tokens SET expires_at = now() WHERE user_id = %(user)s"
DISABLED = "UPDATE users SET disabled_at = now() WHERE id = %(user)s"


@pytest.mark.parametrize("end", [REVOKED, EXPIRED, DISABLED], ids=["revoked", "expired", "disabled"])
def test_a_token_that_ends_closes_what_it_opened(runs, watch, end):
    """Nothing happens to any run meanwhile: nobody would have been told anything."""
    place, run = runs.place, runs.add()
    with watch(place.atlas.url, place.token, RUN_EVENTS, {"runId": run_id(run)}) as bodies:
        next(bodies)
        runs.execute(end, user=place.user)
        assert rest(bodies) == ["4401 UNAUTHENTICATED" if watch is by_socket else "UNAUTHENTICATED"]


def test_who_leaves_the_workspace_is_told_nothing_more(runs, watch):
    place, run = runs.place, runs.add()
    with watch(place.atlas.url, place.token, RUNS_CHANGED, {"workspaceId": place.workspace_id}) as bodies:
        next(bodies)
        runs.execute("DELETE FROM memberships WHERE user_id = %(user)s", user=place.user)
        runs.progress(run, 1)
        assert rest(bodies) == ["NOT_FOUND"]


def test_who_is_removed_is_told_nothing_more(runs, watch):
    """Nothing happens to any run meanwhile."""
    place, run = runs.place, runs.add()
    token = place.member("manager")
    with (
        watch(place.atlas.url, token, RUN_EVENTS, {"runId": run_id(run)}) as one,
        watch(place.atlas.url, token, RUNS_CHANGED, {"workspaceId": place.workspace_id}) as all_,
    ):
        next(one), next(all_)
        altered(place, "removeMember", memberId=who(place, token)["id"])
        assert [rest(one), rest(all_)] == [["NOT_FOUND"], ["NOT_FOUND"]]


def test_a_grant_that_ends_ends_what_it_showed(runs, watch):
    place, run = runs.place, runs.add()
    token = place.member("readonly")
    with (
        watch(place.atlas.url, token, RUN_EVENTS, {"runId": run_id(run)}) as one,
        watch(place.atlas.url, token, RUNS_CHANGED, {"workspaceId": place.workspace_id}) as all_,
    ):
        next(one), next(all_)
        runs.execute("DELETE FROM tenant_grants WHERE tenant_id = %(tenant)s", tenant=place.tenant)
        runs.progress(run, 1)
        assert rest(one) == ["NOT_FOUND"]
        # Still a member of the workspace, with no runs to see.
        assert rest(all_) == ["FORBIDDEN"]


def test_a_member_is_told_of_the_granted_tenants_alone(runs, watch):
    place = runs.place
    token, other = place.member("readonly"), place.add_tenant(str(new_id()), "other.example")
    with watch(place.atlas.url, token, RUNS_CHANGED, {"workspaceId": place.workspace_id}) as bodies:
        next(bodies)
        runs.add(other)
        mine = runs.add()
        assert [run["uuid"] for run in next(bodies)["data"]["runsChanged"]["runs"]] == [str(mine)]


def test_what_is_foreign_is_as_what_is_not_there(runs, watch):
    place, run = runs.place, runs.add()
    stranger = place.atlas.new_place()
    answers = []
    for id_ in (run_id(run), run_id(new_id())):
        with watch(place.atlas.url, stranger.token, RUN_EVENTS, {"runId": id_}) as bodies:
            (body,) = bodies
            answers.append([{**error, "extensions": error["extensions"]["code"]} for error in body["errors"]])
    assert answers[0] == answers[1]
    assert answers[0][0]["extensions"] == "NOT_FOUND"
    for workspace in (place.workspace_id, ids.encode("Workspace", new_id())):
        with watch(place.atlas.url, stranger.token, RUNS_CHANGED, {"workspaceId": workspace}) as bodies:
            assert [code(body) for body in bodies] == ["NOT_FOUND"]


def test_a_member_without_grants_is_forbidden(runs, watch):
    place, token = runs.place, runs.place.member(None)
    with watch(place.atlas.url, token, RUNS_CHANGED, {"workspaceId": place.workspace_id}) as bodies:
        assert [code(body) for body in bodies] == ["FORBIDDEN"]


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        pytest.param(RUN_EVENTS, {"runId": "nonsense"}, id="an id of nothing"),
        pytest.param(RUN_EVENTS, {"runId": "$workspace"}, id="an id of another kind"),
        pytest.param(RUNS_CHANGED, {"workspaceId": "$workspace", "after": "nonsense"}, id="no cursor"),
        pytest.param(RUNS_CHANGED, {"workspaceId": "$workspace", "after": ""}, id="an empty cursor"),
        pytest.param(
            RUNS_CHANGED, {"workspaceId": "$workspace", "filter": {"type": ["a\0b"]}}, id="NUL in a filter"
        ),
        pytest.param(RUNS_CHANGED, {}, id="a variable is missing"),
    ],
)
def test_malformed_input_is_refused(runs, watch, query, variables):
    place = runs.place
    given = {
        name: place.workspace_id if value == "$workspace" else value for name, value in variables.items()
    }
    with watch(place.atlas.url, place.token, query, given) as bodies:
        assert [code(body) for body in bodies] == ["BAD_USER_INPUT"]


def lost(moment: Moment) -> dict[str, str]:
    snapshot = moment.snapshot
    later = f"{snapshot.xmin + 10**6}:{snapshot.xmax + 10**6}:"
    return {
        "old": f"{moment.lineage}/{moment.at - 13 * 3600}/{snapshot}",
        "of another server": f"1.00000001/{moment.at}/{snapshot}",
        "of a timeline that was left": f"{moment.lineage[:-1]}9/{moment.at}/{snapshot}",
        "ahead of the database": f"{moment.lineage}/{moment.at}/{later}",
        "ahead of time": f"{moment.lineage}/{moment.at + 3600}/{snapshot}",
    }


@pytest.mark.parametrize("how", list(lost(Moment.parse("1.00000001/1/1:1:"))))
def test_a_cursor_from_which_nothing_can_be_told_is_expired(runs, watch, how):
    place, run = runs.place, runs.add()
    with watch(place.atlas.url, place.token, ANY_EVENT, {"id": place.workspace_id}) as bodies:
        now = moment_of(next(bodies)["data"]["runsChanged"]["eventCursor"])
    after = cursor_of(lost(now)[how])
    with watch(place.atlas.url, place.token, ANY_EVENT, {"id": place.workspace_id, "after": after}) as bodies:
        assert [code(body) for body in bodies] == ["CURSOR_EXPIRED"]
    with watch(place.atlas.url, place.token, RUN_EVENTS, {"runId": run_id(run), "after": after}) as bodies:
        assert [code(body) for body in bodies] == ["CURSOR_EXPIRED"]


def test_what_an_event_shows_asks_for_its_own_rights(runs, watch):
    """Nested things are guarded as they are in queries."""
    query = """
    subscription($runId: ID!) {
      runEvents(runId: $runId) { run { items { nodes { key } } tenant { name } } }
    }
    """
    place, run = runs.place, runs.add()
    with watch(place.atlas.url, place.token, query, {"runId": run_id(run)}) as bodies:
        (shown,) = next(bodies)["data"].values()
        assert shown["run"]["items"] == {"nodes": []}
        assert shown["run"]["tenant"]["name"]
