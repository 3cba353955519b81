"""What the login service says, from end to end: which reason a run fails for, and what to do about it."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from atlas_gql.graph.aadsts import _TABLE
from atlas_gql.reasons import ReasonCode
from atlas_gql.simulator import CLIENT_ID, CLIENT_SECRET, DEMO_SECOND_TENANT, Running
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.certificates import certificate_of, pem, pfx
from support.connecting import changed, connected, register, secret_of
from support.loopback import loopback
from support.paths import DATA_DIR
from support.steps import backed_up, damaged, faults, planned, restore_input

TRANSIENT = {ReasonCode.THROTTLED, ReasonCode.DEPENDENCY_UNREACHABLE, ReasonCode.TIMEOUT}
LASTING = sorted(code for code, (reason, _) in _TABLE.items() if reason not in TRANSIENT)
OTHER_CLIENT = "22222222-aaaa-4bbb-8ccc-333333333333"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def place(place: Place) -> Iterator[Place]:
    """A place whose tenant is as it was made, without a provider; the usual application after the test."""
    yield place.atlas.new_place(provider=False)
    register(place)


def backup(place: Place) -> dict[str, Any]:
    return place.run(
        "fetchAssignments", {"tenantId": place.tenant_id, "policyTypes": ["deviceConfigurations"]}
    )


def why(place: Place) -> tuple[str, str | None, str]:
    """Why a backup fails: reason code, detail and message."""
    run = backup(place)
    assert run["outcome"] == "FAILED", run
    failure = run["failures"][0]
    return failure["reasonCode"], failure["reasonDetail"], failure["message"]


@pytest.mark.parametrize("code", [*LASTING, 424242])
def test_each_code_of_the_login_service_has_its_reason_and_advice(place: Place, code: int) -> None:
    connected(place, secret_of(place, "App"))
    faults(place, {"aadsts": code})
    reason, detail, message = why(place)
    expected = _TABLE.get(code, (ReasonCode.AUTHENTICATION_FAILED, None))
    assert (reason, detail) == (expected[0], f"AADSTS{code}")
    assert message == expected[1] or (code == 424242 and "Check the provider" in message)


def test_the_problems_that_people_have_are_told_apart_and_say_what_to_do(place: Place) -> None:
    """As the service itself comes to say them, without a rule that makes it."""
    credential = secret_of(place, "App")
    provider = connected(place, credential)
    unknown = place.add_tenant("99999999-0000-4000-8000-000000000000", "unknown.example")
    told = {"unknown tenant": why(unknown)}
    register(place, secretExpired=True)
    told["expired secret"] = why(place)
    register(place, secret=secrets.token_urlsafe(12))
    told["wrong secret"] = why(place)
    register(place, disabled=True)
    told["disabled application"] = why(place)
    register(place, clientId=OTHER_CLIENT)
    told["not consented"] = why(place)
    register(place, certificates=[])
    material = {"certificate": {"certificate": certificate_of(KEY), "privateKey": pem(KEY)}}
    changed(place, "rotateCredential", credentialId=credential["id"], material=material)
    told["certificate not uploaded"] = why(place)
    changed(place, "rotateCredential", credentialId=credential["id"], material={"federated": {"file": "x"}})
    told["no assertion"] = why(place)
    changed(place, "deleteProvider", providerId=provider["id"])
    told["no provider"] = why(place)
    assert {problem: (reason, detail) for problem, (reason, detail, _) in told.items()} == {
        "unknown tenant": ("TENANT_NOT_FOUND", "AADSTS90002"),
        "expired secret": ("CREDENTIAL_EXPIRED", "AADSTS7000222"),
        "wrong secret": ("AUTHENTICATION_FAILED", "AADSTS7000215"),
        "disabled application": ("AUTHENTICATION_FAILED", "AADSTS7000112"),
        "not consented": ("CONSENT_MISSING", "AADSTS700016"),
        "certificate not uploaded": ("AUTHENTICATION_FAILED", "AADSTS700027"),
        "no assertion": ("MISSING_CONFIGURATION", None),
        "no provider": ("MISSING_CONFIGURATION", None),
    }
    assert len({message for _, _, message in told.values()}) == len(told)


def test_a_token_of_another_tenant_is_not_used(place: Place, simulator: Running) -> None:
    connected(place, secret_of(place, "App"))
    faults(place, {"tokenOf": DEMO_SECOND_TENANT.id})
    simulator.journal.clear()
    reason, detail, _ = why(place)
    assert (reason, detail) == ("AUTHENTICATION_FAILED", "wrong_tenant")
    assert [
        entry["path"] for entry in simulator.journal if entry["path"].startswith(("/v1.0", "/beta"))
    ] == []


def test_a_rotation_reaches_every_tenant_with_its_next_run(place: Place) -> None:
    """Without a restart of anything; also when the new material is of another kind."""
    credential = secret_of(place, "App")
    connected(place, credential)
    new_secret = secrets.token_urlsafe(24)
    assert backup(place)["outcome"] == "SUCCEEDED"

    register(place, secret=new_secret)
    changed(place, "rotateCredential", credentialId=credential["id"], material={"secret": new_secret})
    assert backup(place)["outcome"] == "SUCCEEDED"

    register(place, certificates=[certificate_of(KEY)])
    packed = {"content": base64.b64encode(pfx(KEY, "p")).decode(), "passphrase": "p"}
    changed(place, "rotateCredential", credentialId=credential["id"], material={"pfx": packed})
    assert backup(place)["outcome"] == "SUCCEEDED"

    changed(place, "rotateCredential", credentialId=credential["id"], material={"secret": "wrong~value"})
    assert why(place)[0] == "AUTHENTICATION_FAILED", "the token of before is not used any more"


def test_restores_use_the_write_credential_with_its_own_application(place: Place) -> None:
    """Which alone may write, and has another secret."""
    read_only = [role for role in _roles(place) if role.endswith(".Read.All")]
    write_secret = secrets.token_urlsafe(24)
    register(place, roles=read_only)
    register(place, clientId=OTHER_CLIENT, secret=write_secret, further=True)
    reading, writing = secret_of(place, "Reads"), secret_of(place, "Writes", write_secret)
    provider = connected(place, reading, writesEnabled=True)
    backup_set = backed_up(place)
    register(place)
    damaged(place)
    register(place, roles=read_only)
    refused = place.run("restoreAssignments", restore_input(planned(place, backup_set)))
    assert {failure["reasonCode"] for failure in refused["failures"]} == {"PERMISSION_DENIED"}
    changed(
        place, "updateProvider", providerId=provider["id"], writeCredentialId=writing["id"],
        writeClientId=OTHER_CLIENT,
    )  # fmt: skip
    anew = restore_input(planned(place, backup_set), idempotencyKey="again")
    restored = place.run("restoreAssignments", anew)
    assert restored["outcome"] == "SUCCEEDED", restored


@pytest.fixture
def database() -> Iterator[TestDatabase]:
    with fresh_database(DATA_DIR) as database:
        yield database


@pytest.fixture
def federated(database: TestDatabase, simulator: Running, tmp_path: Path) -> Iterator[Installation]:
    """An installation that has assertions, with a database of its own: no other worker takes its runs."""
    with installation(database, simulator=simulator, assertion_dir=tmp_path) as running:
        yield running


def test_a_federated_credential_reads_its_workspaces_assertion_and_no_other(
    federated: Installation, tmp_path: Path
) -> None:
    place, other = federated.new_place(provider=False), federated.new_place(provider=False)
    folder = tmp_path / str(place.workspace)
    folder.mkdir()
    for of in (place, other):
        material = {"federated": {"file": "token"}}
        made = changed(of, "createCredential", workspaceId=of.workspace_id, name="W", material=material)
        connected(of, made)
    assertion = jwt.encode({"exp": 4_000_000_000}, secrets.token_bytes(32), algorithm="HS256")

    (folder / "token").write_text(f"{assertion}\n")
    assert backup(place)["outcome"] == "SUCCEEDED"
    reason, _, message = why(other)
    assert (reason, "in the workspace's folder" in message) == ("MISSING_CONFIGURATION", True)

    again = federated.new_place(provider=False)
    (tmp_path / str(again.workspace)).mkdir()
    (tmp_path / str(again.workspace) / "token").write_text("root:x:0:0:root:/root:/bin/bash\n")
    material = {"federated": {"file": "token"}}
    made = changed(again, "createCredential", workspaceId=again.workspace_id, name="W", material=material)
    connected(again, made)
    reason, _, message = why(again)
    assert (reason, "does not hold an assertion" in message) == ("MISSING_CONFIGURATION", True)


def _roles(place: Place) -> list[str]:
    """The roles that the usual application has."""
    form = {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scope": "https://graph.microsoft.com/.default",
    }
    url = f"{place.atlas.simulator.url}/larkspur.example/oauth2/v2.0/token"
    token = loopback.post(url, data=form).raise_for_status().json()["access_token"]
    claimed: list[str] = jwt.decode(token, options={"verify_signature": False})["roles"]
    return claimed
