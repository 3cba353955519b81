"""The plugins of the documentation are plugins: they load, run, and their tests pass."""

from __future__ import annotations

import hmac
import importlib.util
import json
import os
import re
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
from typer.testing import CliRunner

from atlas_gql.cli import app
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


def sections(*names: str) -> list[str]:
    """The Python in sections of the page."""
    return [
        found[1]
        for name in names
        for found in re.finditer(r"^```python\n(.*?)^```$", SECTIONS[name], re.MULTILINE | re.DOTALL)
    ]


SECTIONS = dict(part.split("\n", 1) for part in f"\n{PAGE.read_text()}".split("\n## ")[1:])
CONFTEST, *TESTS = sections("Testing a plugin")
(FIRST,) = sections("The shortest plugin")
SECOND = sections(*(name for name in SECTIONS if name not in ("Testing a plugin", "The shortest plugin")))
(PROJECT,) = (tomllib.loads(block.text) for block in blocks("toml", PAGE))

AS_A_NEWCOMER = """
RUNS = '''
query Monitoring($id: ID!) {
  __type(name: "TallyCountInput") { inputFields { name } }
  tenant(id: $id) {
    runs(first: 5) { nodes { type outcome counters { processed } } }
    auditEntries(first: 5) { nodes { action } }
  }
}
'''


def test_the_mutation_the_run_and_the_audit_entry_are_there(tenant):
    given = {"tenantId": tenant.tenant_id, "policyType": "mobileApps", "onlyUnassigned": True}
    some = tenant.run("tallyCount", given)
    every = tenant.run("tallyCount", {**given, "onlyUnassigned": False})
    assert some["counters"]["processed"] < every["counters"]["processed"]
    seen = tenant.ask(RUNS, id=tenant.tenant_id)["data"]
    assert [field["name"] for field in seen["__type"]["inputFields"]] == [
        "idempotencyKey", "onlyUnassigned", "policyType", "tenantId"
    ]
    assert [(run["type"], run["outcome"]) for run in seen["tenant"]["runs"]["nodes"]] == [
        ("tally.count", "SUCCEEDED")
    ] * 2
    assert {entry["action"] for entry in seen["tenant"]["auditEntries"]["nodes"]} == {"policies.counted"}


def test_the_shortest_plugin_works_beside_it(run_operation):
    assert run_operation("example.count", {"policyType": "mobileApps"}).counters.processed > 5
"""


def test_a_newcomer_writes_installs_and_uses_a_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """By the page alone: new, one change, pip install; in a new process its tests pass, and all is there."""
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["plugins", "new", "tally"]).exit_code == 0
    folder, site = tmp_path / "atlas-tally", tmp_path / "site"
    changed(folder / "src" / "atlas_tally" / "plugin.py")
    python(
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        str(site),
        ".",
        at=folder,
    )
    installed_shortest(site)
    assert (folder / "tests" / "conftest.py").read_text().endswith(CONFTEST)
    (folder / "tests" / "test_page.py").write_text("\n\n".join(TESTS))
    (folder / "tests" / "test_newcomer.py").write_text(AS_A_NEWCOMER)
    (folder / ".atlas").mkdir()
    (folder / ".atlas" / "test").symlink_to(DATA_DIR)  # one server for all tests
    listed = python("-m", "atlas_gql.cli", "plugins", "list", "--json", at=folder, path=site)
    found = {plugin["name"]: plugin["refused"] for plugin in json.loads(listed)}
    assert {"example": None, "tally": None}.items() <= found.items()
    told = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", at=folder, path=site)
    tests = sum(file.read_text().count("def test_") for file in (folder / "tests").glob("test_*.py"))
    assert f"{tests} passed" in told, told


def changed(file: Path) -> None:
    """Make the changes that the page shows."""
    text = file.read_text()
    for block in blocks("diff", PAGE):
        lines = block.text.splitlines()
        before = "\n".join(line[1:] for line in lines if line[0] != "+")
        assert text.count(before) == 1, before
        text = text.replace(before, "\n".join(line[1:] for line in lines if line[0] != "-"))
    file.write_text(text)


def python(*args: str, at: Path, path: Path | None = None) -> str:
    """What Python prints there, with a folder of packages before those of the tests."""
    # Not what an editable installation adds: the tests' own modules.
    known = [str(path) if path else "", *sys.path]
    done = subprocess.run(
        [sys.executable, *args],
        cwd=at,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, known))},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def installed_shortest(site: Path) -> None:
    """What `pip install .` leaves of the shortest plugin."""
    (module,) = PROJECT["project"]["entry-points"][api.PROJECT].values()
    assert PROJECT["tool"]["setuptools"]["py-modules"] == [module]
    (site / f"{module}.py").write_text(FIRST)
    install(site)


def test_the_shortest_useful_plugin_has_at_most_25_lines():
    assert len(lines(FIRST)) <= 25


def install(folder: Path) -> None:
    """A distribution's name, its dependencies and its entry points, for Python to find."""
    project = PROJECT["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    needed = "".join(f"Requires-Dist: {line}\n" for line in project["dependencies"])
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n{needed}"
    )
    points = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in named.items())
        for group, named in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("".join(points))


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
