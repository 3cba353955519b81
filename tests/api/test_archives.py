"""Export and import over HTTP: the same set on both sides, and nothing taken in that is not whole."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import httpx
import psycopg
import pytest

from atlas_gql.simulator import DEMO_SECOND_TENANT, DEMO_TENANT
from atlas_gql.testing.installation import Installation, Place
from support.archives import content, exported, facts, imported, read, record, uuid_of, written
from support.loopback import loopback
from support.steps import backed_up, damaged, planned, restore_input

SET = """
query Set($id: ID!) {
  node(id: $id) {
    ... on BackupSet {
      origin state itemCount failedCount overlappedWrite run { id }
      source { entraTenantId primaryDomain setUuid origin capturedAt completedAt }
      items(first: 100) {
        nodes {
          policyType externalId name platform assignmentsState assignmentCount reasonCode message createdAt
          assignments groups filters
        }
      }
    }
  }
}
"""
AUDIT = """
query Audit($id: ID!, $action: String!) {
  tenant(id: $id) {
    auditEntries(filter: {actions: [$action]}) { nodes { resource { kind id } details requestId } }
  }
}
"""
GROUP = "11111111-2222-4333-8444-555555555555"


def items_of(place: Place, set_id: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = place.ask(SET, id=set_id)["data"]["node"]["items"]["nodes"]
    return sorted(items, key=lambda item: (item["policyType"], item["externalId"]))


def sets_of(admin_url: str, place: Place) -> int:
    """How many sets, items and contents the tenant has."""
    with psycopg.connect(admin_url) as connection:
        return sum(
            connection.execute(
                f"SELECT count(*) FROM {table} WHERE tenant_id = %s", (place.tenant,)
            ).fetchone()[0]  # type: ignore[index, arg-type]
            for table in ("backup_sets", "backup_items", "backup_contents")
        )


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["extensions"]["code"]


def test_a_set_goes_out_and_comes_into_another_installation_s_tenant(
    place: Place, atlas: Installation
) -> None:
    backup = backed_up(place)
    answer = exported(place, backup)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert answer.headers["content-length"] == str(len(answer.content))
    elsewhere = atlas.new_place()  # of the same real tenant, in a workspace that knows nothing of the first
    taken = imported(elsewhere, answer.content)
    assert taken.status_code == 201, taken.text
    made = taken.json()["backupSet"]
    before, after = (
        placed.ask(SET, id=id_)["data"]["node"] for placed, id_ in ((place, backup), (elsewhere, made["id"]))
    )
    assert items_of(elsewhere, made["id"]) == items_of(place, backup)
    assert (after["origin"], after["state"], after["itemCount"], after["run"]) == (
        "IMPORTED",
        "COMPLETE",
        63,
        None,
    )
    assert (made["itemCount"], taken.json()["deduplicated"]) == (63, False)
    assert before["source"] is None
    assert after["source"]["setUuid"] == str(uuid_of(backup))
    assert (
        after["source"]["entraTenantId"],
        after["source"]["primaryDomain"],
        after["source"]["origin"],
    ) == (
        DEMO_TENANT.id,
        DEMO_TENANT.domain,
        "REQUESTED",
    )
    # Out again: the same bytes.
    assert exported(elsewhere, made["id"]).content == answer.content


def test_the_same_archive_is_imported_once(place: Place) -> None:
    archive = exported(place, backed_up(place)).content
    first, again = imported(place, archive), imported(place, archive)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {**first.json(), "deduplicated": True}


def test_an_imported_set_restores_the_tenant_by_id_as_its_own_would(
    place: Place, atlas: Installation
) -> None:
    archive = exported(place, backed_up(place)).content
    elsewhere = atlas.new_place()
    made = imported(elsewhere, archive).json()["backupSet"]
    damaged(place)
    plan = planned(elsewhere, made["id"])
    assert plan["summary"]["policies"]["blocked"] == 0
    assert "MATCHED_BY_NAME" not in {warning["code"] for warning in plan["warnings"]}
    assert elsewhere.run("restoreAssignments", restore_input(plan))["outcome"] == "SUCCEEDED"
    assert planned(elsewhere, made["id"])["summary"]["policies"]["write"] == 0


def test_an_imported_set_of_another_tenant_is_matched_by_name(place: Place) -> None:
    archive = exported(place, backed_up(place)).content
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    made = imported(other, archive).json()["backupSet"]
    plan = planned(other, made["id"])
    assert "MATCHED_BY_NAME" in {warning["code"] for warning in plan["warnings"]}


def test_what_cannot_be_written_is_kept_as_it_is_and_blocked(place: Place) -> None:
    strange = content(
        assignments=[{"target": {"@odata.type": "#microsoft.graph.someNewTarget", "ring": [1, {"x": None}]}}]
    )
    about = facts(entra_tenant_id=DEMO_TENANT.id, primary_domain=DEMO_TENANT.domain)
    kind = {"policy_type": "futurePolicies", "id": "p2", "name": "New"}
    archive = written(about, [strange], [record(strange), record(strange, **kind)])
    made = imported(place, archive).json()["backupSet"]
    assert [item["assignments"] for item in items_of(place, made["id"])] == [strange["assignments"]] * 2
    policies = planned(place, made["id"])["summary"]["policies"]
    assert (policies["write"], policies["none"], policies["blocked"]) == (0, 0, 2)


@pytest.mark.parametrize(
    ("archive", "expected"),
    [
        pytest.param(b"", (422, "ARCHIVE_FOREIGN"), id="empty"),
        pytest.param(b"%PDF-1.7 " + b"x" * 500, (422, "ARCHIVE_FOREIGN"), id="no zip"),
        pytest.param("zip", (422, "ARCHIVE_FOREIGN"), id="another zip"),
        pytest.param("cut", (422, "ARCHIVE_DAMAGED"), id="cut"),
        pytest.param("flipped", (422, "ARCHIVE_DAMAGED"), id="one bit"),
        pytest.param("large", (413, "ARCHIVE_TOO_LARGE"), id="too large"),
    ],
)
def test_what_is_no_whole_archive_is_refused_and_nothing_is_left(
    place: Place, admin_url: str, archive: bytes | str, expected: tuple[int, str]
) -> None:
    good = written(facts(), [content(GROUP)], [record(content(GROUP))])
    if archive == "zip":
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as other:
            other.writestr("word/document.xml", "<x/>")
        archive = file.getvalue()
    elif archive == "cut":
        archive = good[:-100]
    elif archive == "flipped":
        archive = good[:200] + bytes([good[200] ^ 1]) + good[201:]
    elif archive == "large":
        archive = b"x" * 100_000_001
    assert isinstance(archive, bytes)
    assert code(imported(place, archive)) == expected
    assert sets_of(admin_url, place) == 0


def test_what_a_page_in_the_middle_gets_wrong_leaves_nothing(place: Place, admin_url: str) -> None:
    """More than one page is stored before it is seen."""
    contents = [content(scopeTagIds=[str(n)]) for n in range(1200)]
    contents[-1]["assignments"] = [{"target": {"@odata.type": "x", "groupId": "../.."}}]
    records = sorted((record(of, id=f"p{n}") for n, of in enumerate(contents)), key=lambda made: made.order)
    assert code(imported(place, written(facts(), contents, records))) == (422, "ARCHIVE_INVALID")
    assert sets_of(admin_url, place) == 0


class TestWhoMay:
    def test_roles(self, place: Place) -> None:
        backup = backed_up(place)
        archive = exported(place, backup).content
        may = {
            role: (exported(place, backup, token).status_code, imported(place, archive, token).status_code)
            for role in ("readonly", "operator", "manager", None)
            for token in [place.member(role)]
        }
        assert may == {
            "readonly": (403, 403),
            "operator": (200, 403),
            "manager": (200, 201),
            None: (404, 404),
        }

    def test_a_refusal_names_the_capability_and_is_audited(self, place: Place) -> None:
        answer = exported(place, backed_up(place), place.member("readonly"))
        assert answer.json()["errors"][0]["message"] == "This needs the capability backups.export."
        (entry,) = place.ask(AUDIT, id=place.tenant_id, action="mutation.refused")["data"]["tenant"][
            "auditEntries"
        ]["nodes"]
        assert entry["details"] == {"mutation": "exportBackup", "capability": "backups.export"}

    def test_strangers_learn_nothing(self, place: Place, atlas: Installation) -> None:
        backup, stranger = backed_up(place), atlas.new_place(provider=False)
        answers = [
            exported(place, backup, stranger.token),
            imported(place, b"", stranger.token),
            loopback.get(
                f"{atlas.url}/backups/nonsense/archive", headers={"Authorization": f"Bearer {place.token}"}
            ),
            exported(place, backup, place.member("owner", plane="platform")),
        ]
        assert [code(answer) for answer in answers] == [(404, "NOT_FOUND")] * 4
        assert len({answer.json()["errors"][0]["message"] for answer in answers}) == 1

    def test_without_a_token(self, place: Place, atlas: Installation) -> None:
        answer = loopback.get(f"{atlas.url}/backups/{place.tenant}/archive")
        assert (code(answer), answer.headers["www-authenticate"]) == ((401, "UNAUTHENTICATED"), "Bearer")


def test_another_method_and_another_type_are_refused(place: Place) -> None:
    url = f"{place.atlas.url}/backups/{place.tenant}/archive"
    answer = loopback.delete(url, headers={"Authorization": f"Bearer {place.token}"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert imported(place, b"{}", media_type="application/json").status_code == 415


def test_both_are_audited_with_the_request_s_id(place: Place) -> None:
    backup = backed_up(place)
    answer = exported(place, backup)
    made = imported(place, answer.content).json()["backupSet"]
    for action, set_id in (("backup.exported", uuid_of(backup)), ("backup.imported", made["uuid"])):
        (entry,) = place.ask(AUDIT, id=place.tenant_id, action=action)["data"]["tenant"]["auditEntries"][
            "nodes"
        ]
        assert entry["resource"] == {"kind": "BackupSet", "id": str(set_id)}
        digest = answer.content[-64:].decode()
        assert entry["details"] == {"items": 63, "sha256": digest}
        assert entry["requestId"]
    assert entry["requestId"] != answer.headers["x-request-id"]


def test_no_more_than_so_many_at_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atlas_gql.schema.archives.AT_ONCE", 0)
    answer = imported(place, b"")
    assert (code(answer), answer.headers["retry-after"]) == ((429, "RATE_LIMITED"), "5")


def test_a_set_that_is_being_captured_is_not_exported(place: Place, admin_url: str) -> None:
    backup = backed_up(place)
    with psycopg.connect(admin_url) as connection:
        connection.execute("UPDATE backup_sets SET state = 'capturing' WHERE id = %s", (uuid_of(backup),))
    assert code(exported(place, backup)) == (409, "BACKUP_SET_IN_USE")


def test_the_archive_holds_what_was_captured_and_no_secret(place: Place) -> None:
    archive = exported(place, backed_up(place)).content
    about, contents, records = read(archive)
    assert about.primary_domain == DEMO_TENANT.domain
    assert len(records) == 63
    assert len(contents) <= 63
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        text = "".join(opened.read(name).decode() for name in opened.namelist())
    assert place.token not in text
    assert str(place.tenant) not in text  # ids of this installation mean nothing elsewhere, but the set's
