"""Filters, orders and counts of lists, asked of a workspace and of a tenant, compared with plain Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from atlas_gql.db.ids import new_id
from atlas_gql.schema import connections, ids, pages
from atlas_gql.testing.installation import Installation, Place
from support.runs import add_runs, change

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
USERS = (new_id(), new_id())

LISTS = """
query Runs($id: ID!, $filter: OperationRunFilter, $order: OperationRunOrder, $first: Int!, $after: String) {
  workspace(id: $id) {
    runs(filter: $filter, orderBy: $order, first: $first, after: $after) {
      totalCount totalCountIsExact nodes { uuid } pageInfo { hasNextPage endCursor }
    }
  }
}
"""
OF_A_TENANT = LISTS.replace("workspace(", "tenant(")


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as it was made."""

    uuid: str
    tenant: UUID
    type: str
    outcome: str
    reason: str | None
    initiator: UUID
    request: str
    subject: UUID
    retry_of: UUID | None
    created: datetime
    finished: datetime | None


@dataclass(frozen=True, kw_only=True)
class Stock:
    """Runs of two tenants of a workspace, the oldest first."""

    place: Place
    other: Place
    runs: list[Run]


@pytest.fixture(scope="module")
def stock(atlas: Installation, admin_url: str) -> Stock:
    place = atlas.new_place()
    other = place.add_tenant(str(new_id()), "other.example")
    made: list[Run] = []
    with psycopg.connect(admin_url) as connection:
        # What has ended is not changed otherwise.
        connection.execute("SET session_replication_role = replica")
        for n in range(24):
            owner = (place, other)[n % 2]
            ended = n % 8 != 7
            (run_id,) = add_runs(admin_url, owner, 1, status="completed" if ended else "queued")
            created = EPOCH + timedelta(hours=n // 2)  # two of each time: the key decides between them
            # Those that were accepted later ended earlier.
            finished = EPOCH + timedelta(days=2, hours=-n) if ended else None
            failed = ended and n % 3 == 0
            run = Run(
                uuid=str(run_id),
                tenant=owner.tenant,
                type=("assignments.fetch", "assignments.plan", "providers.verify")[n % 3],
                outcome=("failed" if failed else "succeeded") if ended else "pending",
                reason=("THROTTLED", "TIMEOUT")[n % 4 // 2] if failed else None,
                initiator=USERS[n % 5 == 0],
                request=f"request-{n // 3}",
                subject=new_id(),
                retry_of=UUID(made[n - 2].uuid) if n % 6 == 5 else None,
                created=created,
                finished=finished,
            )
            change(
                connection, run_id, type=run.type, outcome=run.outcome, failure_reason=run.reason,
                failure_code="x" if run.reason else None, initiator_id=run.initiator, request_id=run.request,
                subject_id=run.subject, retry_of=run.retry_of, created_at=created, finished_at=finished,
            )  # fmt: skip
            made.append(run)
            connection.commit()
    return Stock(place=place, other=other, runs=made)


def run_id(run: Run) -> str:
    return ids.encode("OperationRun", run.uuid)


Which = Callable[[Run], bool]
CASES: dict[str, tuple[Callable[[Stock], dict[str, Any]], Which]] = {
    "none": (lambda stock: {}, lambda run: True),
    "one type": (lambda stock: {"type": ["assignments.plan"]}, lambda run: run.type == "assignments.plan"),
    "types, one said twice": (
        lambda stock: {"type": ["assignments.plan", "providers.verify", "assignments.plan"]},
        lambda run: run.type != "assignments.fetch",
    ),
    "unknown type": (lambda stock: {"type": ["no.such"]}, lambda run: False),
    "no type at all": (lambda stock: {"type": []}, lambda run: False),
    "status": (lambda stock: {"status": ["QUEUED", "RUNNING"]}, lambda run: run.finished is None),
    "outcome": (
        lambda stock: {"outcome": ["FAILED", "CANCELLED"]},
        lambda run: run.outcome == "failed",
    ),
    "reason": (lambda stock: {"reasonCode": ["THROTTLED"]}, lambda run: run.reason == "THROTTLED"),
    "initiator": (lambda stock: {"initiatorUuid": [str(USERS[1])]}, lambda run: run.initiator == USERS[1]),
    "request": (lambda stock: {"requestId": ["request-2"]}, lambda run: run.request == "request-2"),
    "subject": (
        lambda stock: {"subjectId": [ids.encode("BackupSet", stock.runs[3].subject)]},
        lambda run: run.request == "request-1" and run.created == EPOCH + timedelta(hours=1)
        and run.type == "assignments.fetch",
    ),
    "retry of": (
        lambda stock: {"retryOfId": [run_id(stock.runs[3]), run_id(stock.runs[9])]},
        lambda run: run.retry_of is not None and run.created < EPOCH + timedelta(hours=6),
    ),
    "created": (
        lambda stock: {"createdAfter": (EPOCH + timedelta(hours=2)).isoformat(),
                       "createdBefore": (EPOCH + timedelta(hours=9)).isoformat()},
        lambda run: EPOCH + timedelta(hours=2) < run.created < EPOCH + timedelta(hours=9),
    ),
    "times that no run can meet": (
        lambda stock: {"createdAfter": (EPOCH + timedelta(hours=9)).isoformat(),
                       "createdBefore": (EPOCH + timedelta(hours=2)).isoformat()},
        lambda run: False,
    ),
    "finished": (
        lambda stock: {"finishedAfter": (EPOCH + timedelta(days=1, hours=6)).isoformat(),
                       "finishedBefore": (EPOCH + timedelta(days=1, hours=20)).isoformat()},
        lambda run: run.finished is not None
        and EPOCH + timedelta(days=1, hours=6) < run.finished < EPOCH + timedelta(days=1, hours=20),
    ),
    "two at once": (
        lambda stock: {"type": ["assignments.fetch"], "outcome": ["FAILED", "SUCCEEDED"],
                       "initiatorUuid": [str(USERS[0])]},
        lambda run: run.type == "assignments.fetch"
        and run.outcome != "pending" and run.initiator == USERS[0],
    ),
    "everything": (
        lambda stock: {
            "type": ["assignments.fetch"], "status": ["COMPLETED"], "outcome": ["FAILED"],
            "reasonCode": ["TIMEOUT", "THROTTLED"], "tenantId": [stock.place.tenant_id],
            "createdAfter": EPOCH.isoformat(),
        },
        lambda run: run.reason is not None and run.created > EPOCH and int(run.request[8:]) % 2 == 0,
    ),
}  # fmt: skip


def listed(stock: Stock, query: str, place_id: str, token: str | None = None, **asked: Any) -> list[str]:
    """The keys of a list, read two by two, and seen to be counted right."""
    found: list[str] = []
    after = None
    while True:
        answer = stock.place.ask(query, token, id=place_id, first=2, after=after, **asked)
        assert "errors" not in answer, answer
        page = next(iter(answer["data"].values()))["runs"]
        found += [node["uuid"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            assert (page["totalCount"], page["totalCountIsExact"]) == (len(found), True)
            return found
        after = page["pageInfo"]["endCursor"]


def expected(runs: list[Run], which: Which, *, by_end: bool = False, ascending: bool = False) -> list[str]:
    def key(run: Run) -> tuple[datetime, UUID]:
        never = datetime.max.replace(tzinfo=UTC)
        return (run.finished or never) if by_end else run.created, UUID(run.uuid)

    return [run.uuid for run in sorted(filter(which, runs), key=key, reverse=not ascending)]


@pytest.mark.parametrize("case", CASES)
def test_a_list_of_runs_holds_what_the_filter_asks_for(stock: Stock, case: str):
    given, which = CASES[case]
    by_end = case == "finished"
    workspace = listed(stock, LISTS, stock.place.workspace_id, filter=given(stock))
    assert workspace == expected(stock.runs, which, by_end=by_end)
    own = [run for run in stock.runs if run.tenant == stock.place.tenant]
    tenant = listed(stock, OF_A_TENANT, stock.place.tenant_id, filter=given(stock))
    assert tenant == expected(own, which, by_end=by_end)


@pytest.mark.parametrize("case", CASES)
def test_who_reaches_some_tenants_is_shown_and_counted_theirs(stock: Stock, case: str):
    given, which = CASES[case]
    token = stock.other.member("readonly")
    theirs = [run for run in stock.runs if run.tenant == stock.other.tenant]
    found = listed(stock, LISTS, stock.place.workspace_id, token, filter=given(stock))
    assert found == expected(theirs, which, by_end=case == "finished")


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("field", ["CREATED_AT", "FINISHED_AT"])
@pytest.mark.parametrize("case", ["none", "types, one said twice", "two at once"])
def test_a_list_of_runs_comes_in_the_order_that_is_asked_for(
    stock: Stock, case: str, field: str, direction: str
):
    given, which = CASES[case]
    order = {"field": field, "direction": direction}
    found = listed(stock, LISTS, stock.place.workspace_id, filter=given(stock), order=order)
    by_end = field == "FINISHED_AT"
    assert found == expected(stock.runs, which, by_end=by_end, ascending=direction == "ASC")


@pytest.mark.parametrize(
    ("filter", "field"),
    [
        pytest.param({"tenantId": ["x"]}, "tenantId", id="no id"),
        pytest.param(
            {"subjectId": [ids.encode("Tenant", new_id())]}, "subjectId", id="an id of another type"
        ),
        pytest.param({"initiatorUuid": ["x"]}, "initiatorUuid", id="no uuid"),
        pytest.param({"requestId": ["a\0"]}, "requestId", id="text that no column can hold"),
        pytest.param({"createdAfter": "2030-01-01T00:00:00"}, "createdAfter", id="a time without its zone"),
        pytest.param({"type": [str(n) for n in range(301)]}, "type", id="too many values"),
    ],
)
def test_a_filter_that_nothing_could_meet_is_refused_by_name(
    stock: Stock, filter: dict[str, Any], field: str
):
    answer = stock.place.ask(LISTS, id=stock.place.workspace_id, first=1, filter=filter)
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"]["argument"]) == ("BAD_USER_INPUT", field)


def test_when_runs_ended_goes_with_the_order_by_that(stock: Stock):
    order = {"field": "CREATED_AT", "direction": "DESC"}
    asked = {"filter": {"finishedAfter": EPOCH.isoformat()}, "order": order}
    answer = stock.place.ask(LISTS, id=stock.place.workspace_id, first=1, **asked)
    assert answer["errors"][0]["extensions"]["argument"] == "finishedAfter"


@pytest.mark.parametrize("filter", [None, {"type": ["assignments.fetch", "assignments.plan"]}])
def test_a_long_list_is_counted_up_to_a_point(
    stock: Stock, monkeypatch: pytest.MonkeyPatch, filter: dict[str, Any] | None
):
    pages.page_of.cache_clear()
    monkeypatch.setattr(pages, "COUNTED", 5)
    monkeypatch.setattr(connections, "COUNTED", 5)
    answer = stock.place.ask(LISTS, id=stock.place.workspace_id, first=1, filter=filter)
    pages.page_of.cache_clear()
    runs = answer["data"]["workspace"]["runs"]
    assert (runs["totalCount"], runs["totalCountIsExact"]) == (5, False)


OTHER_LISTS = """
query Others($id: ID!, $sets: BackupSetFilter, $restores: RestoreRunFilter, $policies: PolicyFilter,
    $entries: AuditEntryFilter) {
  workspace(id: $id) {
    backupSets(filter: $sets) { totalCount nodes { uuid } }
    restoreRuns(filter: $restores) { totalCount nodes { uuid } }
    policies(filter: $policies) { totalCount nodes { name } }
    auditEntries(filter: $entries) { totalCount nodes { action } }
  }
}
"""
SET = """
    INSERT INTO backup_sets (id, tenant_id, workspace_id, origin, state, run_id, created_at)
    VALUES (%(id)s, %(tenant)s, %(workspace)s, %(origin)s, %(state)s, gen_random_uuid(), %(at)s)
"""
RESTORE = """
    INSERT INTO restore_runs (id, tenant_id, workspace_id, source_tenant_id, purpose, mode, created_by,
        created_at)
    VALUES (%(id)s, %(tenant)s, %(workspace)s, %(source)s, %(purpose)s, 'merge', %(by)s, %(at)s)
"""
POLICY = """
    INSERT INTO policies (id, tenant_id, workspace_id, policy_type, external_id, name, platform, last_seen_at)
    VALUES (%(id)s, %(tenant)s, %(workspace)s, %(kind)s, %(name)s, %(name)s, %(platform)s, %(at)s)
"""
ENTRY = """
    INSERT INTO audit_entries (id, tenant_id, workspace_id, action, actor_kind, actor_id, actor_name,
        resource_kind, resource_id, outcome, created_at)
    VALUES (%(id)s, %(tenant)s, %(workspace)s, %(action)s, 'user', %(actor)s, 'x', 'Thing', %(resource)s,
        %(outcome)s, %(at)s)
"""


@pytest.fixture(scope="module")
def things(atlas: Installation, admin_url: str) -> tuple[Place, Place]:
    """Two tenants, each with two of everything; the workspace has an audit entry of its own."""
    place = atlas.new_place()
    other = place.add_tenant(str(new_id()), "other.example")
    with psycopg.connect(admin_url) as connection:
        for n in range(4):
            owner, source = ((place, other), (other, place))[n % 2]
            values = {
                "tenant": owner.tenant, "workspace": place.workspace, "at": EPOCH + timedelta(hours=n),
                "origin": ("requested", "before_restore")[n // 2], "state": ("complete", "partial")[n // 2],
                "source": source.tenant, "purpose": ("restore", "compare")[n // 2], "by": f"user {n // 2}",
                "kind": ("a", "b")[n // 2], "name": f"policy {n}", "platform": ("iOS", None)[n // 2],
                "action": ("thing.made", "thing.lost")[n // 2], "actor": USERS[n // 2],
                "resource": f"resource {n}", "outcome": ("succeeded", None)[n // 2],
            }  # fmt: skip
            for statement in (SET, RESTORE, POLICY, ENTRY):
                connection.execute(statement, {**values, "id": new_id()})
        alone = {**values, "id": new_id(), "tenant": None, "action": "workspace.changed"}
        connection.execute(ENTRY, {**alone, "at": EPOCH + timedelta(days=1)})
    return place, other


def counts(place: Place, token: str | None = None, **filters: Any) -> tuple[int, ...]:
    """How many of each list there are; as many are shown."""
    answer = place.ask(OTHER_LISTS, token, id=place.workspace_id, **filters)
    assert "errors" not in answer, answer
    pages = answer["data"]["workspace"].values()
    assert all(page["totalCount"] == len(page["nodes"]) for page in pages)
    return tuple(page["totalCount"] for page in pages)


LATE = {"createdAfter": (EPOCH + timedelta(hours=1, minutes=30)).isoformat()}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param({}, (4, 4, 4, 5), id="all"),
        pytest.param({"sets": LATE, "restores": LATE, "entries": LATE}, (2, 2, 4, 3), id="late"),
        pytest.param({"sets": {"origin": ["REQUESTED"]}}, (2, 4, 4, 5), id="origin"),
        pytest.param({"sets": {"origin": ["IMPORTED"]}}, (0, 4, 4, 5), id="no such origin"),
        pytest.param({"sets": {"state": ["PARTIAL", "COMPLETE"]}}, (4, 4, 4, 5), id="states"),
        pytest.param({"restores": {"purpose": ["COMPARE"]}}, (4, 2, 4, 5), id="purpose"),
        pytest.param({"restores": {"state": ["PLANNED"]}}, (4, 0, 4, 5), id="state of the plan"),
        pytest.param({"restores": {"mode": ["MERGE"]}}, (4, 4, 4, 5), id="mode"),
        pytest.param({"restores": {"createdBy": ["user 0"]}}, (4, 2, 4, 5), id="who asked"),
        pytest.param({"policies": {"policyType": ["a"]}}, (4, 4, 2, 5), id="kind of policy"),
        pytest.param({"policies": {"platform": ["iOS"]}}, (4, 4, 2, 5), id="platform"),
        pytest.param({"policies": {"name": ["policy 3"]}}, (4, 4, 1, 5), id="name"),
        pytest.param({"policies": {"externalId": ["policy 1", "policy 2"]}}, (4, 4, 2, 5), id="external ids"),
        pytest.param({"policies": {"nameContains": "CY 3"}}, (4, 4, 1, 5), id="part of the name"),
        pytest.param(
            {"policies": {"lastSeenBefore": (EPOCH + timedelta(minutes=30)).isoformat()}},
            (4, 4, 1, 5),
            id="gone",
        ),
        pytest.param({"entries": {"actions": ["thing.made"]}}, (4, 4, 4, 2), id="action"),
        pytest.param({"entries": {"actorUuid": [str(USERS[1])]}}, (4, 4, 4, 3), id="actor"),
        pytest.param({"entries": {"resourceUuid": ["resource 2"]}}, (4, 4, 4, 1), id="resource"),
        pytest.param({"entries": {"outcome": ["succeeded"]}}, (4, 4, 4, 2), id="outcome"),
        pytest.param({"entries": {"runUuid": [str(new_id())]}}, (4, 4, 4, 0), id="run"),
        pytest.param({"entries": {"requestId": ["none"]}}, (4, 4, 4, 0), id="request"),
    ],
)  # fmt: skip
def test_the_other_lists_of_a_workspace_hold_what_their_filters_ask_for(
    things: tuple[Place, Place], filters: dict[str, Any], expected: tuple[int, ...]
):
    assert counts(things[0], **filters) == expected


def test_a_tenant_is_asked_for_among_those_within_reach(things: tuple[Place, Place]):
    place, other = things
    of_other = {"tenantId": [other.tenant_id]}
    filters = {
        **dict.fromkeys(("sets", "restores", "policies"), of_other),
        "entries": {"tenantUuid": [str(other.tenant)]},
    }
    here, there = place.member("readonly"), other.member("readonly")
    assert [counts(place, token, **filters) for token in (None, here, there)] == [
        (2, 2, 2, 2),
        (0, 0, 0, 0),
        (2, 2, 2, 2),
    ]
    assert [counts(place, token) for token in (here, there)] == [(2, 2, 2, 2)] * 2


def test_a_source_out_of_reach_is_not_told_by_asking_for_it(things: tuple[Place, Place]):
    place, other = things
    filters = {"restores": {"sourceTenantId": [place.tenant_id]}}
    assert [counts(place, token, **filters)[1] for token in (None, other.member("readonly"))] == [2, 0]
