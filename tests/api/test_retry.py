"""`retryRun`: what an ended run left undone becomes a new run, and nothing else is done again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest

from atlas_gql.demo.tenant import Portal
from atlas_gql.schema import ids
from atlas_gql.testing.installation import Installation, Place
from support.steps import backed_up, damaged, faults, planned, restore_input

CONFIGURATIONS = "deviceManagement/deviceConfigurations"
REFUSED = {"path": f"{CONFIGURATIONS}$", "status": 403}
NO_WRITE = {"path": f"{CONFIGURATIONS}/.*/assign$", "status": 403}

LINKS = """
query Links($id: ID!) {
  node(id: $id) {
    ... on OperationRun {
      retryOf { id }
      retries { nodes { id } }
      subject {
        ... on BackupSet { id state itemCount failedCount items(first: 100) { nodes { externalId } } }
      }
      auditEntries { nodes { action outcome reason details } }
      items(first: 100) { nodes { label state result } }
    }
  }
}
"""


def looked_at(place: Place, run: dict[str, Any]) -> dict[str, Any]:
    answer = place.ask(LINKS, id=run["id"])
    assert "errors" not in answer, answer
    node: dict[str, Any] = answer["data"]["node"]
    return node


def retried(place: Place, run: dict[str, Any], **given: Any) -> dict[str, Any]:
    """The retry, once it has ended."""
    started = place.start("retryRun", {"runId": run["id"], **given})
    assert started["__typename"] == "StartRunPayload", started
    return place.wait(started["run"]["id"])


def refused(place: Place, run: dict[str, Any], **given: Any) -> tuple[str, str | None]:
    result = place.start("retryRun", {"runId": run["id"], **given})
    return result["__typename"], result.get("field")


def code_of(answer: dict[str, Any]) -> str:
    (error,) = answer["errors"]
    code: str = error["extensions"]["code"]
    return code


def retry_as(place: Place, token: str, run: dict[str, Any]) -> dict[str, Any]:
    query = "mutation M($input: RetryRunInput!) { retryRun(input: $input) { __typename } }"
    return place.ask(query, token, input={"runId": run["id"]})


def calls(place: Place) -> list[str]:
    """The paths that were asked of the tenant, without what policies refer to."""
    return [
        entry["path"]
        for entry in place.atlas.simulator.journal
        if not any(word in entry["path"] for word in ("groups", "$batch", "oauth2", "Filters", "openid"))
    ]


class TestBackup:
    def partial(self, place: Place) -> dict[str, Any]:
        """A backup for which one kind of policy could not be listed."""
        faults(place, REFUSED)
        run = place.run("fetchAssignments", {"tenantId": place.tenant_id})
        assert run["outcome"] == "PARTIALLY_SUCCEEDED"
        faults(place)
        return run

    def test_only_what_failed_is_read_and_the_same_set_becomes_complete(self, place: Place) -> None:
        run = self.partial(place)
        before = looked_at(place, run)["subject"]
        place.atlas.simulator.journal.clear()
        again = retried(place, run)
        assert (again["outcome"], again["counters"]) == (
            "SUCCEEDED",
            {"total": 14, "processed": 14, "failed": 0, "skipped": 0},
        )
        policies = [path for path in calls(place) if "deviceManagement" in path]
        assert policies == [f"/beta/{CONFIGURATIONS}"]
        seen = looked_at(place, again)
        after = seen["subject"]
        assert (before["state"], before["itemCount"]) == ("PARTIAL", 49)
        assert (after["id"], after["state"], after["itemCount"], after["failedCount"]) == (
            before["id"],
            "COMPLETE",
            63,
            0,
        )
        assert seen["retryOf"] == {"id": run["id"]}
        assert looked_at(place, run)["retries"]["nodes"] == [{"id": again["id"]}]
        (entry,) = seen["auditEntries"]["nodes"]
        assert (entry["action"], entry["details"]["retryOf"]) == ("backup.started", run["uuid"])

    def test_a_policy_whose_assignments_were_not_readable_is_read_alone(self, place: Place) -> None:
        portal = Portal(place.atlas.simulator.url)
        policies = portal.state()[f"{CONFIGURATIONS}.json"]["value"]
        portal.close()
        listed = [
            {"@odata.type": policy["@odata.type"], "id": policy["id"], "displayName": policy["displayName"]}
            for policy in policies[:2]
        ]
        answer = orjson.dumps({"value": listed}).decode()
        faults(
            place,
            {"path": f"{CONFIGURATIONS}$", "status": 200, "body": "raw", "content": answer},
            {"path": f"{CONFIGURATIONS}/{listed[1]['id']}/assignments", "status": 403},
        )
        given = {"tenantId": place.tenant_id, "policyTypes": ["deviceConfigurations"]}
        run = place.run("fetchAssignments", given)
        assert (run["outcome"], run["counters"]["processed"]) == ("PARTIALLY_SUCCEEDED", 1)
        faults(place)
        again = retried(place, run)
        assert again["counters"] == {"total": 1, "processed": 1, "failed": 0, "skipped": 0}
        seen = looked_at(place, again)
        assert [item["label"] for item in seen["items"]["nodes"]] == [listed[1]["displayName"]]
        # Policies that were not there when the backup was made do not come into it.
        assert {item["externalId"] for item in seen["subject"]["items"]["nodes"]} == {
            policy["id"] for policy in listed
        }
        assert (seen["subject"]["state"], seen["subject"]["failedCount"]) == ("COMPLETE", 0)

    def test_a_retry_that_fails_can_be_retried(self, place: Place) -> None:
        run = self.partial(place)
        faults(place, REFUSED)
        second = retried(place, run)
        assert (second["outcome"], looked_at(place, second)["subject"]["state"]) == ("FAILED", "PARTIAL")
        faults(place)
        third = retried(place, second)
        assert (third["outcome"], third["counters"]["processed"]) == ("SUCCEEDED", 14)
        assert looked_at(place, third)["subject"]["state"] == "COMPLETE"
        assert [refused(place, any_of)[0] for any_of in (run, third)] == ["NothingToRetry", "NothingToRetry"]
        # What one of them left, another one did.
        assert refused(place, second)[0] == "NothingToRetry"

    def test_what_a_cancelled_backup_never_came_to_is_read(self, place: Place) -> None:
        faults(place, {"path": f"{CONFIGURATIONS}$", "latencyMs": 1500})
        started = place.start("fetchAssignments", {"tenantId": place.tenant_id})
        query = "mutation C($input: CancelRunInput!) { cancelRun(input: $input) { __typename } }"
        place.ask(query, input={"runId": started["run"]["id"]})
        run = place.wait(started["run"]["id"])
        assert run["outcome"] == "CANCELLED"
        faults(place)
        again = retried(place, run)
        done = run["counters"]["processed"] + again["counters"]["processed"]
        assert (again["outcome"], done) == ("SUCCEEDED", 63)

    def test_two_at_once_are_one_run(self, place: Place) -> None:
        run = self.partial(place)
        faults(place, {"path": f"{CONFIGURATIONS}$", "latencyMs": 300})
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda _: place.start("retryRun", {"runId": run["id"]}), range(4)))
        assert [result["__typename"] for result in results] == ["StartRunPayload"] * 4, results
        assert len({result["run"]["id"] for result in results}) == 1
        assert sorted(result["deduplicated"] for result in results) == [False, True, True, True]
        place.wait(results[0]["run"]["id"])

    def test_an_idempotency_key_gives_the_same_retry_also_after_its_end(self, place: Place) -> None:
        run = self.partial(place)
        again = retried(place, run, idempotencyKey="once more")
        result = place.start("retryRun", {"runId": run["id"], "idempotencyKey": "once more"})
        assert (result["run"]["id"], result["deduplicated"]) == (again["id"], True)

    def test_a_backup_takes_no_confirmation(self, place: Place) -> None:
        assert refused(place, self.partial(place), planDigest="x") == ("ValidationError", "planDigest")


class TestRestore:
    def given(self, plan: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """What a retry of a restore must be given."""
        given = restore_input(plan, idempotencyKey="again")
        return {
            name: given[name] for name in ("planDigest", "confirmation", "reason", "idempotencyKey")
        } | changes

    def partial(self, place: Place) -> tuple[dict[str, Any], dict[str, Any]]:
        """A plan, and its execution: two policies could not be written, and one had changed."""
        backup_set = backed_up(place)
        damaged(place)
        plan = planned(place, backup_set)
        portal = Portal(place.atlas.simulator.url)
        touched = next(portal.policies("deviceManagement/configurationPolicies"))
        portal.assign("deviceManagement/configurationPolicies", touched["id"], [])
        portal.close()
        faults(place, NO_WRITE)
        run = place.run("restoreAssignments", restore_input(plan))
        faults(place)
        assert sorted(failure["reasonCode"] for failure in run["failures"]) == [
            "PERMISSION_DENIED",
            "PERMISSION_DENIED",
            "STALE_PLAN",
        ]
        return plan, run

    def test_what_failed_is_written_and_what_is_stale_is_left_out(self, place: Place) -> None:
        plan, run = self.partial(place)
        failed = {f["item"]["label"] for f in run["failures"] if f["reasonCode"] != "STALE_PLAN"}
        place.atlas.simulator.journal.clear()
        again = retried(place, run, **self.given(plan, reason="the rest"))
        assert (again["outcome"], again["counters"]) == (
            "SUCCEEDED",
            {"total": 2, "processed": 2, "failed": 0, "skipped": 0},
        )
        seen = looked_at(place, again)
        assert {(item["label"], item["result"]) for item in seen["items"]["nodes"]} == {
            (label, "applied") for label in failed
        }
        assert len([path for path in calls(place) if path.endswith("/assign")]) == 2
        (entry,) = seen["auditEntries"]["nodes"]
        assert (entry["action"], entry["outcome"], entry["reason"]) == (
            "restore.executed",
            "succeeded",
            "the rest",
        )
        assert (entry["details"]["retryOf"], entry["details"]["planDigest"]) == (
            run["uuid"],
            plan["planDigest"],
        )
        assert again["subject"] == run["subject"]

    def test_the_state_before_is_kept_anew(self, place: Place) -> None:
        plan, run = self.partial(place)
        again = retried(place, run, **self.given(plan))
        sets = place.ask(
            "query Q($id: ID!) { tenant(id: $id) { backupSets { nodes { origin itemCount run { id } } } } }",
            id=place.tenant_id,
        )["data"]["tenant"]["backupSets"]["nodes"]
        kept = {s["run"]["id"]: s["itemCount"] for s in sets if s["origin"] == "BEFORE_RESTORE"}
        assert kept.keys() == {run["id"], again["id"]}
        assert kept[again["id"]] == 2

    def test_when_only_stale_items_are_left_there_is_nothing_to_retry(self, place: Place) -> None:
        plan, run = self.partial(place)
        retried(place, run, **self.given(plan))
        assert refused(place, run, **self.given(plan, idempotencyKey="third"))[0] == "NothingToRetry"

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            pytest.param({"idempotencyKey": None}, ("ValidationError", "idempotencyKey"), id="no key"),
            pytest.param({"planDigest": None}, ("ValidationError", "planDigest"), id="no digest"),
            pytest.param({"confirmation": None}, ("ValidationError", "confirmation"), id="no confirmation"),
            pytest.param({"reason": None}, ("ValidationError", "reason"), id="no reason"),
            pytest.param({"planDigest": "0" * 64}, ("PlanMismatch", None), id="another digest"),
            pytest.param({"confirmation": "x"}, ("ValidationError", "confirmation"), id="another domain"),
            pytest.param({"reason": " "}, ("ValidationError", "reason"), id="empty reason"),
            pytest.param({"reason": "\0"}, ("ValidationError", "reason"), id="NUL"),
        ],
    )
    def test_without_confirming_it_anew_nothing_is_done(
        self, place: Place, changes: dict[str, Any], expected: tuple[str, str | None]
    ) -> None:
        plan, run = self.partial(place)
        place.atlas.simulator.journal.clear()
        assert refused(place, run, **self.given(plan, **changes)) == expected
        assert looked_at(place, run)["retries"]["nodes"] == []
        assert list(place.atlas.simulator.journal) == []

    def test_it_needs_the_operations_own_capability(self, place: Place, atlas: Installation) -> None:
        _, run = self.partial(place)
        assert code_of(retry_as(place, place.member("operator"), run)) == "FORBIDDEN"
        assert code_of(retry_as(place, atlas.new_place(provider=False).token, run)) == "NOT_FOUND"
        assert code_of(retry_as(place, place.member(None), run)) == "NOT_FOUND"
        refusals = place.ask(
            'query Q($id: ID!) { tenant(id: $id) { auditEntries(filter: {actions: ["mutation.refused"]})'
            " { nodes { details } } } }",
            id=place.tenant_id,
        )["data"]["tenant"]["auditEntries"]["nodes"]
        assert [entry["details"] for entry in refusals] == [
            {"mutation": "retryRun", "capability": "restores.execute"}
        ]


class TestPlan:
    def test_a_plan_is_made_anew_as_a_whole(self, place: Place) -> None:
        backup_set = backed_up(place)
        faults(place, {"path": "assignmentFilters", "status": 403})
        run = place.run("planAssignmentRestore", {"tenantId": place.tenant_id, "backupSetId": backup_set})
        assert run["outcome"] == "FAILED"
        faults(place)
        again = retried(place, run)
        assert (again["outcome"], again["counters"]["processed"]) == ("SUCCEEDED", 63)
        assert again["subject"]["id"] != run["subject"]["id"]
        assert looked_at(place, again)["retryOf"] == {"id": run["id"]}

    def test_it_takes_what_the_plan_took_on_the_source_too(self, place: Place) -> None:
        backup_set = backed_up(place)
        target = place.add_tenant("5d6a2d0e-6f0c-4b7a-9a53-6d2f6f0c7b11", "marigold.example")
        faults(place, {"path": "deviceManagement", "status": 403})
        given = {"tenantId": target.tenant_id, "backupSetId": backup_set}
        run = target.run("planAssignmentRestore", given)
        faults(place)
        assert run["outcome"] == "FAILED"
        # An operator of the target who has nothing to do with the source.
        assert code_of(retry_as(target, target.member("operator"), run)) == "NOT_FOUND"


class TestWhatCannotBeRetried:
    def test_a_plan_that_was_made(self, place: Place) -> None:
        given = {"tenantId": place.tenant_id, "backupSetId": backed_up(place)}
        assert refused(place, place.run("planAssignmentRestore", given))[0] == "NothingToRetry"

    def test_a_run_without_failures(self, place: Place) -> None:
        run = place.run("fetchAssignments", {"tenantId": place.tenant_id, "policyTypes": ["mobileApps"]})
        assert refused(place, run)[0] == "NothingToRetry"

    def test_an_active_run(self, place: Place) -> None:
        faults(place, {"path": CONFIGURATIONS, "latencyMs": 500})
        started = place.start("fetchAssignments", {"tenantId": place.tenant_id})
        assert refused(place, started["run"])[0] == "RunNotFinished"
        place.wait(started["run"]["id"])

    def test_readonly_members_retry_nothing(self, place: Place) -> None:
        run = TestBackup().partial(place)
        assert code_of(retry_as(place, place.member("readonly"), run)) == "FORBIDDEN"

    @pytest.mark.parametrize("run_id", ["nonsense", ids.encode("Tenant", "0" * 32)])
    def test_what_is_no_run(self, place: Place, run_id: str) -> None:
        assert code_of(retry_as(place, place.token, {"id": run_id})) == "BAD_USER_INPUT"

    def test_a_finished_run_cannot_be_cancelled(self, place: Place) -> None:
        run = place.run("fetchAssignments", {"tenantId": place.tenant_id, "policyTypes": ["mobileApps"]})
        query = (
            "mutation C($input: CancelRunInput!) { cancelRun(input: $input)"
            " { __typename ... on RunFinished { code run { outcome } } } }"
        )
        assert place.ask(query, input={"runId": run["id"]})["data"]["cancelRun"] == {
            "__typename": "RunFinished",
            "code": "RUN_FINISHED",
            "run": {"outcome": "SUCCEEDED"},
        }
