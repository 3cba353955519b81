"""After the main job, with everything that can go wrong said aloud, no secret is found anywhere."""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from atlas_gql import logs
from atlas_gql import simulator as simulators
from atlas_gql.audit import COMMAND
from atlas_gql.providers.resealing import reseal
from atlas_gql.providers.sealing import Sealer
from atlas_gql.simulator import DEMO_TENANT, Running
from atlas_gql.simulator.tokens import Tokens
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.certificates import certificate_of, pem, pfx
from support.connecting import change, changed, connected, register, secret_of
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


def use_every_kind_of_credential(place: Place, assertions: Path) -> dict[str, str]:
    """Make, rotate and use each, also with what Microsoft refuses; gives all that was secret in it."""
    names = ("first secret", "second secret", "pem passphrase", "pfx passphrase")
    used = {name: secrets.token_urlsafe(24) + "~" for name in names}
    key, packed_key = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    used["private key"], used["packed key"] = (pem(one).splitlines()[5] for one in (key, packed_key))
    used["assertion"] = token_like()
    (assertions / str(place.workspace)).mkdir()
    (assertions / str(place.workspace) / "token").write_text(used["assertion"])
    packed = pfx(packed_key, used["pfx passphrase"])
    used["packed"] = base64.b64encode(packed).decode()
    credential = secret_of(place, "App", used["first secret"])
    provider = connected(place, credential)
    login_refused(place)
    for material in (
        {"secret": used["second secret"]},
        {
            "certificate": {
                "certificate": certificate_of(key),
                "privateKey": pem(key, used["pem passphrase"]),
                "passphrase": used["pem passphrase"],
            }
        },
        {"pfx": {"content": used["packed"], "passphrase": used["pfx passphrase"]}},
        {"federated": {"file": "token"}},
    ):
        register(place, secret=secrets.token_urlsafe(9), certificates=[])
        changed(place, "rotateCredential", credentialId=credential["id"], material=material)
        login_refused(place)
    answer = change(place, "rotateCredential", credentialId=1, material=used["first secret"])
    assert answer["errors"]
    writer = secret_of(place, "Writer", used["second secret"])
    changed(place, "updateProvider", providerId=provider["id"], writeCredentialId=writer["id"])
    register(place)
    return used


def with_another_key(atlas: Installation) -> dict[str, str]:
    """Seal everything anew; gives the old key and the new one."""
    keys = {"new key": secrets.token_bytes(32)}
    keys |= {f"old key {n}": key for n, key in enumerate(atlas.sealer._keys.values())}
    done = asyncio.run_coroutine_threadsafe(
        reseal(atlas.database, COMMAND, Sealer(list(keys.values())), lambda *_: None), atlas._loop
    ).result(30)
    assert (done.resealed > 3, done.unopened) == (True, [])
    return {name: base64.b64encode(key).decode() for name, key in keys.items()}


def test_no_secret_is_found(
    tmp_path: Path,
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
    with (
        simulators.running() as simulator,
        installation(database, simulator=simulator, assertion_dir=tmp_path) as atlas,
    ):
        place, other = atlas.new_place(provider=False), atlas.new_place(provider=False)
        place.add_provider(secret=app_secret)
        other.add_provider(secret=wrong_secret)
        operator = place.member("operator")
        do_everything(place, app_secret, seeded)
        login_refused(other)
        for token in (place.token, operator):
            assert "errors" not in place.ask(EVERYTHING, token, id=place.tenant_id)
        atlas.post("{ viewer { id } }", token=seeded)
        held = use_every_kind_of_credential(atlas.new_place(provider=False), tmp_path)
        held |= with_another_key(atlas)
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
        **held,
        **{f"access token {n}": token for n, token in enumerate(minted)},
    }
    found = [
        (what, where)
        for what, secret in looked_for.items()
        for where, text in places.items()
        if any(form in text for form in forms_of(secret))
    ]
    assert found == []
