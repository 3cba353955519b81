"""After the main job, with everything that can go wrong said aloud, no secret is found anywhere."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from dataclasses import replace

import pytest

from atlas_gql import logs
from atlas_gql import simulator as simulators
from atlas_gql.simulator import DEMO_TENANT, Running
from atlas_gql.simulator.tokens import Tokens
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.dump import dump_of, forms_of
from support.paths import DATA_DIR
from support.steps import backed_up, damaged, faults, planned, restore_input

EVERYTHING = """
query Everything($id: ID!) {
  tenant(id: $id) {
    name
    runs(first: 15) { nodes {
      id type status outcome target reason requestId
      failures { code reasonCode reasonDetail message requestId }
      items(first: 100) { nodes { key label state result failure { message } } }
    } }
    auditEntries(first: 100) { nodes { action outcome reason details requestId } }
    backupSets(first: 15) { nodes {
      items(first: 100) { nodes { name message assignments groups filters } }
    } }
    restoreRuns(first: 15) { nodes {
      summary { policies { write } } items(first: 100) { nodes { blockedMessage } }
    } }
  }
}
"""


def token_like() -> str:
    return "eyJ" + ".".join(secrets.token_urlsafe(24) for _ in range(3))


@pytest.fixture
def database() -> Iterator[TestDatabase]:
    with fresh_database(DATA_DIR) as database:
        yield database


@pytest.fixture
def json_logs(capfd: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """What is logged, at the least level, as production writes it."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    logs.configure(format_="json", level="debug")
    yield capfd
    root.handlers[:] = before[0]
    root.setLevel(before[1])


@pytest.fixture
def minted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every access token that Microsoft's login service gives."""
    tokens: list[str] = []
    mint = Tokens.mint

    def keep(self: Tokens, *arguments: object) -> str:
        tokens.append(mint(self, *arguments))
        return tokens[-1]

    monkeypatch.setattr(Tokens, "mint", keep)
    return tokens


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every answer of the API, headers and all."""
    answers: list[str] = []
    post = Installation.post

    def keep(self: Installation, *arguments: object, **more: object) -> object:
        answer = post(self, *arguments, **more)
        answers.append(f"{answer.headers} {answer.text}")
        return answer

    monkeypatch.setattr(Installation, "post", keep)
    return answers


def registered(simulator: Running, secret: str) -> None:
    """Let the application at Microsoft have this secret."""
    tenant = simulator.state.find(DEMO_TENANT.id)
    assert tenant is not None
    tenant.registration = replace(tenant.registration, secret=secret)


def do_everything(place: Place, app_secret: str, seeded: str) -> None:
    """The main job, and each of its steps once more while Microsoft says what it should not."""
    simulator = place.atlas.simulator
    usual = simulator.state.find(DEMO_TENANT.id).registration.secret
    registered(simulator, app_secret)
    backup_set = backed_up(place)
    registered(simulator, usual)
    damaged(place)
    registered(simulator, app_secret)
    plan = planned(place, backup_set)
    said = {"code": f"Bearer {seeded}", "message": f'{{"token": "{seeded}", "secret": "{app_secret}"}}'}
    faults(
        place,
        {"path": "deviceConfigurations/.*/assign$", "status": 400, **said},
        {"path": "configurationPolicies/.*/assign$", "status": 500, "body": "nested", "times": 1, **said},
    )
    reason = f"Because of Authorization: Bearer {seeded} and client_secret={app_secret}"
    run = place.run("restoreAssignments", restore_input(plan, reason=reason))
    assert run["outcome"] == "PARTIALLY_SUCCEEDED"
    faults(place)
    again = {
        name: value for name, value in restore_input(plan, reason=reason).items() if name != "restoreRunId"
    }
    again.pop("acknowledgeAllWarnings")
    place.run("retryRun", {"runId": run["id"], **again})
    faults(place, {"path": "deviceManagement", "status": 403, **said})
    place.run("fetchAssignments", {"tenantId": place.tenant_id, "policyTypes": ["deviceConfigurations"]})
    faults(place)


def login_refused(place: Place) -> None:
    """A backup with a secret that Microsoft does not take."""
    run = place.run("fetchAssignments", {"tenantId": place.tenant_id})
    assert run["failures"][0]["reasonCode"] == "AUTHENTICATION_FAILED", run


def test_no_secret_is_found(
    database: TestDatabase,
    json_logs: pytest.CaptureFixture[str],
    minted: list[str],
    answered: list[str],
) -> None:
    app_secret, wrong_secret, seeded = (
        secrets.token_urlsafe(30) + "~",
        secrets.token_urlsafe(30),
        token_like(),
    )
    with simulators.running() as simulator, installation(database, simulator=simulator) as atlas:
        place, other = atlas.new_place(provider=False), atlas.new_place(provider=False)
        place.add_provider(secret=app_secret)
        other.add_provider(secret=wrong_secret)
        operator = place.member("operator")
        do_everything(place, app_secret, seeded)
        login_refused(other)
        for token in (place.token, operator):
            assert "errors" not in place.ask(EVERYTHING, token, id=place.tenant_id)
        atlas.post("{ viewer { id } }", token=seeded)
    written = json_logs.readouterr()
    places = {
        "database": dump_of(database.admin_url),
        "log": written.err + written.out,
        "API": "\n".join(answered),
    }
    # What is searched holds what was done; and all that is looked for was in use.
    assert [name for name, text in places.items() if str(place.tenant) not in text] == []
    assert minted
    assert places["API"].count("[redacted]") > 0
    looked_for = {
        "provider secret": app_secret,
        "refused secret": wrong_secret,
        "seeded token": seeded,
        "API token": place.token,
        "operator's token": operator,
        **{f"access token {n}": token for n, token in enumerate(minted)},
    }
    found = [
        (what, where)
        for what, secret in looked_for.items()
        for where, text in places.items()
        if any(form in text for form in forms_of(secret))
    ]
    assert found == []
