"""How tenants stand, in a list of them: what it says, and that it costs the same for many as for few."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from sqlalchemy import func, select, update

from atlas_gql.db.database import Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.statements import prepare
from atlas_gql.db.tables import credentials, tenants
from atlas_gql.schema import standing
from atlas_gql.simulator import Running
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.paths import DATA_DIR
from support.steps import backed_up, faults

TENANTS = """
query Tenants($workspaceId: ID!, $filter: TenantFilter, $first: Int = 100) {
  workspace(id: $workspaceId) {
    tenants(filter: $filter, first: $first) {
      totalCount
      nodes { name providerStatus providerStatusAt lastSuccessfulBackupAt providerVerification { status } }
    }
  }
}
"""
STATEMENTS = 2
"""Who asks; the page of tenants, with how many there are."""


def listed(place: Place, token: str | None = None, **filter: Any) -> list[dict[str, Any]]:
    answer = place.ask(TENANTS, token, workspaceId=place.workspace_id, filter=filter or None)
    tenants = answer["data"]["workspace"]["tenants"]
    assert tenants["totalCount"] == len(tenants["nodes"])
    nodes: list[dict[str, Any]] = tenants["nodes"]
    return nodes


def status(place: Place) -> str:
    """The status of the place's one tenant."""
    (tenant,) = listed(place)
    assert (tenant["providerStatusAt"] is None) == (tenant["providerStatus"] in ("NONE", "NOT_VERIFIED"))
    return str(tenant["providerStatus"])


def last_backup(place: Place) -> str | None:
    (tenant,) = listed(place)
    found: str | None = tenant["lastSuccessfulBackupAt"]
    return found


def test_the_status_is_what_was_learnt_last(place: Place) -> None:
    given = {"tenantId": place.tenant_id}
    assert status(place) == "NOT_VERIFIED"
    place.run("verifyProvider", given)
    assert status(place) == "READY"
    faults(place, {"secretExpired": True})
    place.run("verifyProvider", given)
    assert status(place) == "FAILING"
    faults(place)
    assert status(place) == "FAILING"
    place.run("fetchAssignments", given)
    assert status(place) == "NOT_VERIFIED"  # a run got in; what it may do was not asked since
    place.run("verifyProvider", given)
    assert status(place) == "READY"


def test_what_was_learnt_of_a_credential_ends_with_its_rotation(place: Place) -> None:
    rotate = (
        update(credentials)
        .where(credentials.c.workspace_id == place.workspace)
        .values(rotated_at=func.clock_timestamp())
    )

    async def rotated(tx: Transaction) -> None:
        await tx.execute(rotate)

    place.run("verifyProvider", {"tenantId": place.tenant_id})
    place.atlas.call(rotated)
    assert status(place) == "NOT_VERIFIED"
    faults(place, {"secretExpired": True})
    place.run("verifyProvider", {"tenantId": place.tenant_id})
    assert status(place) == "FAILING"
    place.atlas.call(rotated)
    assert status(place) == "NOT_VERIFIED"


def test_a_backup_that_does_not_get_in_fails_as_a_whole_and_shows(atlas: Installation) -> None:
    place = atlas.new_place(provider=False)
    assert status(place) == "NONE"
    place.add_provider(secret="wrong")
    run = place.run("fetchAssignments", {"tenantId": place.tenant_id})
    (failure,) = run["failures"]
    assert (run["outcome"], failure["reasonCode"], failure["item"]) == (
        "FAILED",
        "AUTHENTICATION_FAILED",
        None,
    )
    assert (status(place), last_backup(place)) == ("FAILING", None)


def test_one_failing_kind_does_not_make_a_provider_failing(place: Place) -> None:
    faults(place, {"path": "deviceConfigurations$", "status": 403})
    assert place.run("fetchAssignments", {"tenantId": place.tenant_id})["outcome"] == "PARTIALLY_SUCCEEDED"
    assert status(place) == "NOT_VERIFIED"


def test_only_a_whole_and_successful_backup_counts(place: Place) -> None:
    given = {"tenantId": place.tenant_id}
    place.run("fetchAssignments", {**given, "policyTypes": ["mobileApps"]})
    faults(place, {"path": "deviceConfigurations$", "status": 403})
    place.run("fetchAssignments", given)
    assert last_backup(place) is None
    faults(place)
    before = datetime.now(UTC)
    backed_up(place)
    first = last_backup(place)
    assert before < datetime.fromisoformat(first or "") < datetime.now(UTC)
    place.run("fetchAssignments", {**given, "policyTypes": ["mobileApps"]})
    assert last_backup(place) == first


def test_tenants_are_filtered_by_how_they_stand(place: Place) -> None:
    other = place.add_tenant("5c1c3f3e-0f5e-4f0e-8f0a-2a1b5a3c9d11", "other.example")
    place.run("verifyProvider", {"tenantId": place.tenant_id})
    backed_up(place)
    (mine,) = {tenant["name"] for tenant in listed(place)} - {"other.example"}
    now, long_ago = datetime.now(UTC), datetime.now(UTC) - timedelta(days=1)

    def names(**filter: Any) -> list[str]:
        return [tenant["name"] for tenant in listed(place, **filter)]

    assert names(providerStatus=["READY"]) == [mine]
    assert names(providerStatus=["NOT_VERIFIED", "NONE"]) == ["other.example"]
    assert names(providerStatus=["FAILING"]) == []
    assert names(neverBackedUp=True) == ["other.example"]
    assert names(neverBackedUp=False) == [mine]
    assert names(lastSuccessfulBackupBefore=now.isoformat()) == sorted([mine, "other.example"])
    assert names(lastSuccessfulBackupBefore=long_ago.isoformat()) == ["other.example"]
    assert names(lastSuccessfulBackupBefore=now.isoformat(), neverBackedUp=False) == [mine]
    assert [tenant["name"] for tenant in listed(place, place.member("readonly"), neverBackedUp=False)] == [
        mine
    ]
    assert [tenant["name"] for tenant in listed(other, other.member("readonly"), neverBackedUp=True)] == [
        "other.example"
    ]


def test_a_time_without_a_zone_is_refused(place: Place) -> None:
    answer = place.ask(
        TENANTS,
        workspaceId=place.workspace_id,
        filter={"lastSuccessfulBackupBefore": "2026-01-01T00:00:00"},
    )
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.fixture
def quiet(test_database: TestDatabase, simulator: Running) -> Iterator[Installation]:
    """An API without a worker, so that nobody else makes statements in this process."""
    with installation(test_database, simulator=simulator, worker=False) as running:
        yield running


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch, quiet: Installation) -> list[str]:
    """Every statement of the quiet installation from now on; another one may live in this process."""
    seen: list[str] = []
    original = Transaction.fetch

    async def counted(self: Any, statement: Any, *args: Any, **parameters: Any) -> Any:
        if asyncio.get_running_loop() is quiet._loop:
            seen.append(str(statement))
        return await original(self, statement, *args, **parameters)

    monkeypatch.setattr(Transaction, "fetch", counted)
    return seen


REPORT = {
    "health": "degraded",
    "permissions": [],
    "write_permissions": [],
    "writes_enabled": False,
    "approvals": None,
    "checks": [],
}
CREDENTIAL = """
    INSERT INTO credentials (id, workspace_id, name, kind, sealed, key_id)
    VALUES (%(credential)s, %(workspace)s, 'many', 'secret', '', 'k')
"""
TENANT = (
    """
    INSERT INTO tenants (id, workspace_id, name, entra_tenant_id, primary_domain)
    VALUES (%(tenant)s, %(workspace)s, 'tenant ' || %(n)s::text, gen_random_uuid(), 'x.example')
    """,
    """
    INSERT INTO providers (id, tenant_id, workspace_id, cloud, client_id, credential_id, created_at)
    VALUES (gen_random_uuid(), %(tenant)s, %(workspace)s, 'global', 'c', %(credential)s,
        now() - interval '1 day')
    """,
    """
    INSERT INTO operation_runs (id, tenant_id, workspace_id, type, target, input_hash, writes, status,
        outcome, initiator_kind, initiator_name, finished_at, result)
    VALUES (gen_random_uuid(), %(tenant)s, %(workspace)s, 'providers.verify', 't', '', false, 'completed',
        'succeeded', 'user', 'u', now(), %(report)s)
    """,
)


def add_tenants(admin_url: str, place: Place, count: int) -> None:
    """Tenants of the place's workspace, each with a provider that was verified."""
    common = {"credential": new_id(), "workspace": place.workspace, "report": Jsonb(REPORT)}
    with psycopg.connect(admin_url) as connection:
        connection.execute(CREDENTIAL, common)
        for n in range(count):
            owner = {**common, "tenant": new_id(), "n": n}
            for statement in TENANT:
                connection.execute(statement, owner)


def test_a_page_of_tenants_costs_a_fixed_number_of_statements(
    quiet: Installation, admin_url: str, statements: list[str]
) -> None:
    place = quiet.new_place()
    add_tenants(admin_url, place, 60)
    counted = {}
    for size in (5, 50):
        statements.clear()
        answer = place.ask(
            TENANTS,
            workspaceId=place.workspace_id,
            first=size,
            filter={"providerStatus": ["DEGRADED"], "neverBackedUp": True},
        )
        nodes = answer["data"]["workspace"]["tenants"]["nodes"]
        assert {node["providerVerification"]["status"] for node in nodes} == {"DEGRADED"}
        counted[size] = (len(nodes), len(statements))
    assert counted == {5: (5, STATEMENTS), 50: (50, STATEMENTS)}


@pytest.mark.parametrize(
    "index", ["ix_operation_runs_no_entry", "ix_backup_sets_whole", "ix_operation_runs_tenant_id_type"]
)
def test_how_tenants_stand_is_read_from_indexes(index: str) -> None:
    """Also by a plan that is kept and knows no parameters; of a database that no other test has filled."""
    sql = prepare(select(standing.PROVIDER_STATUS, standing.LAST_BACKUP_AT).select_from(tenants)).sql
    with fresh_database(DATA_DIR) as own, psycopg.connect(own.admin_url) as connection:
        connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN {sql}").fetchall())
    assert index in plan
    assert "Seq Scan on operation_runs" not in plan
