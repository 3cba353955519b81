"""The plugins of the documentation are plugins: they load, run, and their tests pass."""

from __future__ import annotations

import hmac
import importlib.util
import os
import secrets
import subprocess
import sys
import textwrap
import time
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlas_gql.plugins import api
from atlas_gql.plugins.loading import Loaded, discover, load_plugins
from atlas_gql.simulator import Running
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.documents import blocks
from support.loopback import loopback
from support.paths import DATA_DIR, ROOT
from support.steps import backed_up, damaged, planned

PAGE = ROOT / "docs" / "plugins.md"
FIRST, ITS_TEST, *SECOND = (block.text for block in blocks("python", PAGE))
(PROJECT,) = (tomllib.loads(block.text) for block in blocks("toml", PAGE))


def test_the_first_plugin_is_found_and_its_test_passes(tmp_path: Path):
    (module,) = PROJECT["project"]["entry-points"][api.PROJECT].values()
    assert PROJECT["tool"]["setuptools"]["py-modules"] == [module]
    (tmp_path / f"{module}.py").write_text(FIRST)
    test = tmp_path / f"test_{module}.py"
    test.write_text(ITS_TEST.replace('Path(".atlas/test")', f"Path({str(DATA_DIR)!r})"))
    install(tmp_path)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", test.name],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (result.returncode, "1 passed" in result.stdout) == (0, True), result.stdout + result.stderr


def install(folder: Path) -> None:
    """What `pip install -e .` leaves for Python to find: the distribution's name and its entry points."""
    project = PROJECT["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("".join(lines))


def test_the_plugin_in_the_api_itself_is_the_first_plugin():
    text = (api.__doc__ or "").split("entry point of the group `atlas_gql`:\n\n")[1].split("\n\nThe host")[0]
    assert lines(textwrap.dedent(text)) == lines(FIRST)


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


@pytest.fixture
def second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """The second plugin, which the sections of the page make together, beside those that are installed."""
    file = tmp_path / "atlas_review.py"
    file.write_text("\n\n".join(SECOND))
    spec = importlib.util.spec_from_file_location("atlas_review", file)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "atlas_review", module)
    spec.loader.exec_module(module)
    loaded = load_plugins([*discover(), ("example", module)])
    assert loaded.refused == {}
    return loaded


@pytest.fixture
def reviewing(second: Loaded, simulator: Running) -> Iterator[Installation]:
    """In a database of its own: a worker that shares one would take its runs, and cannot open its secrets."""
    with (
        fresh_database(DATA_DIR) as database,
        installation(
            database,
            simulator=simulator,
            plugins=replace(second, policy_types=()),
        ) as running,
    ):
        yield running


@pytest.fixture
def reviewed(reviewing: Installation, simulator: Running, pristine: object) -> Place:
    loopback.post(f"{simulator.url}/_simulator/load", json=pristine).raise_for_status()
    return reviewing.new_place()


ITEMS = """
query Items($id: ID!) {
  node(id: $id) {
    ... on OperationRun {
      items(first: 100) { nodes { result } }
      result { ... on ExamplePlanReview { restoreRunId depth changed } }
    }
  }
}
"""


def test_the_second_plugin_reviews_a_plan(reviewed: Place):
    backup = backed_up(reviewed)
    damaged(reviewed)
    plan = planned(reviewed, backup)
    damaged(reviewed)
    run = reviewed.run("exampleReview", {"restoreRunId": plan["id"]})
    assert (run["outcome"], run["counters"]["processed"]) == ("SUCCEEDED", 63)
    assert [entry["action"] for entry in run["auditEntries"]["nodes"]] == ["plan.reviewed"]
    found = reviewed.ask(ITEMS, id=run["id"])["data"]["node"]
    assert {item["result"] for item in found["items"]["nodes"]} == {"as planned", "changed since"}
    changed = found["result"].pop("changed")
    assert (found["result"], 0 < len(changed) < 63) == (
        {"restoreRunId": plan["id"], "depth": "TENANT"},
        True,
    )
    given = {"restoreRunId": plan["id"], "depth": "PLAN", "policyTypes": ["mobileApps"]}
    assert 5 < reviewed.run("exampleReview", given)["counters"]["total"] < 63


def test_the_second_plugin_builds_on_another_one(reviewed: Place):
    backup = backed_up(reviewed)
    given = {"tenantId": reviewed.tenant_id, "backupSetId": backup}
    of_run = "... on OperationRun { result { json } children { nodes { type } } }"
    query = f"query C($id: ID!) {{ node(id: $id) {{ {of_run} }} }}"
    found = []
    for _ in range(2):
        run = reviewed.run("exampleCheck", given)
        node = reviewed.ask(query, id=run["id"])["data"]["node"]
        found.append((run["outcome"], node["result"]["json"], node["children"]["nodes"]))
        damaged(reviewed)
    child = [{"type": "assignments.compare"}]
    assert found == [("SUCCEEDED", {"unchanged": True}, child), ("SUCCEEDED", {"unchanged": False}, child)]


def test_the_second_plugin_adds_a_capability(reviewed: Place):
    query = "query V($id: ID!) { tenant(id: $id) { viewerCapabilities } }"
    backup = backed_up(reviewed)
    plan = planned(reviewed, backup)
    held, answers = {}, {}
    for role in ("readonly", "operator", "manager", "owner"):
        token = reviewed.member(role)
        seen = reviewed.ask(query, token, id=reviewed.tenant_id)["data"]["tenant"]["viewerCapabilities"]
        held[role] = "example.review" in seen
        answer = reviewed.ask(
            "mutation R($input: ExampleReviewInput!) { exampleReview(input: $input) { __typename } }",
            token,
            input={"restoreRunId": plan["id"]},
        )
        answers[role] = [error["extensions"].get("capability") for error in answer.get("errors", ())]
    assert held == {"readonly": False, "operator": True, "manager": True, "owner": True}
    assert answers == {"readonly": ["example.review"], "operator": [], "manager": [], "owner": []}


def test_the_second_plugin_declares_what_only_it_knows(reviewing: Installation):
    query = "{ reasonDetails { plugin name description } operationTypes { type reasonDetails { name } } }"
    answer = reviewing.new_place().ask(query)["data"]
    assert [one["name"] for one in answer["reasonDetails"] if one["plugin"] == "example"] == ["blocked"]
    said = {one["type"]: [each["name"] for each in one["reasonDetails"]] for one in answer["operationTypes"]}
    assert (said["example.review"], said["example.check"]) == (["blocked"], ["blocked"])
    assert said["assignments.fetch"] == []


def test_the_second_plugin_adds_a_kind_of_policy(
    second: Loaded, test_database: TestDatabase, simulator: Running
):
    with installation(
        test_database, simulator=simulator, policy_types=second.policy_types, worker=False
    ) as running:
        answer = running.new_place().ask("{ policyTypes { type supportsRestore whyNot } }")
    added = answer["data"]["policyTypes"][-1]
    assert (added["type"], added["supportsRestore"]) == ("exampleProfiles", False)
    assert added["whyNot"].startswith("Microsoft does not document")


def test_the_second_plugin_refuses_a_plan_that_failed(reviewed: Place):
    backup = backed_up(reviewed)
    faults = f"{reviewed.atlas.simulator.url}/_simulator/faults"
    loopback.post(faults, json=[{"path": "^/beta/device", "status": 403}]).raise_for_status()
    try:
        failed = reviewed.run(
            "planAssignmentRestore", {"tenantId": reviewed.tenant_id, "backupSetId": backup}
        )
    finally:
        loopback.delete(faults).raise_for_status()
    answer = reviewed.start("exampleReview", {"restoreRunId": failed["subject"]["id"]})
    assert (answer["__typename"], answer["code"]) == ("ExamplePlanUnfinished", "PLAN_UNFINISHED")


NOTES = """
query Notes($id: ID!) {
  tenant(id: $id) {
    runs(first: 5, filter: {internal: true, type: ["example.note"]}) {
      nodes { status items { nodes { result } } }
    }
  }
}
"""
PLANNED = """
query Planned($id: ID!) {
  tenant(id: $id) { runs(first: 5, filter: {type: ["assignments.plan"]}) { nodes { uuid } } }
}
"""
SETTING = """
mutation Set($input: SetExampleSettingsInput!) {
  setExampleSettings(input: $input) {
    ... on TenantPayload { tenant { exampleSettings { inbox signingSecretIsSet } } }
    ... on ValidationError { field message }
  }
}
"""


def test_the_second_plugin_is_set_and_signs_what_it_notes(reviewed: Place):
    def give(**values: str) -> dict[str, Any]:
        given = {"tenantId": reviewed.tenant_id, **values}
        result: dict[str, Any] = reviewed.ask(SETTING, input=given)["data"]["setExampleSettings"]
        return result

    assert give(inbox="ftp://inbox.example") == {"field": "inbox", "message": "An inbox is reached by https."}
    secret = secrets.token_urlsafe(20)
    assert give(inbox="https://inbox.example", signingSecret=secret) == {
        "tenant": {"exampleSettings": {"inbox": "https://inbox.example", "signingSecretIsSet": True}}
    }
    planned(reviewed, backed_up(reviewed))
    end = time.monotonic() + 20
    while time.monotonic() < end:
        notes = reviewed.ask(NOTES, id=reviewed.tenant_id)["data"]["tenant"]["runs"]["nodes"]
        if notes and notes[0]["status"] == "COMPLETED":
            break
        time.sleep(0.05)
    run = reviewed.ask(PLANNED, id=reviewed.tenant_id)["data"]["tenant"]["runs"]["nodes"][0]["uuid"]
    signed = hmac.new(secret.encode(), run.encode(), "sha256").hexdigest()
    assert notes == [{"status": "COMPLETED", "items": {"nodes": [{"result": signed}]}}]
