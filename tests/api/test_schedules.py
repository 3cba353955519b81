"""Schedules through the API: made, read, changed, enabled, disabled, deleted, and who may do so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from atlas_gql.ops import schedules as service
from atlas_gql.schema import ids
from atlas_gql.simulator import DEMO_SECOND_TENANT, Running
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase
from support.members import altered, refusal
from support.runs import add_run, belongs_to
from support.schedules import FETCH, change, changed, made, shown, trail

LIST = """
query List($id: ID!, $filter: ScheduleFilter) {
  workspace(id: $id) { schedules(filter: $filter) { totalCount nodes { name } } }
}
"""
RUNS = """
query Runs($id: ID!, $schedule: [ID!]) {
  workspace(id: $id) {
    runs(filter: {scheduleId: $schedule}) { nodes { uuid schedule { name deletedAt } } }
  }
}
"""


@pytest.fixture(scope="module")
def quiet(test_database: TestDatabase, simulator: Running) -> Iterator[Installation]:
    """An API without a worker."""
    with installation(test_database, simulator=simulator, worker=False) as running:
        yield running


@pytest.fixture
def place(quiet: Installation) -> Place:
    return quiet.new_place(provider=False)


def names(place: Place, token: str | None = None, **filter: Any) -> list[str]:
    answer = place.ask(LIST, token, id=place.workspace_id, filter=filter)
    found = answer["data"]["workspace"]["schedules"]
    assert found["totalCount"] == len(found["nodes"])
    return [node["name"] for node in found["nodes"]]


def limited(place: Place, *capabilities: str) -> dict[str, Any]:
    """A token of the owner that leaves these capabilities."""
    answer = place.ask(
        "mutation T($input: CreateTokenInput!) { createToken(input: $input) {"
        " ... on CreateTokenPayload { token apiToken { id } } } }",
        input={"workspaceId": place.workspace_id, "name": "limited", "capabilities": list(capabilities)},
    )
    found: dict[str, Any] = answer["data"]["createToken"]
    return found


def test_a_schedule_is_made_and_read(place: Place) -> None:
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    schedule = made(
        place,
        name=" Nightly ",
        input={"policyTypes": ["mobileApps"]},
        cron=" 30  2 * * * ",
        timeZone="Asia/Tokyo",
        jitterSeconds=600,
        tenantIds=[other.tenant_id, other.tenant_id],
    )
    due = datetime.now(UTC).replace(hour=17, minute=30, second=0, microsecond=0)
    due += timedelta(days=due <= datetime.now(UTC))
    assert schedule == {
        "id": schedule["id"],
        "uuid": schedule["uuid"],
        "name": "Nightly",
        "operationType": FETCH,
        "input": {"policyTypes": ["mobileApps"]},
        "cron": "30 2 * * *",
        "timeZone": "Asia/Tokyo",
        "jitterSeconds": 600,
        "allTenants": False,
        "enabled": True,
        "disabledReason": None,
        "nextAt": due.isoformat(),
        "changedAt": None,
        "deletedAt": None,
        "owner": {"uuid": str(place.user), "name": f"owner {place.user}"},
        "nextTicks": [(due + timedelta(days=n)).isoformat() for n in range(3)],
        "tenants": {"nodes": [{"id": other.tenant_id}]},
        "lastTick": None,
    }
    assert shown(place, schedule) == schedule
    assert trail(place) == [
        {
            "action": "schedule.created",
            "actor": {"kind": "user", "name": f"owner {place.user}"},
            "resource": {"kind": "Schedule", "id": schedule["uuid"]},
            "details": {
                "operation": FETCH,
                "name": "Nightly",
                "cron": "30 2 * * *",
                "timeZone": "Asia/Tokyo",
                "jitterSeconds": 600,
                "tenants": [str(other.tenant)],
                "input": {"policyTypes": ["mobileApps"]},
                "owner": str(place.user),
            },
        }
    ]


def test_a_schedule_of_all_tenants_shows_those_that_come_later(place: Place) -> None:
    schedule = made(place)
    assert (schedule["allTenants"], schedule["input"]) == (True, {})
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    tenants = {node["id"] for node in shown(place, schedule)["tenants"]["nodes"]}
    assert tenants == {place.tenant_id, other.tenant_id}


def test_schedules_are_listed_by_name_and_filtered(place: Place) -> None:
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    one = made(place, name="One", tenantIds=[place.tenant_id])
    made(place, name="All", operationType="providers.verify")
    changed(place, "disableSchedule", scheduleId=one["id"])
    change(place, "deleteSchedule", scheduleId=made(place, name="Gone")["id"])
    assert names(place) == ["All", "One"]
    assert names(place, enabled=True) == ["All"]
    assert names(place, operationType=[FETCH]) == ["One"]
    assert names(place, tenantId=[other.tenant_id]) == ["All"]
    assert names(place, tenantId=[place.tenant_id]) == ["All", "One"]
    assert names(place, nameContains="ON") == ["One"]
    assert names(place, ownerUuid=[str(uuid4())]) == []
    assert names(place, ownerUuid=[str(place.user)]) == ["All", "One"]


def test_what_is_changed_is_kept_and_the_rest_stays(place: Place) -> None:
    schedule = made(place)
    new = {
        "name": "Weekly",
        "input": {"policyTypes": ["intents"]},
        "cron": "0 3 * * SUN",
        "timeZone": "Europe/Berlin",
        "jitterSeconds": 60,
    }
    after = changed(place, "updateSchedule", scheduleId=schedule["id"], tenantIds=[place.tenant_id], **new)
    assert after == {
        **schedule,
        **new,
        **{name: after[name] for name in ("nextAt", "nextTicks", "changedAt")},
        "allTenants": False,
    }
    assert datetime.fromisoformat(after["nextAt"]).hour in (1, 2)
    assert trail(place)[1]["details"]["changes"] == {
        **{name: {"old": schedule[name], "new": value} for name, value in new.items()},
        "tenants": {"old": "all", "new": [str(place.tenant)]},
    }
    # A change that changes nothing is none, and does not move it to another time.
    assert changed(place, "updateSchedule", scheduleId=schedule["id"], **new) == after
    back = changed(place, "updateSchedule", scheduleId=schedule["id"], allTenants=True)
    assert (back["allTenants"], back["nextAt"], len(trail(place))) == (True, after["nextAt"], 3)


def test_disabled_and_enabled_again(place: Place) -> None:
    schedule = made(place)
    disabled = changed(place, "disableSchedule", scheduleId=schedule["id"])
    assert (disabled["enabled"], disabled["nextAt"], disabled["nextTicks"]) == (False, None, [])
    assert changed(place, "disableSchedule", scheduleId=schedule["id"]) == disabled
    assert changed(place, "updateSchedule", scheduleId=schedule["id"], cron="0 4 * * *")["nextAt"] is None
    enabled = changed(place, "enableSchedule", scheduleId=schedule["id"])
    assert (enabled["enabled"], enabled["nextAt"][11:16]) == (True, "04:00")
    assert changed(place, "enableSchedule", scheduleId=schedule["id"]) == enabled
    actions = [entry["action"].partition(".")[2] for entry in trail(place)]
    assert actions == ["created", "disabled", "changed", "enabled"]


def test_a_deleted_schedule_is_gone_but_for_its_runs(place: Place, admin_url: str) -> None:
    schedule = made(place)
    with psycopg.connect(admin_url) as connection:
        run_id = add_run(connection, place, status="completed")
    belongs_to(admin_url, run_id, schedule["uuid"])
    answer = change(place, "deleteSchedule", scheduleId=schedule["id"])
    assert answer["data"]["deleteSchedule"]["deletedId"] == schedule["id"]
    assert names(place) == []
    (run,) = place.ask(RUNS, id=place.workspace_id, schedule=[schedule["id"]])["data"]["workspace"]["runs"][
        "nodes"
    ]
    gone = shown(place, schedule)
    assert run == {"uuid": str(run_id), "schedule": {"name": "Nightly", "deletedAt": gone["deletedAt"]}}
    assert (gone["enabled"], gone["deletedAt"] is None) == (False, False)
    for mutation in ("updateSchedule", "enableSchedule", "disableSchedule", "deleteSchedule"):
        assert refusal(change(place, mutation, scheduleId=schedule["id"])) == "NOT_FOUND"
    assert made(place)["id"] != schedule["id"]  # its name is free again
    assert [entry["action"] for entry in trail(place)][1] == "schedule.deleted"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        pytest.param({"name": " "}, "name", id="no-name"),
        pytest.param({"name": "Taken"}, "name", id="name-taken"),
        pytest.param({"cron": "every night"}, "cron", id="no-cron"),
        pytest.param({"cron": "0 0 30 2 *"}, "cron", id="never"),
        pytest.param({"timeZone": "Europe/Utopia"}, "timeZone", id="zone"),
        pytest.param({"jitterSeconds": -1}, "jitterSeconds", id="jitter-negative"),
        pytest.param({"jitterSeconds": 86_401}, "jitterSeconds", id="jitter-long"),
        pytest.param({"tenantIds": []}, "tenantIds", id="no-tenants"),
        pytest.param({"tenantIds": ["unknown"]}, "tenantIds", id="unknown-tenant"),
        pytest.param({"tenantIds": ["ours", "foreign"]}, "tenantIds", id="foreign-tenant"),
        pytest.param({"tenantIds": ["ours"] * 2 + ["unknown"] * 1000}, "tenantIds", id="too-many-tenants"),
        pytest.param({"tenantIds": ["ours"], "allTenants": True}, "tenantIds", id="some-and-all"),
        pytest.param({"input": {"policyTypes": [5]}}, "input.policyTypes.0", id="input-type"),
        pytest.param({"input": {"tenantId": "x"}}, "input.tenantId", id="input-reserved"),
        pytest.param({"input": [1]}, "input", id="input-no-object"),
        pytest.param(
            {"input": {"policyTypes": ["none"]}}, "input.policyTypes", id="the-operation-s-own-check"
        ),
    ],
)
def test_what_does_not_fit_changes_nothing(place: Place, given: dict[str, Any], field: str) -> None:
    made(place, name="Taken")
    schedule = made(place)
    tenants = {"ours": lambda: place.tenant_id, "foreign": lambda: place.atlas.new_place().tenant_id}
    unknown = lambda: ids.encode("Tenant", uuid4())  # noqa: E731 # a new one each time
    if "tenantIds" in given:
        given = {**given, "tenantIds": [tenants.get(name, unknown)() for name in given["tenantIds"]]}
    common = {"workspaceId": place.workspace_id, "name": "Another", "operationType": FETCH}
    selection = {} if "tenantIds" in given else {"allTenants": True}
    wanted = {**common, "cron": "0 2 * * *", **selection, **given}
    for mutation, asked in (
        ("createSchedule", wanted),
        ("updateSchedule", {"scheduleId": schedule["id"], **given}),
    ):
        result = change(place, mutation, **asked)["data"][mutation]
        assert (result["__typename"], result["field"]) == ("ValidationError", field), (mutation, result)
    assert (names(place), shown(place, schedule)) == (["Nightly", "Taken"], schedule)


def test_some_or_all_tenants_must_be_said(place: Place) -> None:
    result = change(
        place,
        "createSchedule",
        workspaceId=place.workspace_id,
        name="n",
        operationType=FETCH,
        cron="0 2 * * *",
    )["data"]["createSchedule"]
    assert (result["field"], names(place)) == ("tenantIds", [])


@pytest.mark.parametrize("name", ["name", "input", "cron", "timeZone", "jitterSeconds", "tenantIds"])
def test_nothing_of_a_schedule_can_be_removed(place: Place, name: str) -> None:
    schedule = made(place)
    answer = change(place, "updateSchedule", scheduleId=schedule["id"], **{name: None})
    assert answer["data"]["updateSchedule"]["field"] == name


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        pytest.param("assignments.restore", "NOT_FOR_MANY", id="writes"),
        pytest.param("assignments.plan", "NOT_FOR_MANY", id="names-a-tenants-thing"),
        pytest.param("no.such", "VALIDATION_FAILED", id="not-installed"),
    ],
)
def test_what_cannot_be_scheduled(place: Place, operation: str, code: str) -> None:
    answer = change(
        place,
        "createSchedule",
        workspaceId=place.workspace_id,
        name="n",
        operationType=operation,
        cron="0 2 * * *",
        allTenants=True,
    )
    assert (refusal(answer), names(place)) == (code, [])


def test_a_workspace_has_so_many_schedules(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert service.MOST == 1000
    monkeypatch.setattr(service, "MOST", 2)
    gone = made(place, name="1")
    made(place, name="2")
    wanted = {"workspaceId": place.workspace_id, "operationType": FETCH, "cron": "0 2 * * *"}
    answer = change(place, "createSchedule", **wanted, name="3", allTenants=True)
    assert answer["data"]["createSchedule"]["field"] == "workspaceId"
    change(place, "deleteSchedule", scheduleId=gone["id"])
    assert made(place, name="3")["name"] == "3"


def test_who_changes_or_enables_it_is_its_owner(place: Place) -> None:
    schedule = made(place)
    manager = place.member("manager")
    me = place.ask("{ viewer { uuid name } }", manager)["data"]["viewer"]
    assert changed(place, "updateSchedule", manager, scheduleId=schedule["id"], name="Mine")["owner"] == me
    back = changed(place, "enableSchedule", scheduleId=schedule["id"])
    assert (back["owner"]["uuid"], back["nextAt"]) == (str(place.user), schedule["nextAt"])
    # To disable it takes nothing over.
    changed(place, "disableSchedule", manager, scheduleId=schedule["id"])
    assert shown(place, schedule)["owner"]["uuid"] == str(place.user)
    assert trail(place)[1]["details"]["changes"]["owner"] == {"old": str(place.user), "new": me["uuid"]}


def test_who_may_look_after_schedules(place: Place, quiet: Installation) -> None:
    schedule = made(place)
    wanted = {"workspaceId": place.workspace_id, "operationType": FETCH, "cron": "0 2 * * *", "name": "n"}
    asked: dict[str, dict[str, Any]] = {
        "createSchedule": {**wanted, "allTenants": True},
        **{
            f"{verb}Schedule": {"scheduleId": schedule["id"]}
            for verb in ("update", "enable", "disable", "delete")
        },
    }
    stranger = quiet.new_place(provider=False).token
    for mutation, given in asked.items():
        assert refusal(change(place, mutation, place.member("operator"), **given)) == "FORBIDDEN"
        assert refusal(change(place, mutation, stranger, **given)) == "NOT_FOUND"
    assert refusal(place.ask(LIST, place.member("operator"), id=place.workspace_id)) == "FORBIDDEN"
    # With a token that may look after schedules, and not start what they start.
    lacking = limited(place, "schedules.manage", "runs.view")["token"]
    for mutation in ("createSchedule", "updateSchedule", "enableSchedule"):
        (error,) = change(place, mutation, lacking, **asked[mutation])["errors"]
        assert error["extensions"]["capability"] == "backups.create"
    assert changed(place, "disableSchedule", lacking, scheduleId=schedule["id"])["enabled"] is False


def test_whoever_sees_a_run_sees_its_schedule_and_of_it_no_more_than_their_tenants(
    place: Place, admin_url: str
) -> None:
    place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    schedule = made(place)
    with psycopg.connect(admin_url) as connection:
        run_id = add_run(connection, place)
    belongs_to(admin_url, run_id, schedule["uuid"])
    token = place.member("readonly")
    answer = place.ask(
        "query R($id: ID!) { node(id: $id) { ... on OperationRun {"
        " schedule { name tenants { nodes { id } } runs { nodes { uuid } } } } } }",
        token,
        id=ids.encode("OperationRun", run_id),
    )
    assert answer["data"]["node"]["schedule"] == {
        "name": "Nightly",
        "tenants": {"nodes": [{"id": place.tenant_id}]},
        "runs": {"nodes": [{"uuid": str(run_id)}]},
    }
    direct = place.ask("query S($id: ID!) { node(id: $id) { id } }", token, id=schedule["id"])
    assert direct["data"]["node"] is None


def test_more_times_than_are_given_are_refused(place: Place) -> None:
    schedule = made(place)
    query = "query S($id: ID!, $n: Int!) { node(id: $id) { ... on Schedule { nextTicks(first: $n) } } }"
    for number in (-1, 21):
        assert refusal(place.ask(query, id=schedule["id"], n=number)) == "BAD_USER_INPUT"
    assert place.ask(query, id=schedule["id"], n=0)["data"]["node"]["nextTicks"] == []


def test_an_archived_tenant_can_be_named(place: Place) -> None:
    altered(place, "archiveTenant", tenantId=place.tenant_id)
    assert made(place, tenantIds=[place.tenant_id])["tenants"]["nodes"] == [{"id": place.tenant_id}]
