"""What is due is started: once in each tenant, whatever dies, and only while its owner may."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from atlas_gql.db.database import Transaction
from atlas_gql.ops.scheduler import Progress, _Work
from atlas_gql.ops.together import Starts
from atlas_gql.plugins import Operation, RunContext, existing, new
from atlas_gql.plugins.loading import Loaded, discover, load_plugins
from atlas_gql.providers.sealing import Sealer, generate_key
from atlas_gql.settings import Settings
from atlas_gql.simulator import Running
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from atlas_gql.worker import running_worker
from support.members import altered
from support.paths import DATA_DIR
from support.schedules import Clock, change, changed, done, look, made, scheduler, shown, trail
from support.statements import counted


@dataclass(frozen=True, kw_only=True)
class LookInput:
    """Nothing that matters."""

    what: str = ""


async def look_around(ctx: RunContext, _given: LookInput) -> None:
    await ctx.succeeded("item", "An item")


LOOK: Operation[Any] = Operation(
    type="tests.look",
    mutation="look",
    label="Look",
    description="Looks.",
    input=LookInput,
    target=new(),
    capability="policies.view",
    handler=look_around,
)
NOON = "2027-03-20T12:00"


@pytest.fixture(scope="module")
def database() -> Iterator[TestDatabase]:
    """One of its own: whoever looks takes whatever is due."""
    with fresh_database(DATA_DIR) as database:
        yield database


@pytest.fixture(scope="module")
def plugins() -> Loaded:
    loaded = load_plugins(discover())
    return replace(loaded, operations={**loaded.operations, LOOK.type: LOOK})


@pytest.fixture(scope="module")
def quiet(database: TestDatabase, simulator: Running, plugins: Loaded) -> Iterator[Installation]:
    with installation(database, simulator=simulator, worker=False, plugins=plugins) as running:
        yield running


@pytest.fixture
def admin(database: TestDatabase, quiet: Installation) -> Iterator[psycopg.Connection[Any]]:
    """The superuser; the schedules of tests before are not there."""
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute("UPDATE schedules SET enabled = false, next_at = NULL")
        yield connection


@pytest.fixture
def place(quiet: Installation, admin: psycopg.Connection[Any]) -> Place:
    return quiet.new_place(provider=False)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


def add_tenants(admin: psycopg.Connection[Any], place: Place, count: int) -> list[UUID]:
    keys = sorted(uuid4() for _ in range(count))
    with admin.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO tenants (id, workspace_id, name, entra_tenant_id, primary_domain)"
            " VALUES (%s, %s, %s, %s, 'many.example')",
            [(key, place.workspace, f"Tenant {n:04}", uuid4()) for n, key in enumerate(keys)],
        )
    return keys


def due(place: Place, admin: psycopg.Connection[Any], at: str = NOON, **given: Any) -> dict[str, Any]:
    """A schedule that is due at that time, and daily at two."""
    schedule = made(place, **{"operationType": LOOK.type, **given})
    admin.execute("UPDATE schedules SET next_at = %s WHERE id = %s", (f"{at}Z", schedule["uuid"]))
    return schedule


def runs(admin: psycopg.Connection[Any], place: Place, columns: str = "tenant_id") -> list[Any]:
    """Of the workspace's runs, but for what plugins do when they have ended."""
    of = "workspace_id = %s AND NOT internal"
    query = f"SELECT {columns} FROM operation_runs WHERE {of} ORDER BY tenant_id, id"
    rows = admin.execute(query.encode(), (place.workspace,)).fetchall()
    return [row[0] if len(row) == 1 else row for row in rows]


def end(admin: psycopg.Connection[Any], place: Place) -> None:
    """Let all runs of the workspace have ended."""
    admin.execute(
        "UPDATE operation_runs SET status = 'completed', outcome = 'succeeded', finished_at = now(),"
        " dispatch_after = NULL WHERE workspace_id = %s AND status <> 'completed'",
        (place.workspace,),
    )


def looked(atlas: Installation, clock: Clock, *, number: int = 1, operations: Any = None) -> int:
    """How many ticks came to their end when so many workers looked at once."""
    offered = {LOOK.type: LOOK} if operations is None else operations
    return sum(look(atlas, *(scheduler(atlas, offered, clock) for _ in range(number))))


def tick(schedule: dict[str, Any]) -> tuple[int, int, int, int]:
    last = schedule["lastTick"]
    return last["started"], last["deduplicated"], last["archived"], last["refused"]


async def four_workers(
    stack: AsyncExitStack, database: TestDatabase, sealer: Sealer, plugins: Loaded, clock: Clock, url: str
) -> list[Any]:
    options = Settings(simulator_url=url, worker_threads=1)
    return [
        await stack.enter_async_context(running_worker(options, database.url, sealer, plugins, clock=clock))
        for _ in range(4)
    ]


def test_a_daily_schedule_on_three_tenants_with_four_workers_starts_three_runs_a_day(
    place: Place,
    admin: psycopg.Connection[Any],
    database: TestDatabase,
    plugins: Loaded,
    clock: Clock,
    simulator: Running,
) -> None:
    """Over the night in which an hour is left out, and it falls into that hour."""
    add_tenants(admin, place, 2)
    schedule = made(place, operationType="drift.check", cron="30 2 * * *", timeZone="Europe/Berlin")
    due_at = [
        datetime.fromisoformat(f"2027-03-{day}+00:00")
        for day in ("26T01:30", "27T01:30", "28T01:00", "29T00:30", "30T00:30")
    ]
    admin.execute("UPDATE schedules SET next_at = %s WHERE id = %s", (due_at[0], schedule["uuid"]))
    clock.now = due_at[0] - timedelta(hours=1)
    atlas, stack = place.atlas, AsyncExitStack()
    sealer = Sealer.from_text(generate_key())
    workers = done(atlas, four_workers(stack, database, sealer, plugins, clock, simulator.url))
    seen, ticks = [], []
    try:
        for moment in due_at:
            for minutes in (-1, 0, 1, 600):
                clock.now = moment + timedelta(minutes=minutes)
                look(atlas, *(worker.scheduler for worker in workers))
                _until_all_ended(admin, place)
                seen.append(len(runs(admin, place)))
            ticks.append(shown(place, schedule)["lastTick"])
    finally:
        done(atlas, stack.aclose())
    assert seen == [number for n in range(5) for number in (3 * n, 3 * n + 3, 3 * n + 3, 3 * n + 3)]
    assert [(last["dueAt"], tick({"lastTick": last})) for last in ticks] == [
        (moment.isoformat(), (3, 0, 0, 0)) for moment in due_at
    ]
    assert Counter(runs(admin, place, "request_id")) == {last["requestId"]: 3 for last in ticks}
    assert set(Counter(runs(admin, place, "tenant_id, request_id")).values()) == {1}
    # All the way to the handler: there is no backup of these tenants to compare them with.
    assert set(runs(admin, place, "failure_detail")) == {"drift.no_backup"}


def _until_all_ended(admin: psycopg.Connection[Any], place: Place) -> None:
    give_up = time.monotonic() + 30
    while set(runs(admin, place, "status")) - {"completed"}:
        assert time.monotonic() < give_up, "runs did not end"
        time.sleep(0.02)


def test_a_run_of_a_schedule_names_it_and_its_owner(
    place: Place, admin: psycopg.Connection[Any], clock: Clock
) -> None:
    schedule = due(place, admin, operationType="assignments.fetch", input={"policyTypes": ["mobileApps"]})
    operations = load_plugins(discover()).operations
    assert looked(place.atlas, clock, operations=operations) == 1
    after = shown(place, schedule)
    answer = place.ask(
        "query R($id: ID!) { node(id: $id) { ... on Schedule { runs { nodes {"
        " type requestId initiator { kind name uuid } schedule { id } subject { __typename }"
        " auditEntries { nodes { action details actor { name } } } } } } } }",
        id=schedule["id"],
    )
    owner = f"owner {place.user}"
    assert answer["data"]["node"]["runs"]["nodes"] == [
        {
            "type": "assignments.fetch",
            "requestId": after["lastTick"]["requestId"],
            "initiator": {"kind": "user", "name": owner, "uuid": str(place.user)},
            "schedule": {"id": schedule["id"]},
            "subject": {"__typename": "BackupSet"},
            "auditEntries": {
                "nodes": [
                    {
                        "action": "backup.started",
                        "details": {
                            "policyTypes": ["mobileApps"],
                            "policies": [],
                            "schedule": schedule["uuid"],
                        },
                        "actor": {"name": owner},
                    }
                ]
            },
        }
    ]
    assert after["lastTick"] == {
        "dueAt": f"{NOON}:00+00:00",
        "missed": False,
        "requestId": after["lastTick"]["requestId"],
        **{"started": 1, "deduplicated": 0, "archived": 0, "refused": 0, "refusals": []},
    }
    assert after["nextAt"] == "2027-03-21T02:00:00+00:00"
    assert looked(place.atlas, clock) == 0


def test_three_hundred_tenants_are_started_in_few_statements(
    place: Place, admin: psycopg.Connection[Any], clock: Clock
) -> None:
    add_tenants(admin, place, 299)
    schedule = due(place, admin, operationType="assignments.fetch")
    one = scheduler(place.atlas, load_plugins(discover()).operations, clock)
    with counted(place.atlas) as statements:
        assert look(place.atlas, one) == [1]
    assert tick(shown(place, schedule)) == (300, 0, 0, 0)
    # What is due, and the owners; of each hundred: the schedule, its tenants, these held, keys, runs, backup
    # sets, audit entries, how far it is; in the end, that none is left.
    assert len(statements) == 2 + 3 * 8 + 4
    with counted(place.atlas) as statements:
        assert look(place.atlas, one) == [0]
    assert len(statements) == 1


def test_many_workers_start_each_tenant_once(
    place: Place, admin: psycopg.Connection[Any], clock: Clock
) -> None:
    add_tenants(admin, place, 249)
    schedule = due(place, admin)
    assert looked(place.atlas, clock, number=4) == 1
    assert tick(shown(place, schedule)) == (250, 0, 0, 0)
    assert set(Counter(runs(admin, place)).values()) == {1}


class Killed(BaseException):
    """What ends a worker in the middle of its work."""


@pytest.mark.parametrize("how", ["killed", "connection"])
def test_a_worker_that_dies_in_the_middle_loses_and_doubles_nothing(
    place: Place, admin: psycopg.Connection[Any], clock: Clock, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    add_tenants(admin, place, 249)
    schedule = due(place, admin)
    noted, original = [], _Work.note

    async def note(
        self: _Work, tx: Transaction, progress: Progress, ids: Sequence[UUID], started: Any
    ) -> None:
        noted.append(len(ids))
        if len(noted) == 2:
            if how == "killed":
                raise Killed
            await tx._connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        await original(self, tx, progress, ids, started)

    with monkeypatch.context() as patch:
        patch.setattr(_Work, "note", note)
        if how == "killed":
            with pytest.raises(Killed):
                looked(place.atlas, clock)
        else:
            assert looked(place.atlas, clock) == 0
    assert (len(runs(admin, place)), tick(shown(place, schedule))) == (100, (100, 0, 0, 0))
    assert shown(place, schedule)["nextAt"] == f"{NOON}:00+00:00"
    end(admin, place)
    assert looked(place.atlas, clock, number=4) == 1
    assert tick(shown(place, schedule)) == (250, 0, 0, 0)
    assert set(Counter(runs(admin, place)).values()) == {1}


def test_a_worker_that_dies_while_it_starts_one_by_one_doubles_nothing(
    place: Place, admin: psycopg.Connection[Any], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = add_tenants(admin, place, 4)[2]
    schedule = due(place, admin)
    admin.execute(
        "CREATE FUNCTION break_start() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'broken'; END $$"
    )
    admin.execute(
        "CREATE TRIGGER break_start BEFORE INSERT ON operation_runs FOR EACH ROW"
        f" WHEN (NEW.tenant_id = '{broken}') EXECUTE FUNCTION break_start()"
    )
    original, tried = Starts.alone, []

    async def alone(self: Starts, actor: Any, operation: Any, tenant_id: UUID, **asked: Any) -> Any:
        tried.append(tenant_id)
        if len(tried) == 3:
            raise Killed
        return await original(self, actor, operation, tenant_id, **asked)

    try:
        with monkeypatch.context() as patch:
            patch.setattr(Starts, "alone", alone)
            with pytest.raises(Killed):
                looked(place.atlas, clock)
        assert len(runs(admin, place)) == 2
        end(admin, place)
        assert looked(place.atlas, clock) == 1
    finally:
        admin.execute("DROP FUNCTION break_start CASCADE")
    assert set(Counter(runs(admin, place)).values()) == {1}
    assert broken not in runs(admin, place)
    last = shown(place, schedule)["lastTick"]
    assert (last["started"] + last["deduplicated"], last["refusals"]) == (
        4, [{"code": "INTERNAL_SERVER_ERROR", "tenants": 1}]
    )  # fmt: skip


def test_a_schedule_that_cannot_be_worked_off_keeps_no_other(
    place: Place, admin: psycopg.Connection[Any], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = due(place, admin, name="Broken", at="2027-03-20T11:59")
    sound = due(place, admin, name="Sound", input={"what": "else"})
    original = _Work.take

    async def take(self: _Work, tx: Transaction) -> Any:
        if str(self.row.id) == broken["uuid"]:
            raise RuntimeError
        return await original(self, tx)

    one = scheduler(place.atlas, {LOOK.type: LOOK}, clock)
    with monkeypatch.context() as patch:
        patch.setattr(_Work, "take", take)
        assert look(place.atlas, one) == [1]
    # It rests, and other workers may try it.
    assert (look(place.atlas, one), tick(shown(place, sound))) == ([0], (1, 0, 0, 0))
    assert looked(place.atlas, clock) == 1


class TestMissed:
    def test_a_tick_is_made_up_for_within_an_hour(
        self, place: Place, admin: psycopg.Connection[Any], clock: Clock
    ) -> None:
        schedule = due(place, admin)
        clock.set("2027-03-20T13:00")
        assert looked(place.atlas, clock) == 1
        assert tick(shown(place, schedule)) == (1, 0, 0, 0)

    def test_a_later_one_is_skipped_audited_and_shown(
        self, place: Place, admin: psycopg.Connection[Any], clock: Clock
    ) -> None:
        schedule = due(place, admin)
        clock.set("2027-03-20T13:00:01")
        assert looked(place.atlas, clock, number=2) == 1
        after = shown(place, schedule)
        assert (runs(admin, place), after["nextAt"]) == ([], "2027-03-21T02:00:00+00:00")
        assert (after["lastTick"]["missed"], after["lastTick"]["dueAt"]) == (True, f"{NOON}:00+00:00")
        assert trail(place)[-1] == {
            "action": "schedule.missed",
            "actor": {"kind": "system", "name": "Atlas"},
            "resource": {"kind": "Schedule", "id": schedule["uuid"]},
            "details": {
                "name": "Nightly",
                "dueAt": f"{NOON}:00+00:00",
                "next": "2027-03-21T02:00:00+00:00",
            },
        }

    def test_what_is_left_of_a_tick_is_skipped_as_well(
        self,
        place: Place,
        admin: psycopg.Connection[Any],
        clock: Clock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        add_tenants(admin, place, 149)
        schedule, noted, original = due(place, admin), [], _Work.note

        async def note(self: _Work, *given: Any) -> None:
            noted.append(self)
            if len(noted) == 2:
                raise Killed
            await original(self, *given)

        with monkeypatch.context() as patch:
            patch.setattr(_Work, "note", note)
            with pytest.raises(Killed):
                looked(place.atlas, clock)
        clock.set("2027-03-20T14:00")
        assert looked(place.atlas, clock) == 1
        after = shown(place, schedule)
        assert (tick(after), after["lastTick"]["missed"]) == ((100, 0, 0, 0), True)
        assert (len(runs(admin, place)), after["nextAt"]) == (100, "2027-03-21T02:00:00+00:00")

    def test_of_many_one_is_made_up_for(
        self, place: Place, admin: psycopg.Connection[Any], clock: Clock
    ) -> None:
        """After a long outage the first that is not too late, and then none that has passed."""
        schedule = due(place, admin, cron="*/10 * * * *")
        clock.set("2027-03-21T17:05")
        assert [looked(place.atlas, clock) for _ in range(3)] == [1, 1, 0]
        after = shown(place, schedule)
        assert (len(runs(admin, place)), after["lastTick"]["dueAt"]) == (1, "2027-03-21T16:10:00+00:00")
        assert after["nextAt"] == "2027-03-21T17:10:00+00:00"


class TestJitter:
    def test_runs_are_spread_and_each_tenant_waits_as_long_as_ever(
        self, place: Place, admin: psycopg.Connection[Any], clock: Clock
    ) -> None:
        add_tenants(admin, place, 59)
        due(place, admin, jitterSeconds=3600)
        waits = []
        for day in ("2027-03-20T12:00", "2027-03-21T02:00"):
            clock.set(day)
            before = datetime.now(UTC)
            assert looked(place.atlas, clock) == 1
            found = runs(admin, place, "tenant_id, not_before, dispatch_after, status")
            found = [row for row in found if row[3] == "queued"]
            assert all(not_before == dispatched for _, not_before, dispatched, _ in found)
            waits.append({row[0]: round((row[1] - before).total_seconds(), -2) for row in found})
            end(admin, place)
        assert len(waits[0]) == 60
        assert all(abs(waits[0][tenant] - waits[1][tenant]) <= 100 for tenant in waits[0])
        assert all(0 <= wait <= 3700 for wait in waits[0].values())
        assert len(set(waits[0].values())) > 20

    def test_one_by_one_they_wait_as_well(
        self, place: Place, admin: psycopg.Connection[Any], clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        due(place, admin, jitterSeconds=86_400)

        async def fail(*_: Any) -> None:
            raise RuntimeError

        monkeypatch.setattr("atlas_gql.ops.together.Batch.run", fail)
        assert looked(place.atlas, clock) == 1
        ((not_before, dispatched),) = runs(admin, place, "not_before, dispatch_after")
        assert not_before == dispatched > datetime.now(UTC)


def _is_disabled(place: Place, schedule: dict[str, Any], reason: str) -> None:
    after = shown(place, schedule)
    assert (after["enabled"], after["nextAt"], after["disabledReason"]) == (False, None, reason)
    assert trail(place)[-1] == {
        "action": "schedule.disabled",
        "actor": {"kind": "system", "name": "Atlas"},
        "resource": {"kind": "Schedule", "id": schedule["uuid"]},
        "details": {"name": "Nightly", "reason": reason},
    }


class TestDisabling:
    @pytest.mark.parametrize("how", ["disabled", "removed", "demoted"])
    def test_an_owner_who_may_not_any_more(
        self, place: Place, admin: psycopg.Connection[Any], clock: Clock, how: str
    ) -> None:
        manager = place.member("manager")
        me = place.ask("{ viewer { uuid } }", manager)["data"]["viewer"]["uuid"]
        schedule = due(place, admin)
        changed(place, "enableSchedule", manager, scheduleId=schedule["id"])
        take = {
            "disabled": "UPDATE users SET disabled_at = now() WHERE id = %s",
            "removed": "DELETE FROM memberships WHERE user_id = %s",
            "demoted": "UPDATE memberships SET role = 'member' WHERE user_id = %s",
        }
        admin.execute(take[how].encode(), (me,))
        assert looked(place.atlas, clock, number=3) == 1
        _is_disabled(place, schedule, "OWNER_NOT_PERMITTED")
        assert runs(admin, place) == []
        again = changed(place, "enableSchedule", scheduleId=schedule["id"])
        assert (again["disabledReason"], again["owner"]["uuid"]) == (None, str(place.user))

    def test_a_limited_token_takes_its_schedules_along(
        self, place: Place, admin: psycopg.Connection[Any], clock: Clock
    ) -> None:
        answer = place.ask(
            "mutation T($input: CreateTokenInput!) { createToken(input: $input) {"
            " ... on CreateTokenPayload { token apiToken { uuid } } } }",
            input={
                "workspaceId": place.workspace_id,
                "name": "limited",
                "capabilities": ["schedules.manage", "policies.view", "runs.view"],
            },
        )["data"]["createToken"]
        schedule = due(place, admin)
        changed(place, "enableSchedule", answer["token"], scheduleId=schedule["id"])
        assert looked(place.atlas, clock) == 1
        # The run is within the token's bounds, too.
        assert runs(admin, place, "token_id") == [UUID(answer["apiToken"]["uuid"])]
        admin.execute("UPDATE api_tokens SET revoked_at = now() WHERE id = %s", (answer["apiToken"]["uuid"],))
        clock.set("2027-03-21T02:00")
        assert looked(place.atlas, clock) == 1
        _is_disabled(place, schedule, "OWNER_NOT_PERMITTED")

    def test_an_operation_that_writes_now(
        self, place: Place, admin: psycopg.Connection[Any], clock: Clock
    ) -> None:
        schedule = due(place, admin)
        assert looked(place.atlas, clock, operations={LOOK.type: replace(LOOK, writes=True)}) == 1
        _is_disabled(place, schedule, "NOT_FOR_SCHEDULES")

    def test_an_operation_that_works_on_what_is_there_now(
        self, place: Place, admin: psycopg.Connection[Any], clock: Clock
    ) -> None:
        schedule = due(place, admin)
        onto = replace(LOOK, target=existing("BackupSet", field="what"))
        assert looked(place.atlas, clock, operations={LOOK.type: onto}) == 1
        _is_disabled(place, schedule, "NOT_FOR_SCHEDULES")

    def test_an_operation_that_no_worker_offers(
        self, place: Place, admin: psycopg.Connection[Any], clock: Clock
    ) -> None:
        """As long as one does, or may be coming, it is left to that one."""
        schedule = due(place, admin)
        assert looked(place.atlas, clock, operations={}) == 0
        clock.set("2027-03-20T12:03")
        admin.execute(
            "INSERT INTO workers (name, operations, threads, seen_at) VALUES ('w', '{tests.look}', 1, now())"
        )
        assert looked(place.atlas, clock, operations={}) == 0
        assert shown(place, schedule)["enabled"] is True
        admin.execute("UPDATE workers SET seen_at = now() - interval '3 minutes'")
        assert looked(place.atlas, clock, operations={}) == 1
        _is_disabled(place, schedule, "UNKNOWN_OPERATION")
        admin.execute("DELETE FROM workers")

    def test_an_input_that_does_not_fit_any_more(
        self, place: Place, admin: psycopg.Connection[Any], clock: Clock
    ) -> None:
        schedule = due(place, admin)
        admin.execute("UPDATE schedules SET input = '{\"what\": []}' WHERE id = %s", (schedule["uuid"],))
        assert looked(place.atlas, clock) == 1
        _is_disabled(place, schedule, "INPUT_INVALID")

    def test_an_input_that_the_operation_itself_refuses(
        self, place: Place, admin: psycopg.Connection[Any], clock: Clock
    ) -> None:
        """As when a plugin that added a kind of policy is gone."""
        schedule = due(place, admin, operationType="assignments.fetch")
        admin.execute(
            'UPDATE schedules SET input = input || \'{"policy_types": ["gone"]}\' WHERE id = %s',
            (schedule["uuid"],),
        )
        assert looked(place.atlas, clock, operations=load_plugins(discover()).operations) == 1
        _is_disabled(place, schedule, "INPUT_INVALID")
        assert runs(admin, place) == []

    def test_one_whose_tenants_are_all_gone(
        self, place: Place, admin: psycopg.Connection[Any], clock: Clock
    ) -> None:
        schedule = due(place, admin, tenantIds=[place.tenant_id])
        admin.execute("UPDATE schedules SET tenant_ids = '{}' WHERE id = %s", (schedule["uuid"],))
        assert looked(place.atlas, clock) == 1
        _is_disabled(place, schedule, "NO_TENANTS")
        answer = change(place, "enableSchedule", scheduleId=schedule["id"])
        assert answer["data"]["enableSchedule"]["field"] == "scheduleId"


class TestWhatIsLeftOut:
    def test_archived_tenants_are_counted(
        self, place: Place, admin: psycopg.Connection[Any], clock: Clock
    ) -> None:
        add_tenants(admin, place, 1)
        altered(place, "archiveTenant", tenantId=place.tenant_id)
        schedule = due(place, admin)
        assert looked(place.atlas, clock) == 1
        assert tick(shown(place, schedule)) == (1, 0, 1, 0)

    def test_a_tick_that_starts_nothing_says_why(
        self, place: Place, admin: psycopg.Connection[Any], clock: Clock
    ) -> None:
        schedule = due(place, admin)
        assert looked(place.atlas, clock) == 1
        admin.execute(
            "UPDATE operation_runs SET input_hash = '\\x00' WHERE workspace_id = %s", (place.workspace,)
        )
        clock.set("2027-03-21T02:00")
        assert looked(place.atlas, clock) == 1
        after = shown(place, schedule)
        assert (tick(after), after["lastTick"]["refusals"], after["enabled"]) == (
            (0, 0, 0, 1), [{"code": "RUN_CONFLICT", "tenants": 1}], True
        )  # fmt: skip

    def test_a_run_that_is_still_active_is_not_doubled(
        self, place: Place, admin: psycopg.Connection[Any], clock: Clock
    ) -> None:
        schedule = due(place, admin)
        for day in ("2027-03-20T12:00", "2027-03-21T02:00"):
            clock.set(day)
            assert looked(place.atlas, clock) == 1
        assert (tick(shown(place, schedule)), len(runs(admin, place))) == ((0, 1, 0, 0), 1)

    def test_what_is_disabled_or_changed_at_that_moment_is_left_alone(
        self, place: Place, admin: psycopg.Connection[Any], clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        schedule, original = due(place, admin), _Work.take

        async def take(self: _Work, tx: Transaction) -> Any:
            await asyncio.to_thread(
                changed, place, "updateSchedule", scheduleId=schedule["id"], cron="0 5 * * *"
            )
            return await original(self, tx)

        with monkeypatch.context() as patch:
            patch.setattr(_Work, "take", take)
            assert looked(place.atlas, clock) == 0
        assert runs(admin, place) == []

    def test_one_tenant_of_two_and_no_other_workspace(
        self, place: Place, admin: psycopg.Connection[Any], clock: Clock, quiet: Installation
    ) -> None:
        (other,) = add_tenants(admin, place, 1)
        elsewhere = quiet.new_place(provider=False)
        due(place, admin, tenantIds=[place.tenant_id])
        assert looked(place.atlas, clock) == 1
        assert (runs(admin, place), other in runs(admin, place)) == ([place.tenant], False)
        assert runs(admin, elsewhere) == []
