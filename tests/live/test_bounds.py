"""What a limited token may watch, and for how long."""

from __future__ import annotations

from typing import Any

import pytest

from atlas_gql.db.ids import new_id
from atlas_gql.testing.installation import Place
from support.watching import RUN_EVENTS, RUNS_CHANGED, by_socket, code, rest, run_id

CREATE = """
mutation Create($input: CreateTokenInput!) {
  createToken(input: $input) { ... on CreateTokenPayload { token apiToken { id } } }
}"""
REVOKE = "mutation Revoke($input: RevokeTokenInput!) { revokeToken(input: $input) { __typename } }"


def limited(place: Place, token: str | None = None, **bounds: Any) -> tuple[str, str]:
    """A token of the owner within these bounds, and its id."""
    given = {"workspaceId": place.workspace_id, "name": "limited", **bounds}
    made = place.ask(CREATE, token, input=given)["data"]["createToken"]
    return made["token"], made["apiToken"]["id"]


def test_it_tells_of_its_tenants_alone(runs, watch):
    """Though its user reaches all of them."""
    place = runs.place
    token, _ = limited(place, tenantIds=[place.tenant_id])
    other = place.add_tenant(str(new_id()), "other.example")
    with watch(place.atlas.url, token, RUNS_CHANGED, {"workspaceId": place.workspace_id}) as bodies:
        next(bodies)
        hidden = runs.add(other)
        mine = runs.add()
        assert [run["uuid"] for run in next(bodies)["data"]["runsChanged"]["runs"]] == [str(mine)]
    with watch(place.atlas.url, token, RUN_EVENTS, {"runId": run_id(hidden)}) as bodies:
        assert [code(body) for body in bodies] == ["NOT_FOUND"]


def test_it_takes_the_capability(runs, watch):
    place, run = runs.place, runs.add()
    token, _ = limited(place, capabilities=["backups.view"])
    for query, variables in (
        (RUN_EVENTS, {"runId": run_id(run)}),
        (RUNS_CHANGED, {"workspaceId": place.workspace_id}),
    ):
        with watch(place.atlas.url, token, query, variables) as bodies:
            assert [code(body) for body in bodies] == ["FORBIDDEN"]


@pytest.mark.parametrize("query", [RUN_EVENTS, RUNS_CHANGED], ids=["run", "workspace"])
def test_what_it_made_is_closed_with_it(runs, watch, query):
    """Nothing happens to any run meanwhile."""
    place, run = runs.place, runs.add()
    parent, parent_id = limited(place, capabilities=["runs.view"])
    child, _ = limited(place, parent)
    variables = {"runId": run_id(run)} if query is RUN_EVENTS else {"workspaceId": place.workspace_id}
    with watch(place.atlas.url, child, query, variables) as bodies:
        next(bodies)
        assert "errors" not in place.ask(REVOKE, input={"tokenId": parent_id})
        assert rest(bodies) == ["4401 UNAUTHENTICATED" if watch is by_socket else "UNAUTHENTICATED"]


def test_what_its_user_loses_it_loses(runs, watch):
    place, run = runs.place, runs.add()
    token, _ = limited(place, place.member("readonly"), tenantIds=[place.tenant_id])
    with watch(place.atlas.url, token, RUN_EVENTS, {"runId": run_id(run)}) as bodies:
        next(bodies)
        runs.execute("DELETE FROM tenant_grants WHERE tenant_id = %(tenant)s", tenant=place.tenant)
        runs.progress(run, 1)
        assert rest(bodies) == ["NOT_FOUND"]
