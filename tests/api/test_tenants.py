"""Tenants through the API: added, renamed, archived, and taken out of the archive."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from atlas_gql.schema import ids
from atlas_gql.testing.installation import Installation, Place
from support.archives import facts, imported, record, written
from support.connecting import change, trail
from support.members import alter, altered, refusal
from support.runs import add_run, add_runs, end

NOWHERE = ids.encode("Tenant", uuid4())
NAMES = "query N($id: ID!, $archived: Boolean) { workspace(id: $id) {"
NAMES += " tenants(filter: {archived: $archived}) { totalCount nodes { name } } } }"
STATUS = "query S($id: ID!) { node(id: $id) { ... on OperationRun { status outcome } } }"


@pytest.fixture
def place(atlas: Installation) -> Place:
    return atlas.new_place()


def added(place: Place, **changes: Any) -> dict[str, Any]:
    given = {
        "workspaceId": place.workspace_id,
        "name": "Contoso of the API",
        "entraTenantId": str(uuid4()),
        "primaryDomain": "Contoso.OnMicrosoft.com",
        **changes,
    }
    return alter(place, "createTenant", **given)


def names(place: Place, archived: bool | None = None) -> list[str]:
    page = place.ask(NAMES, id=place.workspace_id, archived=archived)["data"]["workspace"]["tenants"]
    assert page["totalCount"] == len(page["nodes"])
    return [node["name"] for node in page["nodes"]]


def test_a_tenant_is_added_once(place: Place) -> None:
    entra = str(uuid4())
    made = added(place, entraTenantId=entra.upper())["data"]["createTenant"]["tenant"]
    assert (made["name"], made["primaryDomain"]) == ("Contoso of the API", "contoso.onmicrosoft.com")
    again = added(place, entraTenantId=entra)["data"]["createTenant"]
    assert (again["__typename"], again["field"]) == ("ValidationError", "entraTenantId")
    assert trail(place, made["uuid"]) == [
        (
            "tenant.created",
            {
                "name": "Contoso of the API",
                "entraTenantId": entra,
                "primaryDomain": "contoso.onmicrosoft.com",
            },
        )
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"name": " "}, "name", id="no-name"),
        pytest.param({"name": "a\0b"}, "name", id="nul"),
        pytest.param({"entraTenantId": "contoso"}, "entraTenantId", id="no-guid"),
        pytest.param({"primaryDomain": "contoso"}, "primaryDomain", id="no-domain"),
    ],
)
def test_a_malformed_tenant_is_not_added(place: Place, changes: dict[str, str], field: str) -> None:
    assert added(place, **changes)["data"]["createTenant"]["field"] == field
    assert names(place) == ["Larkspur Logistics"]


def test_a_tenant_is_renamed(place: Place) -> None:
    def rename(**given: Any) -> Any:
        return altered(place, "renameTenant", tenantId=place.tenant_id, **given)

    assert rename(name="Larkspur BV")["name"] == "Larkspur BV"
    rename(name="Larkspur BV")
    assert rename(primaryDomain="bv.example")["primaryDomain"] == "bv.example"
    assert trail(place, str(place.tenant)) == [
        ("tenant.renamed", {"changes": {"name": {"old": "Larkspur Logistics", "new": "Larkspur BV"}}}),
        ("tenant.renamed", {"changes": {"primaryDomain": {"old": "larkspur.example", "new": "bv.example"}}}),
    ]
    for given in ({"name": None}, {"primaryDomain": None}, {"name": ""}, {"primaryDomain": "x"}):
        answer = alter(place, "renameTenant", tenantId=place.tenant_id, **given)
        assert answer["data"]["renameTenant"]["field"] in given


def test_an_archived_tenant_is_read_and_nothing_is_done_there(place: Place) -> None:
    run = place.run("fetchAssignments", {"tenantId": place.tenant_id, "policyTypes": ["mobileApps"]})
    provider = "query P($id: ID!) { tenant(id: $id) { provider { id } } }"
    provider_id = place.ask(provider, id=place.tenant_id)["data"]["tenant"]["provider"]["id"]
    archived = altered(place, "archiveTenant", tenantId=place.tenant_id)
    assert archived["archivedAt"]
    assert altered(place, "archiveTenant", tenantId=place.tenant_id) == archived

    everything = """
    query E($id: ID!, $set: ID!) {
      tenant(id: $id) {
        runs { nodes { id } } auditEntries { nodes { action } } provider { id } policies { nodes { id } }
        backupSets { nodes { items(first: 1) { nodes { assignments } } } }
      }
      node(id: $set) { __typename }
    }"""
    seen = place.ask(everything, place.member("readonly"), id=place.tenant_id, set=run["subject"]["id"])
    assert "errors" not in seen
    assert [node["id"] for node in seen["data"]["tenant"]["runs"]["nodes"]] == [run["id"]]

    def archived_says(answer: dict[str, Any]) -> bool:
        ((_, result),) = answer["data"].items()
        return (result["__typename"], result["code"]) == ("TenantArchived", "TENANT_ARCHIVED")

    for mutation in ("fetchAssignments", "verifyProvider"):
        started = place.start(mutation, {"tenantId": place.tenant_id})
        assert (started["__typename"], started["code"]) == ("TenantArchived", "TENANT_ARCHIVED")
    assert archived_says(change(place, "updateProvider", providerId=provider_id, writesEnabled=False))
    assert archived_says(change(place, "deleteProvider", providerId=provider_id))
    assert archived_says(alter(place, "renameTenant", tenantId=place.tenant_id, name="Other"))
    assert imported(place, written(facts(), [], [record()])).status_code == 409
    assert [names(place, archived) for archived in (True, False, None)] == [
        ["Larkspur Logistics"], [], ["Larkspur Logistics"]
    ]  # fmt: skip

    assert altered(place, "unarchiveTenant", tenantId=place.tenant_id)["archivedAt"] is None
    altered(place, "unarchiveTenant", tenantId=place.tenant_id)
    assert place.start("verifyProvider", {"tenantId": place.tenant_id})["__typename"] == "StartRunPayload"
    actions = [action for action, _ in trail(place, str(place.tenant))]
    assert actions == ["tenant.archived", "tenant.unarchived"]


def test_runs_that_wait_are_cancelled_and_one_that_runs_is_in_the_way(place: Place, admin_url: str) -> None:
    (waiting,) = add_runs(admin_url, place, 1, status="queued")

    def status(run: Any) -> tuple[str, str]:
        node = place.ask(STATUS, id=ids.encode("OperationRun", run))["data"]["node"]
        return node["status"], node["outcome"]

    with psycopg.connect(admin_url, autocommit=True) as connection:
        running = add_run(connection, place, status="running")
        assert refusal(alter(place, "archiveTenant", tenantId=place.tenant_id)) == "TENANT_IN_USE"
        assert status(waiting) == ("QUEUED", "PENDING")
        end(connection, running)
    altered(place, "archiveTenant", tenantId=place.tenant_id)
    assert status(waiting) == ("COMPLETED", "CANCELLED")
    assert trail(place, str(place.tenant)) == [
        ("tenant.archived", {"name": "Larkspur Logistics", "cancelledRuns": [str(waiting)]})
    ]


def test_a_start_that_comes_while_a_tenant_is_archived_finds_it_archived(
    place: Place, admin_url: str
) -> None:
    both = "mutation B($input: StartOnTenantsInput!) { startOnTenants(input: $input) {"
    both += " ... on StartOnTenantsPayload { results { error { code } } } } }"
    many = {
        "workspaceId": place.workspace_id, "operationType": "providers.verify", "tenantIds": [place.tenant_id]
    }  # fmt: skip
    with ThreadPoolExecutor(2) as pool, psycopg.connect(admin_url) as connection:
        connection.execute("SELECT FROM tenants WHERE id = %s FOR UPDATE", (place.tenant,))
        connection.execute("UPDATE tenants SET archived_at = now() WHERE id = %s", (place.tenant,))
        alone = pool.submit(place.start, "fetchAssignments", {"tenantId": place.tenant_id})
        among = pool.submit(place.ask, both, input=many)
        time.sleep(0.3)
        assert [alone.done(), among.done()] == [False, False]
        connection.commit()
        assert alone.result()["code"] == "TENANT_ARCHIVED"
        (result,) = among.result()["data"]["startOnTenants"]["results"]
        assert result == {"error": {"code": "TENANT_ARCHIVED"}}


def test_a_run_that_is_being_started_is_cancelled_with_the_others(place: Place, admin_url: str) -> None:
    with ThreadPoolExecutor(1) as pool, psycopg.connect(admin_url) as connection:
        connection.execute("SELECT FROM tenants WHERE id = %s FOR KEY SHARE", (place.tenant,))
        run = ids.encode("OperationRun", add_run(connection, place))
        archived = pool.submit(altered, place, "archiveTenant", tenantId=place.tenant_id)
        time.sleep(0.3)
        assert not archived.done()
        connection.commit()
        assert archived.result()["archivedAt"]
    node = place.ask(STATUS, id=run)["data"]["node"]
    assert node == {"status": "COMPLETED", "outcome": "CANCELLED"}


MUTATIONS: dict[str, dict[str, Any]] = {
    "renameTenant": {"name": "X"}, "archiveTenant": {}, "unarchiveTenant": {}
}  # fmt: skip


@pytest.mark.parametrize(("mutation", "given"), MUTATIONS.items())
def test_only_who_manages_tenants_changes_them(place: Place, mutation: str, given: dict[str, Any]) -> None:
    stranger = place.atlas.new_place(provider=False).token
    for tenant, token, code in (
        (place.tenant_id, place.member("operator"), "FORBIDDEN"),
        (place.tenant_id, place.member(None), "NOT_FOUND"),
        (place.tenant_id, stranger, "NOT_FOUND"),
        (NOWHERE, None, "NOT_FOUND"),
        ("nonsense", None, "BAD_USER_INPUT"),
    ):
        assert refusal(alter(place, mutation, token, tenantId=tenant, **given)) == code
    altered(place, mutation, place.member("manager"), tenantId=place.tenant_id, **given)


def test_tenants_are_added_by_who_manages_the_workspace(place: Place) -> None:
    given = {"name": "T", "entraTenantId": str(uuid4()), "primaryDomain": "t.example"}
    stranger = place.atlas.new_place(provider=False).token
    for token, code in ((place.member("operator"), "FORBIDDEN"), (stranger, "NOT_FOUND")):
        answer = alter(place, "createTenant", token, workspaceId=place.workspace_id, **given)
        assert refusal(answer) == code
    altered(place, "createTenant", place.member("manager"), workspaceId=place.workspace_id, **given)
    assert "T" in names(place)
