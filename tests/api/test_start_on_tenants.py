"""One operation over many tenants: a run each, an answer for each, and few statements."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from atlas_gql.ops.together import Starts
from atlas_gql.schema import ids
from atlas_gql.simulator import DEMO_SECOND_TENANT, Running
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase
from support.members import altered, refusal, who
from support.statements import counted

START = """
mutation Start($input: StartOnTenantsInput!) {
  startOnTenants(input: $input) {
    __typename
    ... on StartOnTenantsPayload {
      requestId started deduplicated refused
      results {
        tenantId deduplicated tenant { id } run { id uuid status requestId }
        error { __typename message code ... on RunConflict { run { id } } ... on StartRefused { capability } }
      }
    }
    ... on Error { code message }
    ... on ValidationError { field }
  }
}
"""
FETCH, VERIFY = "assignments.fetch", "providers.verify"


@pytest.fixture(scope="module")
def quiet(test_database: TestDatabase, simulator: Running) -> Iterator[Installation]:
    """An API without a worker: what is started stays queued."""
    with installation(test_database, simulator=simulator, worker=False) as running:
        yield running


@pytest.fixture
def place(quiet: Installation) -> Place:
    return quiet.new_place()


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The tenants that are tried by themselves from now on."""
    seen: list[UUID] = []
    original = Starts.alone

    async def noted(self: Starts, actor: Any, operation: Any, tenant_id: UUID, **asked: Any) -> Any:
        seen.append(tenant_id)
        return await original(self, actor, operation, tenant_id, **asked)

    monkeypatch.setattr(Starts, "alone", noted)
    return seen


def ask(place: Place, token: str | None = None, **given: Any) -> dict[str, Any]:
    wanted = {"workspaceId": place.workspace_id, "operationType": FETCH, **given}
    return place.ask(START, token, input=wanted)


def start(place: Place, token: str | None = None, **given: Any) -> dict[str, Any]:
    answer = ask(place, token, **given)
    assert "errors" not in answer, answer
    result: dict[str, Any] = answer["data"]["startOnTenants"]
    return result


def outcomes(result: dict[str, Any]) -> list[str]:
    """For each tenant: started, there before, or the error's code."""
    return [
        one["error"]["code"] if one["error"] else "before" if one["deduplicated"] else "started"
        for one in result["results"]
    ]


def more_tenants(place: Place, admin_url: str, count: int) -> list[str]:
    """The ids of new tenants without a provider."""
    keys = [uuid4() for _ in range(count)]
    with psycopg.connect(admin_url) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO tenants (id, workspace_id, name, entra_tenant_id, primary_domain)"
            " VALUES (%s, %s, %s, %s, 'many.example')",
            [(key, place.workspace, f"Tenant {n:04}", uuid4()) for n, key in enumerate(keys)],
        )
    return [ids.encode("Tenant", key) for key in keys]


def rows(admin_url: str, place: Place, columns: str, table: str = "operation_runs") -> list[tuple[Any, ...]]:
    with psycopg.connect(admin_url) as connection:
        query = f"SELECT {columns} FROM {table} WHERE workspace_id = %s"  # literals
        return connection.execute(query.encode(), (place.workspace,)).fetchall()


def test_three_hundred_tenants_are_started_in_few_statements(place: Place, admin_url: str) -> None:
    tenants = more_tenants(place, admin_url, 300)
    with counted(place.atlas) as statements:
        result = start(place, tenantIds=tenants, input={"policyTypes": ["mobileApps"]}, idempotencyKey="k")
    assert (result["started"], result["deduplicated"], result["refused"]) == (300, 0, 0)
    assert [one["tenantId"] for one in result["results"]] == tenants
    assert [one["tenant"]["id"] for one in result["results"]] == tenants
    assert {one["run"]["requestId"] for one in result["results"]} == {result["requestId"]}
    # Who asks, the workspace; of each hundred: tenants, keys, runs, backup sets, audit entries; then the
    # tenants and runs that are shown.
    assert len(statements) == 2 + 3 * 5 + 2
    with counted(place.atlas) as statements:
        again = start(place, tenantIds=tenants, input={"policyTypes": ["mobileApps"]}, idempotencyKey="k")
    assert again["deduplicated"] == 300
    assert [one["run"]["id"] for one in again["results"]] == [one["run"]["id"] for one in result["results"]]
    assert len(statements) == 2 + 3 * 2 + 2
    assert len(rows(admin_url, place, "id")) == 300


def test_a_start_among_many_is_like_one_by_itself(place: Place, admin_url: str) -> None:
    """But for its ids and times, and for the request that it came with."""
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    given = {"policyTypes": ["mobileApps"]}
    (one,) = start(place, tenantIds=[place.tenant_id], input=given, idempotencyKey="k")["results"]
    alone = other.start("fetchAssignments", {"tenantId": other.tenant_id, "idempotencyKey": "k", **given})
    different = "'id', 'tenant_id', 'subject_id', 'request_id', 'created_at', 'dispatch_after', 'changed_in'"
    runs = rows(admin_url, place, f"to_jsonb(r) - ARRAY[{different}]", "operation_runs AS r")
    assert len(runs) == 2
    assert runs[0] == runs[1]
    sets = rows(
        admin_url, place, "to_jsonb(r) - ARRAY['id', 'tenant_id', 'run_id', 'created_at']", "backup_sets AS r"
    )
    assert (len(sets), sets[0]) == (2, sets[1])
    linked = rows(
        admin_url,
        place,
        "count(*) FILTER (WHERE (SELECT subject_id FROM operation_runs WHERE id = r.run_id) = r.id)",
        "backup_sets AS r",
    )
    assert linked == [(2,)]
    entries = rows(
        admin_url,
        place,
        "to_jsonb(r) - ARRAY['id', 'tenant_id', 'run_id', 'resource_id', 'request_id', 'created_at']",
        "audit_entries AS r",
    )
    assert (len(entries), entries[0]) == (2, entries[1])
    # The key means the same to the operation's own mutation.
    again = place.start("fetchAssignments", {"tenantId": place.tenant_id, "idempotencyKey": "k", **given})
    assert (again["run"]["id"], again["deduplicated"]) == (one["run"]["id"], True)
    assert again["run"]["id"] != alone["run"]["id"]


def test_what_is_refused_in_one_tenant_is_started_in_the_others(
    place: Place, admin_url: str, alone: list[UUID]
) -> None:
    archived, busy, keyed, joined, free = more_tenants(place, admin_url, 5)
    altered(place, "archiveTenant", tenantId=archived)
    given = {"policyTypes": ["mobileApps"]}
    own = {"policyTypes": ["intents"]}
    before = place.start("fetchAssignments", {"tenantId": keyed, "idempotencyKey": "k", **own})
    active = place.start("fetchAssignments", {"tenantId": joined, **given})
    foreign, absent = place.atlas.new_place().tenant_id, ids.encode("Tenant", uuid4())
    result = start(
        place,
        tenantIds=[archived, busy, foreign, keyed, joined, absent, free],
        input=given,
        idempotencyKey="k",
    )
    assert outcomes(result) == [
        "TENANT_ARCHIVED", "started", "NOT_FOUND", "IDEMPOTENCY_CONFLICT", "before", "NOT_FOUND", "started"
    ]  # fmt: skip
    assert (result["started"], result["deduplicated"], result["refused"]) == (2, 1, 4)
    there = [one["tenant"] is not None for one in result["results"]]
    assert there == [True, True, False, True, True, False, True]
    assert result["results"][4]["run"]["id"] == active["run"]["id"]
    assert (before["run"]["status"], result["results"][3]["run"]) == ("QUEUED", None)
    unlike = [{**result["results"][n], "tenantId": None} for n in (2, 5)]
    assert unlike[0] == unlike[1]
    # The key of a tenant in which nothing was started leads to nothing.
    keys = rows(admin_url, place, "tenant_id", "idempotency_keys")
    assert Counter(key for (key,) in keys) == Counter(
        found.uuid for id_ in (busy, keyed, joined, free) if (found := ids.parse(id_))
    )
    assert alone == []
    later = start(place, tenantIds=[joined], input=given, idempotencyKey="k")
    assert later["results"][0]["run"]["id"] == active["run"]["id"]


def test_an_active_run_with_other_input_is_in_the_way(
    place: Place, admin_url: str, alone: list[UUID]
) -> None:
    """Of an operation whose target does not depend on the input, there is one; here the row is made so."""
    first, second = more_tenants(place, admin_url, 2)
    (run,) = start(place, tenantIds=[first])["results"]
    with psycopg.connect(admin_url) as connection:
        connection.execute(
            "UPDATE operation_runs SET input_hash = '\\x00' WHERE id = %s", (run["run"]["uuid"],)
        )
    result = start(place, tenantIds=[first, second], idempotencyKey="k")
    assert outcomes(result) == ["RUN_CONFLICT", "started"]
    assert result["results"][0]["error"]["run"] == {"id": run["run"]["id"]}
    assert (len(rows(admin_url, place, "key", "idempotency_keys")), alone) == (1, [])


def test_a_tenant_that_cannot_be_started_together_with_others_stands_alone(
    place: Place, admin_url: str, alone: list[UUID]
) -> None:
    """Whatever goes wrong in the database for one of them: the others are tried by themselves."""
    tenants = more_tenants(place, admin_url, 3)
    broken = ids.parse(tenants[1])
    assert broken is not None
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION break_start() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'broken'; END $$"
        )
        connection.execute(
            "CREATE TRIGGER break_start BEFORE INSERT ON backup_sets FOR EACH ROW"
            f" WHEN (NEW.tenant_id = '{broken.uuid}') EXECUTE FUNCTION break_start()"
        )
        try:
            result = start(place, tenantIds=tenants, idempotencyKey="k")
        finally:
            connection.execute("DROP FUNCTION break_start CASCADE")
    assert outcomes(result) == ["started", "INTERNAL_SERVER_ERROR", "started"]
    assert result["results"][1]["error"]["message"] == "Internal error."
    assert len(alone) == 3
    assert len(rows(admin_url, place, "id")) == len(rows(admin_url, place, "key", "idempotency_keys")) == 2
    assert start(place, tenantIds=tenants, idempotencyKey="k")["started"] == 1


def test_all_tenants_or_those_that_pass_a_filter(place: Place, admin_url: str) -> None:
    more_tenants(place, admin_url, 3)
    gone = more_tenants(place, admin_url, 1)[0]
    altered(place, "archiveTenant", tenantId=gone)
    assert start(place, filter={"providerStatus": ["NONE"]}, operationType=VERIFY)["started"] == 3
    everything = start(place, filter={})
    assert (everything["started"], outcomes(everything)) == (4, ["started"] * 4)
    assert outcomes(start(place, filter={"archived": True})) == ["TENANT_ARCHIVED"]
    assert start(place, filter={"neverBackedUp": False})["results"] == []


def test_rights_are_asked_for_tenant_by_tenant(place: Place, admin_url: str) -> None:
    others = more_tenants(place, admin_url, 2)
    token = place.member("operator")
    reader = who(place, token)
    altered(place, "grantTenants", memberId=reader["id"], tenantIds=[others[0]], role="READONLY")
    result = start(place, token, tenantIds=[place.tenant_id, *others])
    assert outcomes(result) == ["started", "FORBIDDEN", "NOT_FOUND"]
    assert result["results"][1]["error"]["capability"] == "backups.create"
    assert [one["tenant"] and one["tenant"]["id"] for one in result["results"]] == [
        place.tenant_id, others[0], None
    ]  # fmt: skip
    assert outcomes(start(place, token, filter={})) == ["before"]
    refused = rows(admin_url, place, "tenant_id, details", "audit_entries")
    (found,) = ((tenant, details) for tenant, details in refused if "mutation" in details)
    denied = ids.parse(others[0])
    assert denied is not None
    assert found == (denied.uuid, {"mutation": "startOnTenants", "capability": "backups.create"})


def test_a_grant_in_another_workspace_opens_nothing_here(place: Place, quiet: Installation) -> None:
    """Nor does it tell what is there: in this workspace that tenant is not there."""
    token, elsewhere = place.member("operator"), quiet.new_place()
    user = UUID(who(place, token)["userUuid"])

    async def join(tx: Any) -> None:
        from atlas_gql.access.members import add_member
        from atlas_gql.audit import COMMAND

        await add_member(
            tx, COMMAND, workspace_id=elsewhere.workspace, user_id=user, role="readonly",
            tenant_ids=[elsewhere.tenant],
        )  # fmt: skip

    quiet.call(join)
    result = start(place, token, tenantIds=[place.tenant_id, elsewhere.tenant_id])
    assert outcomes(result) == ["started", "NOT_FOUND"]
    assert result["results"][1]["tenant"] is None


def test_who_may_start_it_nowhere_is_refused_and_audited(place: Place, admin_url: str) -> None:
    for token in (place.member("readonly"), place.member(None)):
        answer = ask(place, token, tenantIds=[place.tenant_id])
        assert refusal(answer) == "FORBIDDEN"
    stranger = place.atlas.new_place(provider=False)
    for workspace in (place.workspace_id, ids.encode("Workspace", uuid4())):
        answer = ask(place, stranger.token, workspaceId=workspace, tenantIds=[place.tenant_id])
        assert refusal(answer) == "NOT_FOUND"
    entries = rows(admin_url, place, "details", "audit_entries")
    assert entries == [({"mutation": "startOnTenants", "capability": "backups.create"},)] * 2
    assert rows(admin_url, place, "id") == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        pytest.param({"operationType": "no.such"}, "operationType", id="no-operation"),
        pytest.param({}, "tenantIds", id="no-tenants"),
        pytest.param({"tenantIds": []}, "tenantIds", id="none"),
        pytest.param({"tenantIds": ["$"], "filter": {}}, "tenantIds", id="both"),
        pytest.param({"tenantIds": ["$"] * 1001}, "tenantIds", id="too-many"),
        pytest.param({"tenantIds": ["$"], "input": []}, "input", id="no-object"),
        pytest.param({"tenantIds": ["$"], "input": {"tenantId": "x"}}, "input.tenantId", id="reserved"),
        pytest.param({"tenantIds": ["$"], "input": {"other": 1}}, "input", id="unknown-field"),
        pytest.param(
            {"tenantIds": ["$"], "input": {"policyTypes": ["intents", 5]}}, "input.policyTypes.1", id="type"
        ),
        pytest.param(
            {"tenantIds": ["$"], "input": {"policyTypes": ["a\0"]}}, "input.policyTypes.0", id="nul"
        ),
        pytest.param(
            {"tenantIds": ["$"], "input": {"policyTypes": ["x"]}}, "input.policyTypes", id="own-check"
        ),
        pytest.param({"tenantIds": ["$"], "idempotencyKey": ""}, "idempotencyKey", id="key"),
    ],
)
def test_what_does_not_fit_starts_nothing(
    place: Place, admin_url: str, given: dict[str, Any], field: str
) -> None:
    if "tenantIds" in given:
        given = {**given, "tenantIds": [place.tenant_id for _ in given["tenantIds"]]}
    result = start(place, **given)
    assert (result["__typename"], result["field"]) == ("ValidationError", field), result
    assert rows(admin_url, place, "id") == []


def test_what_does_not_fit_is_not_repeated(place: Place) -> None:
    secret = uuid4().hex
    for value in (
        {"policyTypes": [{"password": secret}]},
        {"password": secret},
        {"policyTypes": {"a": secret}},
    ):
        assert secret not in str(ask(place, tenantIds=[place.tenant_id], input=value))


@pytest.mark.parametrize(
    "operation", ["assignments.restore", "assignments.plan", "assignments.undo", "assignments.compare"]
)
def test_what_writes_or_works_on_one_tenants_things_is_not_for_many(place: Place, operation: str) -> None:
    result = start(place, operationType=operation, tenantIds=[place.tenant_id])
    assert (result["__typename"], result["code"]) == ("NotForMany", "NOT_FOR_MANY")
    types = place.ask("{ operationTypes { type forManyTenants } }")["data"]["operationTypes"]
    assert [one["type"] for one in types if one["forManyTenants"]] == [FETCH, "drift.check", VERIFY]


def test_malformed_ids_are_told_apart(place: Place) -> None:
    for wrong in ("nonsense", place.workspace_id):
        assert refusal(ask(place, tenantIds=[place.tenant_id, wrong])) == "BAD_USER_INPUT"


def test_two_requests_at_once_start_each_tenant_once(place: Place, admin_url: str, alone: list[UUID]) -> None:
    """Each names the tenants in another order; neither waits for the other in a circle."""
    tenants = more_tenants(place, admin_url, 90)
    gate = threading.Barrier(2)

    def go(key: str, order: list[str]) -> dict[str, Any]:
        gate.wait()
        return start(place, tenantIds=order, idempotencyKey=key)

    with ThreadPoolExecutor(2) as pool:
        for key in ("1", "2", "3", "4"):
            one, two = pool.map(go, [key, key], [tenants, tenants[::-1]])
            assert (one["refused"], two["refused"]) == (0, 0)
    assert (len(rows(admin_url, place, "id")), alone) == (90, [])


def test_all_is_carried_out_though_few_are_rung_for(atlas: Installation, admin_url: str) -> None:
    """The others are due at once, for the workers' dispatcher."""
    place = atlas.new_place()
    more_tenants(place, admin_url, 40)
    result = start(place, filter={})
    assert result["started"] == 41
    ended = [place.wait(one["run"]["id"])["outcome"] for one in result["results"]]
    assert Counter(ended) == {"FAILED": 40, "SUCCEEDED": 1}


def test_runs_that_are_not_rung_for_are_due_at_once(place: Place, admin_url: str) -> None:
    start(place, tenantIds=more_tenants(place, admin_url, 30))
    due = rows(admin_url, place, "dispatch_after <= created_at + interval '2 seconds'")
    assert Counter(at_once for (at_once,) in due) == {False: 16, True: 14}


def test_the_input_is_kept_as_its_own_mutation_keeps_it(place: Place, admin_url: str) -> None:
    start(place, tenantIds=[place.tenant_id], input={"policyTypes": "intents"})
    assert rows(admin_url, place, "input") == [({"policy_types": ["intents"], "policies": []},)]
