"""A first setup, command by command: what is stored, and what is audited."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from importlib.metadata import version
from types import SimpleNamespace

import orjson
import pytest

from atlas_gql.access.tokens import authenticate
from atlas_gql.db.database import Database
from atlas_gql.graph.contracts import CORE
from atlas_gql.plugins import hookimpl, loading
from atlas_gql.plugins.loading import discover
from atlas_gql.providers.sealing import Sealed, Sealer

CLIENT = "3b1f7a52-5d0e-4f7c-8a54-0c6c5c0c1d22"


def test_a_workspace_is_made_listed_and_audited(made, name, audited):
    called = name("Contoso")
    workspace = made("workspace", "create", f"  {called} ")
    assert audited(workspace["id"]) == [("workspace.created", {"name": called})]
    listed = [row for row in made("workspace", "list") if row["id"] == workspace["id"]]
    assert [(row["name"], sorted(row)) for row in listed] == [(called, ["created_at", "id", "name"])]


def test_a_users_mail_address_is_stored_and_not_audited(made, name, rows, audited):
    called = name("anna")
    user = made("user", "create", called, "--email", "anna@contoso.example")
    assert rows("SELECT name, email FROM users WHERE id = %s", user["id"]) == [
        {"name": called, "email": "anna@contoso.example"}
    ]
    assert audited(user["id"]) == [("user.created", {"name": called})]


def test_an_owner_reaches_the_whole_workspace(made, place, rows, audited):
    made("membership", "create", "--workspace", place.workspace, "--user", place.user_id, "--role", "owner")
    assert rows("SELECT role FROM memberships WHERE user_id = %s", place.user_id) == [{"role": "owner"}]
    assert audited(place.user_id)[1:] == [("membership.created", {"role": "owner", "tenants": []})]


def test_an_operator_is_a_member_with_grants_and_may_be_given_more(made, place, name, rows, audited):
    other = made(
        "tenant", "create", name("Other"), "--workspace", place.workspace,
        "--entra-tenant-id", str(uuid.uuid4()), "--primary-domain", "other.example",
    )["id"]  # fmt: skip
    member = ("membership", "create", "--workspace", place.workspace_id, "--user", place.user)
    made(*member, "--role", "operator", "--tenant", place.tenant, "--tenant", place.tenant_id)
    made(*member, "--role", "readonly", "--tenant", other)
    assert rows("SELECT role FROM memberships WHERE user_id = %s", place.user_id) == [{"role": "member"}]
    assert rows(
        "SELECT tenant_id::text, role FROM tenant_grants WHERE user_id = %s ORDER BY role", place.user_id
    ) == [{"tenant_id": place.tenant_id, "role": "operator"}, {"tenant_id": other, "role": "readonly"}]
    assert audited(place.user_id)[1:] == [
        ("membership.created", {"role": "operator", "tenants": [place.tenant_id]}),
        ("membership.changed", {"role": "readonly", "tenants": [other]}),
    ]


def test_a_tenant_is_renamed_archived_and_taken_back(made, atlas, place, audited):
    new = f"{place.tenant} BV"
    made("tenant", "rename", place.tenant, "--name", new, "--primary-domain", "bv.example")
    made("tenant", "archive", new, "--workspace", place.workspace)
    (archived,) = made("tenant", "list", "--workspace", place.workspace)
    assert (archived["name"], archived["archived_at"] is None) == (new, False)
    refused = atlas("tenant", "rename", new, "--name", "X")
    assert (refused.exit_code, "is archived" in refused.output) == (1, True)
    made("tenant", "unarchive", place.tenant_id)
    (back,) = made("tenant", "list", "--workspace", place.workspace)
    assert back["archived_at"] is None
    assert [action for action, _ in audited(place.tenant_id)][1:] == [
        "tenant.renamed", "tenant.archived", "tenant.unarchived"
    ]  # fmt: skip


def test_a_tenant_is_made_and_listed_with_its_provider(made, place, audited):
    made(
        "provider", "create", "--tenant", place.tenant, "--cloud", "simulator", "--client-id", CLIENT,
        "--credential", place.credential,
    )  # fmt: skip
    assert made("tenant", "list", "--workspace", place.workspace) == [
        {
            "id": place.tenant_id,
            "name": place.tenant,
            "workspace_id": place.workspace_id,
            "workspace": place.workspace,
            "entra_tenant_id": place.entra_tenant_id,
            "primary_domain": "contoso.onmicrosoft.com",
            "cloud": "simulator",
            "writes_enabled": False,
            "archived_at": None,
        }
    ]
    assert place.tenant_id in [row["id"] for row in made("tenant", "list")]
    assert audited(place.tenant_id) == [
        (
            "tenant.created",
            {
                "name": place.tenant,
                "entraTenantId": place.entra_tenant_id,
                "primaryDomain": "contoso.onmicrosoft.com",
            },
        )
    ]


def test_a_provider_reads_only_until_writes_are_switched_on(made, atlas, place, rows, audited):
    provider = made(
        "provider", "create", "--tenant", place.tenant_id, "--cloud", "global", "--client-id", CLIENT.upper(),
        "--credential", place.credential, "--write-credential", place.credential_id,
    )  # fmt: skip
    assert rows(
        "SELECT cloud, client_id, credential_id::text, write_credential_id::text, writes_enabled"
        " FROM providers WHERE id = %s",
        provider["id"],
    ) == [
        {
            "cloud": "global",
            "client_id": CLIENT,
            "credential_id": place.credential_id,
            "write_credential_id": place.credential_id,
            "writes_enabled": False,
        }
    ]
    switch = ("provider", "set-writes", "--tenant", place.tenant, "--workspace", place.workspace)
    assert made(*switch, "on") == {"tenant": place.tenant_id, "writes_enabled": True, "changed": True}
    assert atlas(*switch, "on").stdout == f"Writes to {place.tenant} are on, as before.\n"
    assert made(*switch, "off")["changed"] is True
    assert rows("SELECT writes_enabled FROM providers WHERE id = %s", provider["id"]) == [
        {"writes_enabled": False}
    ]
    assert audited(provider["id"]) == [
        (
            "provider.created",
            {
                "cloud": "global",
                "clientId": CLIENT,
                "credentialId": place.credential_id,
                "writeCredentialId": place.credential_id,
                "writesEnabled": False,
            },
        ),
        ("provider.changed", {"changes": {"writesEnabled": {"old": False, "new": True}}}),
        ("provider.changed", {"changes": {"writesEnabled": {"old": True, "new": False}}}),
    ]


def test_a_credential_is_sealed_for_its_own_row(place, environment, rows, audited):
    [row] = rows("SELECT kind, sealed, key_id FROM credentials WHERE id = %s", place.credential_id)
    sealer = Sealer.from_text(environment["ATLAS_SECRET_KEY"])
    sealed = Sealed(row["sealed"], row["key_id"])
    assert (row["kind"], sealer.open(sealed, row=uuid.UUID(place.credential_id))) == ("secret", place.secret)
    details = {"name": place.credential, "kind": "secret", "expiresAt": None}
    assert audited(place.credential_id) == [("credential.created", details)]


def test_a_token_is_printed_alone_and_opens_the_api_until_it_is_revoked(
    atlas, made, place, database_url, rows
):
    made("membership", "create", "--workspace", place.workspace, "--user", place.user, "--role", "manager")
    result = atlas("token", "create", "--user", place.user, "--name", "laptop", "--days", "30")
    token = result.stdout.removesuffix("\n")
    actor = _actor(database_url, token)
    assert (str(actor.user_id), actor.plane, actor.memberships) == (
        place.user_id,
        "workspace",
        {uuid.UUID(place.workspace_id): "manager"},
    )
    assert token not in result.stderr
    assert str(actor.token_id) in result.stderr

    [listed] = made("token", "list", "--user", place.user)
    assert (listed["id"], listed["state"], "hash" in listed) == (str(actor.token_id), "valid", False)
    assert rows(
        "SELECT round(extract(epoch FROM expires_at - created_at) / 86400)::int AS days"
        " FROM api_tokens WHERE id = %s",
        listed["id"],
    ) == [{"days": 30}]

    assert made("token", "revoke", listed["id"])["changed"] is True
    assert atlas("token", "revoke", listed["id"]).stdout == "The token was revoked before.\n"
    assert _actor(database_url, token) is None
    assert made("token", "list", "--user", place.user)[0]["state"] == "revoked"


def test_tokens_are_audited_without_what_opens_anything(made, place, audited):
    token = made("token", "create", "--user", place.user, "--name", "ops", "--plane", "platform")
    made("token", "revoke", token["id"])
    details = {"user": place.user_id, "name": "ops", "plane": "platform"}
    assert audited(token["id"]) == [("token.created", details), ("token.revoked", details)]


def test_a_user_is_linked_to_a_login_and_to_no_second_one(atlas, made, place, name, rows, audited):
    subject, other = name("subject"), name("other")
    made("user", "create", other)
    login = ("--issuer", "https://id.example.com", "--subject", subject)
    assert made("user", "link", place.user, *login) == {"id": place.user_id, "changed": True}
    assert atlas("user", "link", place.user, *login).stdout == f"{place.user} was linked before.\n"
    refused = atlas("user", "link", other, *login)
    assert (refused.exit_code, "another user" in refused.stderr) == (1, True)
    assert made("user", "unlink", other, *login)["changed"] is False
    linked = "SELECT user_id::text FROM identities WHERE subject = %s"
    assert rows(linked, subject) == [{"user_id": place.user_id}]
    assert made("user", "unlink", place.user, *login)["changed"] is True
    assert rows(linked, subject) == []
    said = {"issuer": "https://id.example.com"}
    assert audited(place.user_id)[-2:] == [("user.linked", said), ("user.unlinked", said)]


def test_a_token_can_be_limited(atlas, made, place, database_url, audited):
    made("membership", "create", "--workspace", place.workspace, "--user", place.user, "--role", "manager")
    limits = ("--workspace", place.workspace, "--capability", "runs.view", "--tenant", place.tenant)
    token = made("token", "create", "--user", place.user, "--name", "dashboard", *limits)
    actor = _actor(database_url, token["token"])
    workspace_id, tenant_id = uuid.UUID(place.workspace_id), uuid.UUID(place.tenant_id)
    assert (actor.in_workspace(workspace_id), actor.in_tenant(workspace_id, tenant_id)) == (
        frozenset(),
        frozenset({"runs.view"}),
    )
    [listed] = made("token", "list", "--user", place.user)
    assert (listed["capabilities"], listed["tenant_ids"]) == (["runs.view"], [place.tenant_id])
    details = {"user": place.user_id, "name": "dashboard", "plane": "workspace"}
    limited = {"capabilities": ["runs.view"], "tenants": [place.tenant_id]}
    assert audited(token["id"]) == [("token.created", details | limited)]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        pytest.param(("--days", "100000"), "days", id="for-too-long"),
        pytest.param(("--plane", "platform", "--capability", "runs.view"), "plane", id="of-the-platform"),
    ],
)
def test_what_no_token_can_be(atlas, place, given, field):
    refused = atlas("token", "create", "--user", place.user, "--name", "n", *given)
    assert f"({field})" in refused.stderr


def test_a_refused_command_leaves_nothing_behind(atlas, made, place, name, rows):
    """The first tenant is granted before the second is refused."""
    other = made(
        "tenant", "create", name("Other"), "--workspace", place.workspace,
        "--entra-tenant-id", str(uuid.uuid4()), "--primary-domain", "other.example",
    )["id"]  # fmt: skip
    member = (
        "membership",
        "create",
        "--workspace",
        place.workspace,
        "--user",
        place.user,
        "--role",
        "operator",
    )
    made(*member, "--tenant", place.tenant)
    result = atlas(*member, "--tenant", other, "--tenant", place.tenant)
    assert (result.exit_code, result.stderr) == (
        1,
        f"error: The user has a role for the tenant {place.tenant} already. (tenants)\n",
    )
    assert rows("SELECT tenant_id::text FROM tenant_grants WHERE user_id = %s", place.user_id) == [
        {"tenant_id": place.tenant_id}
    ]


def test_the_loaded_plugins_are_listed(made, monkeypatch):
    operations = [f"assignments.{verb}" for verb in ("compare", "fetch", "plan", "restore", "undo")]
    nothing = {"policyTypes": [], "capabilities": [], "listeners": [], "refused": None}
    row = {"name": "assignments", "version": version("atlas-assignments"), "operations": operations}
    assert {**row, **nothing} in made("plugins", "list")
    monkeypatch.setenv("ATLAS_LOAD_PLUGINS", "")
    assert made("plugins", "list") == []


def test_a_plugin_that_is_not_loaded_says_why_beside_those_that_are(made, monkeypatch):
    row = replace(CORE[0], path="deviceManagement/exampleProfiles")
    bad = SimpleNamespace(atlas_policy_types=hookimpl(lambda: [row]))
    monkeypatch.setattr(loading, "discover", lambda names: [*discover(names), ("bad", bad)])
    good, refused = made("plugins", "list")[0], made("plugins", "list")[-1]
    assert (good["name"], good["refused"]) == ("assignments", None)
    why = f"The label {row.label} is offered by both Atlas itself and bad."
    nothing = {"version": None, "operations": [], "policyTypes": [], "capabilities": [], "listeners": []}
    assert refused == {"name": "bad", **nothing, "refused": why}


def test_a_generated_key_seals(atlas):
    key = atlas("keys", "generate").stdout
    row = uuid.uuid4()
    sealer = Sealer.from_text(key.strip())
    assert sealer.open(sealer.seal(orjson.dumps({}).decode(), row=row), row=row) == "{}"


def _actor(url: str, token: str):
    async def ask():
        database = Database(url, max_connections=1)
        await database.open()
        try:
            return await authenticate(database, token)
        finally:
            await database.close()

    return asyncio.run(ask())
