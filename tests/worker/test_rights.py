"""Whoever lost the right between a start and its claim: the run fails, and Microsoft hears nothing of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from atlas_gql.plugins import BackupSet, Id, Operation, RunContext, new
from atlas_gql.plugins.loading import discover, load_operations
from atlas_gql.simulator import DEMO_SECOND_TENANT
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.loopback import loopback
from support.members import altered, who
from support.paths import DATA_DIR
from support.steps import backed_up, damaged, planned, restore_input

GO_ON = threading.Event()


@dataclass(frozen=True, kw_only=True)
class WaitInput:
    """Nothing."""


async def wait(ctx: RunContext, _given: WaitInput) -> None:
    await ctx.in_thread(GO_ON.wait, 30)


WAIT = Operation(
    type="tests.wait",
    mutation="wait",
    label="Wait",
    description="Keeps the tenant's only place taken.",
    input=WaitInput,
    target=new(),
    capability="policies.view",
    handler=wait,
)


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Sets in a part of an input."""

    set_ids: tuple[Id[BackupSet], ...]


@dataclass(frozen=True, kw_only=True)
class LookInput:
    """What to look at."""

    chosen: tuple[Chosen, ...]


async def look(_ctx: RunContext, _given: LookInput) -> None:
    pass


LOOK = Operation(
    type="tests.look",
    mutation="lookAt",
    label="Look",
    description="Names things deep in its input.",
    input=LookInput,
    target=new(),
    capability="policies.view",
    handler=look,
)

Take = Callable[[psycopg.Connection, str, Place], Any]
"""Takes something away from the user whose token has this hash."""


def membership(connection: psycopg.Connection, user: str, place: Place) -> None:
    connection.execute("DELETE FROM tenant_grants WHERE user_id = %s", (user,))
    connection.execute("DELETE FROM memberships WHERE user_id = %s", (user,))


def capability(connection: psycopg.Connection, user: str, place: Place) -> None:
    connection.execute("UPDATE tenant_grants SET role = 'readonly' WHERE user_id = %s", (user,))
    connection.execute("UPDATE memberships SET role = 'member' WHERE user_id = %s", (user,))


def token_revoked(connection: psycopg.Connection, user: str, place: Place) -> None:
    connection.execute("UPDATE api_tokens SET revoked_at = now() WHERE user_id = %s", (user,))


def token_expired(connection: psycopg.Connection, user: str, place: Place) -> None:
    connection.execute(
        "UPDATE api_tokens SET expires_at = now() - interval '1 second' WHERE user_id = %s", (user,)
    )


def account(connection: psycopg.Connection, user: str, place: Place) -> None:
    connection.execute("UPDATE users SET disabled_at = now() WHERE id = %s", (user,))


LOSSES = [membership, capability, token_revoked, token_expired, account]


@pytest.fixture(scope="module")
def database() -> Iterator[TestDatabase]:
    """A database of its own: other workers do not know the operation that waits."""
    with fresh_database(DATA_DIR) as database:
        yield database


@pytest.fixture(scope="module")
def atlas(database: TestDatabase) -> Iterator[Installation]:
    operations = {WAIT.type: WAIT, LOOK.type: LOOK, **load_operations(discover())}
    with installation(database, operations=operations, tenant_runs=1) as running:
        yield running


@pytest.fixture(scope="module")
def pristine(atlas: Installation) -> Any:
    """The simulated tenants before any test."""
    return loopback.get(f"{atlas.simulator.url}/_simulator/export").json()


@pytest.fixture
def place(atlas: Installation, pristine: Any) -> Place:
    loopback.post(f"{atlas.simulator.url}/_simulator/load", json=pristine).raise_for_status()
    return atlas.new_place()


@pytest.fixture
def lost(database: TestDatabase) -> Callable[[Place, str, Take], None]:
    """A function that takes something from the member with this token."""

    def lose(place: Place, token: str, take: Take) -> None:
        me = place.ask("{ viewer { uuid } }", token)["data"]["viewer"]["uuid"]
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            take(connection, me, place)

    return lose


@contextmanager
def tenant_busy(place: Place) -> Iterator[None]:
    """No other run of the tenant is taken up meanwhile."""
    GO_ON.clear()
    run = place.start("wait", {"tenantId": place.tenant_id})["run"]
    while (
        place.ask("query Q($id: ID!) { node(id: $id) { ... on OperationRun { status } } }", id=run["id"])[
            "data"
        ]["node"]["status"]
        != "RUNNING"
    ):
        continue
    try:
        yield
    finally:
        GO_ON.set()


@pytest.mark.parametrize("take", LOSSES)
def test_a_backup_of_somebody_who_lost_the_right(
    place: Place, lost: Callable[[Place, str, Take], None], take: Take
) -> None:
    token = place.member("operator")
    journal = place.atlas.simulator.journal
    journal.clear()
    with tenant_busy(place):
        started = place.start("fetchAssignments", {"tenantId": place.tenant_id}, token)
        lost(place, token, take)
    run = place.wait(started["run"]["id"])
    assert (run["outcome"], [(f["code"], f["reasonCode"]) for f in run["failures"]]) == (
        "FAILED",
        [("assignments.fetch.not_permitted", "INITIATOR_NOT_PERMITTED")],
    )
    assert list(journal) == []


@pytest.mark.parametrize("take", LOSSES)
def test_a_restore_of_somebody_who_lost_the_right_is_audited_once(
    place: Place, lost: Callable[[Place, str, Take], None], take: Take
) -> None:
    journal = place.atlas.simulator.journal
    backup_set = backed_up(place)
    damaged(place)
    plan = planned(place, backup_set)
    token = place.member("manager")
    journal.clear()
    with tenant_busy(place):
        started = place.start("restoreAssignments", restore_input(plan), token)
        lost(place, token, take)
    run = place.wait(started["run"]["id"])
    assert (run["outcome"], run["failures"][0]["reasonCode"]) == ("FAILED", "INITIATOR_NOT_PERMITTED")
    assert run["auditEntries"]["nodes"] == [
        {"action": "restore.executed", "outcome": "failed", "reason": "a test"}
    ]
    assert list(journal) == []


def test_what_a_removed_member_started_and_what_waits_is_not_carried_out(place: Place) -> None:
    token = place.member("operator")
    with tenant_busy(place):
        started = place.start("fetchAssignments", {"tenantId": place.tenant_id}, token)
        altered(place, "removeMember", memberId=who(place, token)["id"])
    run = place.wait(started["run"]["id"])
    assert (run["outcome"], run["failures"][0]["reasonCode"]) == ("FAILED", "INITIATOR_NOT_PERMITTED")


def test_a_plan_from_a_backup_that_may_no_longer_be_seen(place: Place, database: TestDatabase) -> None:
    """The right on the plan's own tenant is kept, that on the tenant of the backup is lost."""
    source = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    backup_set = backed_up(source)
    token = place.member("operator")
    grant = (
        "INSERT INTO tenant_grants (tenant_id, workspace_id, user_id, role)"
        " SELECT %s, workspace_id, user_id, 'readonly' FROM tenant_grants"
    )
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute(f"{grant} WHERE tenant_id = %s", (source.tenant, place.tenant))
        with tenant_busy(place):
            given = {"tenantId": place.tenant_id, "backupSetId": backup_set}
            started = place.start("planAssignmentRestore", given, token)
            connection.execute("DELETE FROM tenant_grants WHERE tenant_id = %s", (source.tenant,))
    run = place.wait(started["run"]["id"])
    assert (run["outcome"], run["failures"][0]["reasonCode"]) == ("FAILED", "INITIATOR_NOT_PERMITTED")


@pytest.mark.parametrize(
    ("taken", "reason"),
    [
        pytest.param("DELETE FROM tenant_grants WHERE tenant_id = %s", "INITIATOR_NOT_PERMITTED", id="right"),
        pytest.param("DELETE FROM backup_sets WHERE tenant_id = %s", "NOT_FOUND", id="thing"),
        pytest.param("SELECT %s", None, id="nothing"),
    ],
)
def test_what_the_input_names_deep_inside_is_asked_for_again(
    place: Place, database: TestDatabase, taken: str, reason: str | None
) -> None:
    source = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    backup_set = backed_up(source)
    token = place.member("readonly")
    grant = (
        "INSERT INTO tenant_grants (tenant_id, workspace_id, user_id, role)"
        " SELECT %s, workspace_id, user_id, 'readonly' FROM tenant_grants WHERE tenant_id = %s"
    )
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute(grant, (source.tenant, place.tenant))
        with tenant_busy(place):
            given = {"tenantId": place.tenant_id, "chosen": [{"setIds": []}, {"setIds": [backup_set]}]}
            started = place.start("lookAt", given, token)
            if "backup_sets" in taken:
                connection.execute("DELETE FROM backup_items WHERE tenant_id = %s", (source.tenant,))
            connection.execute(taken, (source.tenant,))
    run = place.wait(started["run"]["id"])
    assert [failure["reasonCode"] for failure in run["failures"]] == ([reason] if reason else [])


def test_somebody_who_kept_the_right_is_served(place: Place) -> None:
    """What the tests above take away is what makes the difference."""
    with tenant_busy(place):
        started = place.start("fetchAssignments", {"tenantId": place.tenant_id}, place.member("operator"))
    assert place.wait(started["run"]["id"])["outcome"] == "SUCCEEDED"
