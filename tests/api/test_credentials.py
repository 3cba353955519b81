"""Credentials through the API: made, rotated, renamed, deleted - and never read."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from atlas_gql.providers import opening
from atlas_gql.simulator import CLIENT_ID
from atlas_gql.testing.installation import Installation, Place
from support.certificates import ENDS, certificate_of, pem, pfx
from support.connecting import change, changed, connected, refused, secret_of, trail

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PASSPHRASE = "p~" + secrets.token_urlsafe(12)

LIST = """
query List($id: ID!) {
  workspace(id: $id) {
    credentials { totalCount nodes { name kind providers { nodes { tenant { id } } } } }
  }
}
"""


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def create(place: Place, name: str, **material: Any) -> Any:
    return changed(place, "createCredential", workspaceId=place.workspace_id, name=name, material=material)


@pytest.fixture
def place(atlas: Installation) -> Place:
    return atlas.new_place(provider=False)


@pytest.mark.parametrize(
    ("material", "kind", "ends"),
    [
        pytest.param(lambda: {"secret": "a~value"}, "SECRET", None, id="secret"),
        pytest.param(
            lambda: {"certificate": {"certificate": certificate_of(KEY), "privateKey": pem(KEY)}},
            "CERTIFICATE",
            ENDS,
            id="pem",
        ),
        pytest.param(
            lambda: {
                "certificate": {
                    "certificate": certificate_of(KEY),
                    "privateKey": pem(KEY, PASSPHRASE),
                    "passphrase": PASSPHRASE,
                }
            },
            "CERTIFICATE",
            ENDS,
            id="pem-under-a-passphrase",
        ),
        pytest.param(
            lambda: {"pfx": {"content": encoded(pfx(KEY, PASSPHRASE)), "passphrase": PASSPHRASE}},
            "CERTIFICATE",
            ENDS,
            id="pfx",
        ),
        pytest.param(
            lambda: {"pfx": {"content": encoded(pfx(KEY))}}, "CERTIFICATE", ENDS, id="pfx-in-the-open"
        ),
        pytest.param(lambda: {"federated": {"file": "token"}}, "FEDERATED", None, id="federated"),
    ],
)
def test_each_kind_can_be_made(place: Place, material: Any, kind: str, ends: datetime | None) -> None:
    made = create(place, " App ", **material())
    shown = {name: made[name] for name in ("name", "kind", "rotatedAt", "providers")}
    assert shown == {"name": "App", "kind": kind, "rotatedAt": None, "providers": {"totalCount": 0}}
    assert (made["expiresAt"] and datetime.fromisoformat(made["expiresAt"])) == ends
    details = {"name": "App", "kind": kind.lower(), "expiresAt": ends.isoformat() if ends else None}
    assert trail(place, made["uuid"]) == [("credential.created", details)]


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        pytest.param({"material": {}}, "material", "exactly one", id="nothing"),
        pytest.param(
            {"material": {"secret": "a", "federated": {"file": "b"}}}, "material", "exactly one", id="two"
        ),
        pytest.param({"material": {"secret": " "}}, "secret", "empty", id="empty-secret"),
        pytest.param({"material": {"pfx": {"content": "%"}}}, "pfx", "base64", id="no-base64"),
        pytest.param(
            {"material": {"pfx": {"content": encoded(b"x")}}}, "pfx", "cannot be opened", id="no-pfx"
        ),
        pytest.param(
            {"material": {"pfx": {"content": encoded(pfx(KEY, PASSPHRASE)), "passphrase": "x"}}},
            "pfx",
            "passphrase is wrong",
            id="wrong-passphrase",
        ),
        pytest.param(
            {"material": {"pfx": {"content": encoded(pfx(KEY, alone=True))}}},
            "pfx",
            "with its private key",
            id="pfx-without-key",
        ),
        pytest.param(
            {"material": {"pfx": {"content": encoded(pfx(ec.generate_private_key(ec.SECP256R1())))}}},
            "pfx",
            "RSA keys only",
            id="pfx-of-an-elliptic-key",
        ),
        pytest.param(
            {"material": {"federated": {"file": "../../etc/passwd"}}}, "file", "no path", id="a-path"
        ),
        pytest.param({"material": {"federated": {"file": "/etc/passwd"}}}, "file", "no path", id="absolute"),
        pytest.param({"material": {"federated": {"file": ".."}}}, "file", "no path", id="the-folder-above"),
        pytest.param({"name": "two\nlines"}, "name", "no control characters", id="name"),
        pytest.param({"expiresAt": "2099-01-01T00:00:00"}, "expiresAt", "time zone", id="no-time-zone"),
        pytest.param({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt", "expired already", id="past"),
    ],
)
def test_what_cannot_work_is_refused_by_its_field(
    place: Place, given: dict[str, Any], field: str, words: str
) -> None:
    complete = {"workspaceId": place.workspace_id, "name": "App", "material": {"secret": "a~value"}, **given}
    where, why = refused(place, "createCredential", **complete)
    assert (where, words in why) == (field, True), why


def test_a_file_that_takes_for_ever_to_open_holds_nobody_up(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever protects a PFX chooses how often its passphrase is hashed."""
    monkeypatch.setattr(opening, "SECONDS", 1.0)
    slow = {"content": encoded(pfx(KEY, PASSPHRASE, rounds=8_000_000)), "passphrase": PASSPHRASE}
    given = {"workspaceId": place.workspace_id, "name": "App", "material": {"pfx": slow}}
    assert refused(place, "createCredential", **given) == (
        "material",
        "The certificate cannot be opened, or takes too long.",
    )


def test_a_rotation_may_bring_another_kind(place: Place) -> None:
    ends = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)
    old = secret_of(place, "App", expiresAt=ends.isoformat())
    connected(place, old)
    material = {"certificate": {"certificate": certificate_of(KEY), "privateKey": pem(KEY)}}
    new = changed(place, "rotateCredential", credentialId=old["id"], material=material)
    assert {**new, "rotatedAt": None} == {**old, "kind": "CERTIFICATE", "expiresAt": new["expiresAt"],
                                          "providers": {"totalCount": 1}}  # fmt: skip
    assert new["rotatedAt"] > old["createdAt"]
    assert trail(place, old["uuid"])[1:] == [
        (
            "credential.rotated",
            {
                "name": "App",
                "changes": {
                    "kind": {"old": "secret", "new": "certificate"},
                    "expiresAt": {"old": ends.isoformat(), "new": ENDS.isoformat()},
                },
            },
        )
    ]


def test_a_credential_is_renamed(place: Place) -> None:
    made = secret_of(place, "App")
    secret_of(place, "Other")
    assert changed(place, "renameCredential", credentialId=made["id"], name="Another")["name"] == "Another"
    assert changed(place, "renameCredential", credentialId=made["id"], name="Another")["name"] == "Another"
    where, why = refused(place, "renameCredential", credentialId=made["id"], name="Other")
    assert (where, why) == ("name", "The workspace has a credential of this name already.")
    renamed = {"changes": {"name": {"old": "App", "new": "Another"}}}
    assert trail(place, made["uuid"])[1:] == [("credential.renamed", renamed)]


def test_a_credential_is_deleted_when_no_provider_uses_it(place: Place) -> None:
    reading, writing = secret_of(place, "App"), secret_of(place, "Writer")
    provider = connected(place, reading, writeCredentialId=writing["id"])
    for used in (reading, writing):
        code, message = refused(place, "deleteCredential", credentialId=used["id"])
        assert (code, "a provider uses it" in message) == ("CREDENTIAL_IN_USE", True)
    changed(place, "updateProvider", providerId=provider["id"], writeCredentialId=None)
    assert changed(place, "deleteCredential", credentialId=writing["id"]) == writing["id"]
    assert trail(place, writing["uuid"])[1:] == [("credential.deleted", {"name": "Writer", "kind": "secret"})]
    gone = change(place, "deleteCredential", credentialId=writing["id"])
    assert gone["errors"][0]["extensions"]["code"] == "NOT_FOUND"


def test_credentials_are_listed_with_who_uses_them(place: Place) -> None:
    used = secret_of(place, "B")
    secret_of(place, "A")
    connected(place, used, writeCredentialId=used["id"])
    found = place.ask(LIST, id=place.workspace_id)["data"]["workspace"]["credentials"]
    assert found == {
        "totalCount": 2,
        "nodes": [
            {"name": "A", "kind": "SECRET", "providers": {"nodes": []}},
            {"name": "B", "kind": "SECRET", "providers": {"nodes": [{"tenant": {"id": place.tenant_id}}]}},
        ],
    }


def test_only_who_manages_providers_may_change_them_and_attempts_are_audited(place: Place) -> None:
    made = secret_of(place, "App")
    attempts: list[tuple[str, dict[str, Any]]] = [
        ("createCredential", {"workspaceId": place.workspace_id, "name": "X", "material": {"secret": "a"}}),
        ("rotateCredential", {"credentialId": made["id"], "material": {"secret": "a"}}),
        ("renameCredential", {"credentialId": made["id"], "name": "X"}),
        ("deleteCredential", {"credentialId": made["id"]}),
        (
            "createProvider",
            {
                "tenantId": place.tenant_id,
                "cloud": "GLOBAL",
                "clientId": CLIENT_ID,
                "credentialId": made["id"],
            },
        ),
    ]
    tokens = {"FORBIDDEN": place.member("operator"), "NOT_FOUND": place.atlas.new_place().token}
    for code, token in tokens.items():
        for mutation, given in attempts:
            answer = change(place, mutation, token, **given)
            assert answer["errors"][0]["extensions"]["code"] == code, (mutation, answer)
            assert answer["data"] == {mutation: None}
    refusals = place.ask(
        "query R($id: ID!) { workspace(id: $id) {"
        ' auditEntries(filter: {actions: ["mutation.refused"]}) { nodes { details } } } }',
        id=place.workspace_id,
    )["data"]["workspace"]["auditEntries"]["nodes"]
    assert {entry["details"]["mutation"] for entry in refusals} == {mutation for mutation, _ in attempts}


def test_an_operator_sees_the_credential_of_their_tenant_and_no_other(place: Place) -> None:
    made = secret_of(place, "App")
    connected(place, made)
    operator = place.member("operator")
    answer = place.ask(
        "query P($id: ID!) { tenant(id: $id) { provider { credential { name providers { totalCount } } } } }",
        operator,
        id=place.tenant_id,
    )
    assert answer["data"]["tenant"]["provider"] == {"credential": {"name": "App", "providers": None}}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
    listed = place.ask(LIST, operator, id=place.workspace_id)
    assert (listed["data"]["workspace"]["credentials"], len(listed["errors"])) == (None, 1)
    assert place.ask("query N($id: ID!) { node(id: $id) { id } }", operator, id=made["id"])["data"] == {
        "node": None
    }


@pytest.mark.parametrize(
    "material",
    [
        pytest.param(lambda secret: {"material": {"secret": secret}}, id="a-field-is-missing"),
        pytest.param(lambda secret: {"name": "n", "material": secret}, id="no-object"),
        pytest.param(lambda secret: {"name": "n", "material": {"secret": [secret]}}, id="a-list"),
        pytest.param(lambda secret: {"name": "n", "material": {"certificate": secret}}, id="wrong-form"),
        pytest.param(lambda secret: {"name": "n", "material": {"secret": secret, "x": 1}}, id="unknown"),
    ],
)
def test_a_malformed_request_is_answered_without_what_was_in_it(place: Place, material: Any) -> None:
    """Clients log the errors that they get."""
    secret = secrets.token_urlsafe(24)
    given = {"workspaceId": place.workspace_id, **material(secret)}
    answer = change(place, "createCredential", **given)
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert secret not in str(answer)
    inline = str(given).replace("'workspaceId'", "workspaceId").replace("'name'", "name")
    for name in ("material", "secret", "certificate", "x"):
        inline = inline.replace(f"'{name}'", name)
    inline = inline.replace("'", '"')
    text = f"mutation {{ createCredential(input: {inline}) {{ __typename }} }}"
    answer = place.ask(text)
    assert answer["errors"], answer
    assert secret not in str(answer)
