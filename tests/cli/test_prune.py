"""`atlas runs prune`: what goes, and what stays whatever its age."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from atlas_gql.db.ids import new_id

Runs = Callable[..., UUID]


@pytest.fixture
def run(admin_url: str, place: Any) -> Iterator[Runs]:
    """A function that makes an ended run of the place's tenant, so many days old; gives its id.

    Pruning is for the whole installation: what a test leaves would be counted by the next one.
    """

    def make(
        *,
        days: float = 100,
        target: str | None = None,
        retry_of: UUID | None = None,
        subject: UUID | None = None,
        status: str = "completed",
    ) -> UUID:
        run_id = new_id()
        ended = status == "completed"
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute(
                """
                INSERT INTO operation_runs (id, tenant_id, workspace_id, type, target, input_hash, writes,
                    initiator_kind, initiator_name, status, outcome, retry_of, subject_kind, subject_id,
                    created_at, finished_at, dispatch_after)
                VALUES (%(id)s, %(tenant)s, %(workspace)s, 'tests.work', %(target)s, '', false, 'user', 'x',
                    %(status)s, %(outcome)s, %(retry_of)s, %(kind)s, %(subject)s,
                    now() - %(days)s * interval '1 day',
                    CASE WHEN %(ended)s THEN now() - %(days)s * interval '1 day' END,
                    CASE WHEN NOT %(ended)s THEN 'infinity'::timestamptz END)
                """,
                {
                    "id": run_id,
                    "tenant": place.tenant_id,
                    "workspace": place.workspace_id,
                    "target": target or str(run_id),
                    "status": status,
                    "outcome": "succeeded" if ended else "pending",
                    "retry_of": retry_of,
                    "kind": "RestoreRun" if subject else None,
                    "subject": subject,
                    "days": days,
                    "ended": ended,
                },
            )
            connection.execute(
                "INSERT INTO run_items (id, tenant_id, workspace_id, run_id, key, label, state, attempt,"
                " finished_at) VALUES (%s, %s, %s, %s, 'k', 'k', 'succeeded', 1, now())",
                (new_id(), place.tenant_id, place.workspace_id, run_id),
            )
            connection.execute(
                "INSERT INTO audit_entries (id, workspace_id, tenant_id, run_id, action, actor_kind,"
                " actor_name) VALUES (%s, %s, %s, %s, 'restore.executed', 'user', 'x')",
                (new_id(), place.workspace_id, place.tenant_id, run_id),
            )
        return run_id

    yield make
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("DELETE FROM operation_runs WHERE tenant_id = %s", (place.tenant_id,))


@pytest.fixture
def left(rows: Callable[..., list[dict[str, Any]]], place: Any) -> Callable[[], set[UUID]]:
    """A function that gives the tenant's runs that are there."""
    return lambda: {
        row["id"] for row in rows("SELECT id FROM operation_runs WHERE tenant_id = %s", UUID(place.tenant_id))
    }


def test_old_runs_go_with_their_items_and_the_audit_entries_stay(atlas, run, left, rows, place):
    old, newest = run(target="a", days=40), run(target="a", days=35)
    result = atlas("runs", "prune", "--older-than", "30")
    assert result.exit_code == 0, result.output
    assert left() == {newest}
    assert rows("SELECT FROM run_items WHERE run_id = %s", old) == []
    assert len(rows("SELECT FROM audit_entries WHERE run_id = %s", old)) == 1


def test_the_newest_of_each_target_young_ones_and_active_ones_stay(made, run, left):
    kept = {
        run(target="a", days=200),  # the newest of its target
        run(target="b", days=29),
        run(target="b", days=28),
        run(target="c", days=50, status="queued"),
        run(target="c", days=40),
    }
    run(target="b", days=31)
    assert made("runs", "prune", "--older-than", "30")["runs"] == 1
    assert left() == kept


def test_a_run_that_a_kept_one_retries_stays_and_the_rest_of_the_family_too(made, run, left):
    first = run(target="input", days=90)
    second = run(target="first", retry_of=first, days=80)
    third = run(target="first", retry_of=second, days=70)
    # Only by its retry is the first one kept: a newer one has its target.
    newest = run(target="input", days=60)
    assert made("runs", "prune", "--older-than", "30")["runs"] == 0
    assert left() == {first, second, third, newest}


def test_a_family_whose_last_member_is_no_longer_kept_goes_as_a_whole(made, run, left):
    first = run(target="input", days=90)
    second = run(target="first", retry_of=first, days=80)
    run(target="first", retry_of=second, days=70)
    kept = {run(target="input", days=60), run(target="first", days=60)}
    assert made("runs", "prune", "--older-than", "30", "--batch", "1")["runs"] == 3
    assert left() == kept


def test_the_runs_of_a_plan_that_may_still_be_executed_stay(made, run, left, rows, admin_url, place):
    plan, expired, backup_set = new_id(), new_id(), new_id()
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO backup_sets (id, tenant_id, workspace_id, origin, run_id) VALUES (%s, %s, %s,"
            " 'requested', %s)",
            (backup_set, place.tenant_id, place.workspace_id, new_id()),
        )
        for restore_run, end in ((plan, "1 hour"), (expired, "-1 hour")):
            connection.execute(
                "INSERT INTO restore_runs (id, tenant_id, workspace_id, backup_set_id, source_tenant_id,"
                " state, mode, plan_digest, created_by, expires_at) VALUES (%s, %s, %s, %s, %s, 'planned',"
                " 'replace', 'x', 'x', now() + %s::interval)",
                (restore_run, place.tenant_id, place.workspace_id, backup_set, place.tenant_id, end),
            )
    kept = {run(target="p", subject=plan, days=3), run(target="p", subject=plan, days=2)}
    run(target="e", subject=expired, days=3)
    kept.add(run(target="e", subject=expired, days=2))
    assert made("runs", "prune", "--older-than", "1")["runs"] == 1
    assert left() == kept
    assert len(rows("SELECT FROM restore_runs WHERE tenant_id = %s", UUID(place.tenant_id))) == 2
    assert len(rows("SELECT FROM backup_sets WHERE tenant_id = %s", UUID(place.tenant_id))) == 1


def test_a_dry_run_only_counts(made, run, left, rows):
    there = {run(target="a", days=days) for days in (50, 40, 35)}
    said = made("runs", "prune", "--older-than", "30", "--dry-run")
    assert (said, left()) == ({"runs": 2, "dryRun": True}, there)
    before = len(rows("SELECT FROM audit_entries WHERE action = 'runs.pruned'"))
    assert made("runs", "prune", "--older-than", "30") == {"runs": 2, "dryRun": False}
    entries = rows("SELECT details, actor_kind FROM audit_entries WHERE action = 'runs.pruned' ORDER BY id")
    assert len(entries) == before + 1
    assert entries[-1] == {"details": {"runs": 2, "olderThanDays": 30}, "actor_kind": "command"}


def test_it_says_what_it_did(atlas, run):
    run(target="a", days=50), run(target="a", days=40)
    said = [atlas("runs", "prune", "--older-than", "30", *more).output for more in (("--dry-run",), (), ())]
    assert said == ["1 run would be deleted.\n", "1 run deleted.\n", "0 runs deleted.\n"]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), id="no age"),
        pytest.param(("--older-than", "0"), id="no days"),
        pytest.param(("--older-than", "soon"), id="no number"),
        pytest.param(("--older-than", "30", "--batch", "0"), id="no batch"),
    ],
)
def test_bad_usage_deletes_nothing(atlas, run, left, arguments):
    there = {run(target="a", days=50), run(target="a", days=40)}
    assert atlas("runs", "prune", *arguments).exit_code == 2
    assert left() == there
