"""Credentials and providers as commands list and change them; members and users as they are listed."""

from __future__ import annotations

import uuid
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from atlas_gql.cli import materials
from atlas_gql.graph import Certificate, Secret
from atlas_gql.providers.clients import open_credential
from atlas_gql.providers.material import CredentialKind
from atlas_gql.providers.sealing import Sealed, Sealer
from support.certificates import ENDS, certificate_of, pem, pfx

CLIENT = "3b1f7a52-5d0e-4f7c-8a54-0c6c5c0c1d22"
OTHER_CLIENT = "5c1f7a52-5d0e-4f7c-8a54-0c6c5c0c1d33"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def holds(rows, environment, tmp_path):
    """A function that gives what a credential holds, as the worker opens it."""

    def give(credential_id: str):
        [row] = rows("SELECT * FROM credentials WHERE id = %s", credential_id)
        sealer = Sealer.from_text(environment["ATLAS_SECRET_KEY"])
        text = sealer.open(Sealed(row["sealed"], row["key_id"]), row=row["id"])
        return open_credential(row["kind"], text, workspace_id=row["workspace_id"], assertion_dir=tmp_path)

    return give


@pytest.fixture
def provider(made, place):
    """The id of the place's provider."""
    create = ("provider", "create", "--tenant", place.tenant_id, "--cloud", "global", "--client-id", CLIENT)
    return made(*create, "--credential", place.credential)["id"]


def credentials_of(made, place) -> dict[str, dict]:
    return {row["name"]: row for row in made("credential", "list", "--workspace", place.workspace)}


@pytest.mark.parametrize("passphrase", [None, "correct horse"], ids=["open", "under a passphrase"])
def test_a_pfx_file_holds_certificate_and_key(made, place, holds, tmp_path, passphrase):
    (tmp_path / "atlas.pfx").write_bytes(pfx(KEY, passphrase))
    create = ("credential", "create", "PFX", "--workspace", place.workspace, "--kind", "certificate")
    asked = ("--from-stdin",) if passphrase else ()
    credential = made(*create, "--pfx", str(tmp_path / "atlas.pfx"), *asked, input=f"{passphrase}\n")
    assert holds(credential["id"]) == Certificate(certificate=certificate_of(KEY), private_key=pem(KEY))
    assert credentials_of(made, place)["PFX"]["expires_at"] == ENDS.isoformat()


def test_the_passphrase_of_a_pfx_is_asked_for_on_a_terminal(monkeypatch, tmp_path):
    (tmp_path / "atlas.pfx").write_bytes(pfx(KEY, "correct horse"))
    monkeypatch.setattr(materials.sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(materials.typer, "prompt", lambda *_, **__: "correct horse")
    given = materials.Given(
        kind=CredentialKind.CERTIFICATE, from_env=None, from_stdin=False, certificate=None,
        private_key=None, pfx=tmp_path / "atlas.pfx", assertion_file=None,
    )  # fmt: skip
    assert given.material().expires_at == ENDS


def test_a_federated_credential_names_a_file_of_its_workspace(made, place, holds, tmp_path):
    create = ("credential", "create", "W", "--workspace", place.workspace, "--kind", "federated")
    credential = made(*create, "--assertion-file", "token")
    (tmp_path / place.workspace_id).mkdir()
    (tmp_path / place.workspace_id / "token").write_text("a.b.c\n")
    assert holds(credential["id"]).assertion() == "a.b.c"


def test_a_credential_is_rotated_renamed_listed_and_deleted(made, atlas, place, provider, holds, audited):
    rotate = ("credential", "rotate", place.credential, "--workspace", place.workspace, "--from-stdin")
    assert made(*rotate, input="new~secret")["id"] == place.credential_id
    assert holds(place.credential_id) == Secret(value="new~secret")
    rename = ("credential", "rename", place.credential, "Another", "--workspace", place.workspace)
    assert made(*rename)["changed"] is True
    listed = credentials_of(made, place)["Another"]
    assert (listed["kind"], listed["providers"], listed["rotated_at"] is None) == ("secret", 1, False)
    assert sorted(listed) == [
        "created_at", "expires_at", "id", "kind", "name", "providers", "rotated_at", "workspace_id",
    ]  # fmt: skip
    delete = ("credential", "delete", "Another", "--workspace", place.workspace)
    refused = atlas(*delete)
    assert (refused.exit_code, "a provider uses it" in refused.stderr) == (1, True)
    made("provider", "delete", "--tenant", place.tenant_id)
    assert made(*delete)["id"] == place.credential_id
    assert credentials_of(made, place) == {}
    assert [action for action, _ in audited(place.credential_id)] == [
        "credential.created", "credential.rotated", "credential.renamed", "credential.deleted",
    ]  # fmt: skip


def test_a_provider_is_changed_and_listed(made, atlas, place, provider, audited):
    writing = ("credential", "create", "Writer", "--workspace", place.workspace, "--from-stdin")
    writer = made(*writing, input="w~secret")["id"]
    update = ("provider", "update", "--tenant", place.tenant_id)
    both = ("--write-credential", "Writer", "--write-client-id", OTHER_CLIENT)
    assert made(*update, "--cloud", "china", *both) == {"tenant": place.tenant_id, "changed": True}
    assert atlas(*update, *both).stdout == f"The provider of {place.tenant_id} is as before.\n"
    [listed] = made("provider", "list", "--workspace", place.workspace)
    assert listed.pop("created_at")
    assert listed == {
        "id": provider,
        "workspace": place.workspace,
        "tenant": place.tenant,
        "tenant_id": place.tenant_id,
        "cloud": "china",
        "client_id": CLIENT,
        "credential": place.credential,
        "write_client_id": OTHER_CLIENT,
        "write_credential": "Writer",
        "writes_enabled": False,
    }
    assert provider in [row["id"] for row in made("provider", "list")]
    made(*update, "--no-write-credential", "--credential", "Writer", "--client-id", OTHER_CLIENT)
    assert audited(provider)[1:] == [
        (
            "provider.changed",
            {
                "changes": {
                    "cloud": {"old": "global", "new": "china"},
                    "writeCredentialId": {"old": None, "new": writer},
                    "writeClientId": {"old": None, "new": OTHER_CLIENT},
                }
            },
        ),
        (
            "provider.changed",
            {
                "changes": {
                    "clientId": {"old": CLIENT, "new": OTHER_CLIENT},
                    "credentialId": {"old": place.credential_id, "new": writer},
                    "writeCredentialId": {"old": writer, "new": None},
                    "writeClientId": {"old": OTHER_CLIENT, "new": None},
                }
            },
        ),
    ]
    assert made("provider", "delete", "--tenant", place.tenant_id)["id"] == provider
    again = atlas("provider", "delete", "--tenant", place.tenant_id)
    assert (again.exit_code, again.stderr) == (1, "error: The tenant has no provider. (tenant)\n")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--kind", "federated"), id="no-file"),
        pytest.param(("--assertion-file", "token"), id="a-secret-with-a-file"),
        pytest.param(("--pfx", "x.pfx"), id="a-secret-in-a-pfx"),
        pytest.param(
            ("--kind", "certificate", "--pfx", "x", "--certificate", "x", "--private-key", "x"), id="twice"
        ),
        pytest.param(("--kind", "certificate", "--pfx", "x", "--certificate", "x"), id="one-and-a-half"),
        pytest.param(("--kind", "certificate"), id="nothing"),
    ],
)
def test_options_that_do_not_fit_each_other_are_wrong_usage(atlas, arguments):
    for command in (("create", "c"), ("rotate", "c")):
        result = atlas("credential", *command, "--workspace", "w", *arguments)
        assert (result.exit_code, result.stdout) == (2, "")


def test_writing_options_exclude_no_writing(atlas):
    result = atlas(
        "provider", "update", "--tenant", "t", "--no-write-credential", "--write-client-id", CLIENT
    )
    assert (result.exit_code, result.stdout) == (2, "")


def test_users_are_listed_with_their_mail(made, name):
    called = name("anna")
    user = made("user", "create", called, "--email", "anna@contoso.example")
    [listed] = [row for row in made("user", "list") if row["id"] == user["id"]]
    assert listed.pop("created_at")
    assert listed == {
        "id": user["id"], "name": called, "email": "anna@contoso.example", "disabled_at": None,
    }  # fmt: skip


def test_members_are_listed_with_what_they_reach(made, place, name):
    boss = name("boss")
    made("user", "create", boss)
    other = made(
        "tenant", "create", "0 Other", "--workspace", place.workspace,
        "--entra-tenant-id", str(uuid.uuid4()), "--primary-domain", "other.example",
    )["id"]  # fmt: skip
    third = made(
        "tenant", "create", "1 Third", "--workspace", place.workspace,
        "--entra-tenant-id", str(uuid.uuid4()), "--primary-domain", "third.example",
    )["id"]  # fmt: skip
    member = ("membership", "create", "--workspace", place.workspace, "--user")
    made(*member, boss, "--role", "manager")
    made(*member, place.user, "--role", "readonly", "--tenant", place.tenant_id, "--tenant", other)
    made(*member, place.user, "--role", "operator", "--tenant", third)
    listed = made("membership", "list", "--workspace", place.workspace)
    assert [(row["name"], row["role"], row["tenants"]) for row in listed] == [
        (boss, "manager", None),
        (place.user, "operator", ["1 Third"]),
        (place.user, "readonly", ["0 Other", place.tenant]),
    ]
