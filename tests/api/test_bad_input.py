"""Whatever is wrong with a request gets a coded, clear answer, and leaves nothing behind."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest

from atlas_gql.schema import ids
from atlas_gql.simulator import DEMO_SECOND_TENANT
from atlas_gql.testing.installation import Installation, Place
from support.loopback import loopback
from support.steps import backed_up, damaged, planned, restore_input

GUIDS = [f"aaaaaaaa-0000-4000-8000-00000000000{n}" for n in range(3)]
TENANT = "query Q($id: ID!) { tenant(id: $id) { id name } }"


def error_of(answer: dict[str, Any]) -> tuple[str, Any]:
    (error,) = answer["errors"]
    return error["extensions"]["code"], error["extensions"].get("status")


def runs_of(place: Place, admin_url: str) -> int:
    with psycopg.connect(admin_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM operation_runs WHERE workspace_id = %s", (place.workspace,)
        ).fetchone()
        assert row is not None
        return int(row[0])


class TestWhoAsks:
    @pytest.mark.parametrize("token", [None, "nonsense", "atlas_" + "x" * 43])
    def test_without_a_valid_token_nothing_is_answered(self, atlas: Installation, token: str | None) -> None:
        answer = atlas.post("{ viewer { id } }", token=token)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert "data" not in answer.json()

    def test_an_expired_token_opens_nothing(self, place: Place) -> None:
        answer = place.atlas.post("{ viewer { id } }", token=place.member("readonly", days=-1))
        assert answer.status_code == 401

    def test_a_token_of_the_other_plane_is_a_stranger(self, place: Place) -> None:
        answer = place.atlas.post("{ viewer { id } }", token=place.member("owner", plane="platform"))
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")

    def test_a_foreign_tenant_and_an_absent_one_get_the_same_answer(
        self, place: Place, atlas: Installation
    ) -> None:
        stranger = atlas.new_place(provider=False)
        foreign = place.ask(TENANT, stranger.token, id=place.tenant_id)
        absent = place.ask(TENANT, stranger.token, id=ids.encode("Tenant", uuid4()))
        for answer in (foreign, absent):
            answer["errors"][0]["extensions"].pop("requestId")
        assert foreign == absent
        assert error_of(foreign) == ("NOT_FOUND", 404)
        assert foreign["data"] == {"tenant": None}

    def test_a_member_who_was_granted_nothing_does_not_find_the_tenant(self, place: Place) -> None:
        assert error_of(place.ask(TENANT, place.member(None), id=place.tenant_id)) == ("NOT_FOUND", 404)

    def test_a_malformed_id_is_bad_input(self, place: Place) -> None:
        assert error_of(place.ask(TENANT, id="nonsense")) == ("BAD_USER_INPUT", None)

    def test_node_gives_null_for_whatever_is_out_of_reach(self, place: Place, atlas: Installation) -> None:
        stranger = atlas.new_place(provider=False)
        for id_ in ("nonsense", ids.encode("Tenant", uuid4()), place.tenant_id):
            answer = stranger.ask("query Q($id: ID!) { node(id: $id) { id } }", id=id_)
            assert answer == {"data": {"node": None}}

    @pytest.mark.parametrize(
        ("role", "mutation"),
        [
            pytest.param("readonly", "fetchAssignments", id="readonly cannot back up"),
            pytest.param("readonly", "planAssignmentRestore", id="readonly cannot plan"),
            pytest.param("operator", "restoreAssignments", id="operator cannot restore"),
        ],
    )
    def test_a_member_without_the_capability_is_refused_and_audited(
        self, place: Place, admin_url: str, role: str, mutation: str
    ) -> None:
        backup_set = backed_up(place)
        plan = planned(place, backup_set)
        given = {
            "fetchAssignments": {"tenantId": place.tenant_id},
            "planAssignmentRestore": {"tenantId": place.tenant_id, "backupSetId": backup_set},
            "restoreAssignments": restore_input(plan),
        }[mutation]
        kind = mutation[0].upper() + mutation[1:] + "Input"
        before = runs_of(place, admin_url)
        answer = place.ask(
            f"mutation M($input: {kind}!) {{ {mutation}(input: $input) {{ __typename }} }}",
            place.member(role),
            input=given,
        )
        assert (answer["data"], error_of(answer)) == ({mutation: None}, ("FORBIDDEN", 403))
        assert runs_of(place, admin_url) == before
        entries = place.ask(
            'query Q($id: ID!) { tenant(id: $id) { auditEntries(filter: {actions: ["mutation.refused"]})'
            " { nodes { details } } } }",
            id=place.tenant_id,
        )["data"]["tenant"]["auditEntries"]["nodes"]
        assert [entry["details"]["mutation"] for entry in entries] == [mutation]


class TestWhatIsAskedFor:
    def test_an_unknown_operation_is_no_field(self, place: Place) -> None:
        answer = place.ask('mutation { eatAssignments(input: {tenantId: "x"}) { __typename } }')
        assert error_of(answer)[0] == "GRAPHQL_VALIDATION_FAILED"

    def test_text_that_is_no_graphql(self, place: Place) -> None:
        assert error_of(place.ask("query {"))[0] == "GRAPHQL_PARSE_FAILED"

    def test_too_large_a_page(self, place: Place) -> None:
        answer = place.ask(
            "query Q($id: ID!) { tenant(id: $id) { runs(first: 101) { nodes { id } } } }", id=place.tenant_id
        )
        assert error_of(answer)[0] == "BAD_USER_INPUT"

    @pytest.mark.parametrize(
        ("change", "typename", "field"),
        [
            pytest.param({"policyTypes": ["toasters"]}, "ValidationError", "policyTypes", id="unknown type"),
            pytest.param(
                {"policyTypes": ["mobileApps", "mobileApps"]},
                "ValidationError",
                "policyTypes",
                id="named twice",
            ),
        ],
    )
    def test_a_backup_of_nonsense(
        self, place: Place, admin_url: str, change: dict[str, Any], typename: str, field: str
    ) -> None:
        result = place.start("fetchAssignments", {"tenantId": place.tenant_id, **change})
        assert (result["__typename"], result["field"]) == (typename, field)
        assert runs_of(place, admin_url) == 0

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            pytest.param({"policyTypes": ["toasters"]}, "policyTypes", id="unknown type"),
            pytest.param({"policyIds": ["no such policy"]}, "policyIds", id="empty selection"),
            pytest.param(
                {
                    "groupMappings": [
                        {"sourceId": GUIDS[0], "targetId": GUIDS[2]},
                        {"sourceId": GUIDS[1], "targetId": GUIDS[2]},
                    ]
                },
                "groupMappings",
                id="two groups become one",
            ),
            pytest.param(
                {"filterMappings": [{"sourceId": GUIDS[0], "targetId": "a/b?c"}]},
                "filterMappings.0.targetId",
                id="no id at all",
            ),
        ],
    )
    def test_a_plan_of_nonsense(
        self, place: Place, admin_url: str, change: dict[str, Any], field: str
    ) -> None:
        backup_set = backed_up(place)
        before = runs_of(place, admin_url)
        given = {"tenantId": place.tenant_id, "backupSetId": backup_set, **change}
        result = place.start("planAssignmentRestore", given)
        assert (result["__typename"], result["field"]) == ("ValidationError", field)
        assert runs_of(place, admin_url) == before

    def test_a_plan_from_a_backup_of_another_workspace(self, place: Place, atlas: Installation) -> None:
        backup_set = backed_up(place)
        stranger = atlas.new_place()
        answer = stranger.ask(
            "mutation M($input: PlanAssignmentRestoreInput!)"
            " { planAssignmentRestore(input: $input) { __typename } }",
            input={"tenantId": stranger.tenant_id, "backupSetId": backup_set},
        )
        assert error_of(answer) == ("NOT_FOUND", 404)

    @pytest.mark.parametrize(
        ("change", "typename"),
        [
            pytest.param({"planDigest": "0" * 64}, "PlanMismatch", id="another digest"),
            pytest.param({"confirmation": "marigold.example"}, "ValidationError", id="another domain"),
            pytest.param({"confirmation": ""}, "ValidationError", id="no confirmation"),
            pytest.param({"reason": "  "}, "ValidationError", id="no reason"),
            pytest.param({"acknowledgeAllWarnings": False}, "WarningsNotAcknowledged", id="warnings"),
            pytest.param({"acknowledgedWarnings": ["no such"]}, "ValidationError", id="unknown warning"),
        ],
    )
    def test_an_execution_that_was_not_seen_or_not_confirmed(
        self, place: Place, admin_url: str, change: dict[str, Any], typename: str
    ) -> None:
        backup_set = backed_up(place)
        damaged(place)
        plan = planned(place, backup_set)
        before = runs_of(place, admin_url)
        result = place.start("restoreAssignments", restore_input(plan, **change))
        assert result["__typename"] == typename
        assert runs_of(place, admin_url) == before

    def test_an_expired_plan(self, place: Place, admin_url: str) -> None:
        plan = planned(place, backed_up(place))
        with psycopg.connect(admin_url) as connection:
            connection.execute(
                "UPDATE restore_runs SET expires_at = now() - interval '1 second' WHERE tenant_id = %s",
                (place.tenant,),
            )
        assert place.start("restoreAssignments", restore_input(plan))["__typename"] == "PlanExpired"

    def test_a_restore_needs_an_idempotency_key(self, place: Place) -> None:
        plan = planned(place, backed_up(place))
        given = restore_input(plan)
        del given["idempotencyKey"]
        answer = place.ask(
            "mutation M($input: RestoreAssignmentsInput!)"
            " { restoreAssignments(input: $input) { __typename } }",
            input=given,
        )
        assert answer["errors"][0]["extensions"]["code"] in ("BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED")

    def test_cancelling_a_run_that_has_ended(self, place: Place) -> None:
        run = place.run("fetchAssignments", {"tenantId": place.tenant_id})
        answer = place.ask(
            "mutation M($id: ID!) { cancelRun(input: {runId: $id}) { __typename ... on Error { code } } }",
            id=run["id"],
        )
        assert answer["data"]["cancelRun"] == {"__typename": "RunFinished", "code": "RUN_FINISHED"}


class TestWhatTheTenantIsLike:
    def test_a_tenant_without_a_provider(self, atlas: Installation) -> None:
        place = atlas.new_place(provider=False)
        run = place.run("fetchAssignments", {"tenantId": place.tenant_id})
        (failure,) = run["failures"]
        assert (run["outcome"], failure["reasonCode"]) == ("FAILED", "MISSING_CONFIGURATION")

    def test_writes_that_are_not_enabled(self, place: Place, admin_url: str) -> None:
        plan = planned(place, backed_up(place))
        with psycopg.connect(admin_url) as connection:
            connection.execute(
                "UPDATE providers SET writes_enabled = false WHERE tenant_id = %s", (place.tenant,)
            )
        assert place.start("restoreAssignments", restore_input(plan))["__typename"] == "WritesNotEnabled"

    def test_a_wrong_client_secret(self, atlas: Installation) -> None:
        place = atlas.new_place(provider=False)
        place.add_provider(secret="wrong")
        run = place.run("fetchAssignments", {"tenantId": place.tenant_id})
        assert run["outcome"] == "FAILED"
        assert {failure["reasonCode"] for failure in run["failures"]} == {"AUTHENTICATION_FAILED"}

    def test_a_backup_whose_assignments_could_not_be_read_cannot_be_restored_as_empty(
        self, place: Place
    ) -> None:
        fault = {"path": ".*/deviceCompliancePolicies.*", "status": 403}
        url = f"{place.atlas.simulator.url}/_simulator/faults"
        loopback.post(url, json=[fault]).raise_for_status()
        given = {"tenantId": place.tenant_id, "policyTypes": ["deviceCompliancePolicies"]}
        run = place.run("fetchAssignments", given)
        loopback.delete(url).raise_for_status()
        (failure,) = run["failures"]
        assert (run["outcome"], failure["reasonCode"]) == ("FAILED", "PERMISSION_DENIED")
        result = place.start(
            "planAssignmentRestore", {"tenantId": place.tenant_id, "backupSetId": run["subject"]["id"]}
        )
        assert (result["__typename"], result["field"]) == ("ValidationError", "backupSetId")


def test_a_restore_into_another_tenant_names_what_it_cannot_map(place: Place) -> None:
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    backup_set = backed_up(place)
    plan = planned(other, backup_set)
    items = other.ask(
        "query Q($id: ID!) { node(id: $id) { ... on RestoreRun"
        " { items(first: 100, filter: {action: [BLOCKED]})"
        " { nodes { sourceName blockedReason } } mappings { kind sourceName reason } } } }",
        id=plan["id"],
    )["data"]["node"]
    reasons = {item["blockedReason"] for item in items["items"]["nodes"]}
    assert {"POLICY_NOT_FOUND", "UNRESOLVED_GROUP", "AMBIGUOUS_GROUP"} <= reasons
    filters = {m["sourceName"] for m in items["mappings"] if m["reason"] == "UNRESOLVED_FILTER"}
    assert filters == {"Personal Android"}
    unresolved = {m["sourceName"] for m in items["mappings"] if m["reason"] == "UNRESOLVED_GROUP"}
    assert unresolved == {"Contractors", "Test Bench"}
