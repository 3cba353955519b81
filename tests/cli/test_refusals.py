"""What commands refuse: one line that names the field, exit code 1, and nothing done."""

from __future__ import annotations

import uuid

import pytest

from atlas_gql.cli import tenants as tenant_commands

CLIENT = "3b1f7a52-5d0e-4f7c-8a54-0c6c5c0c1d22"
TENANT = ("tenant", "create", "{new}", "--workspace", "{workspace}")
MEMBER = ("membership", "create", "--workspace", "{workspace}", "--user", "{user}")
PROVIDER = ("provider", "create", "--tenant", "{tenant}")
CREDENTIAL = ("credential", "create", "{new}", "--workspace", "{workspace}", "--from-stdin")
TOKEN = ("token", "create", "--name", "laptop")


def options(**given: str) -> tuple[str, ...]:
    return tuple(part for key, value in given.items() for part in (f"--{key.replace('_', '-')}", value))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        pytest.param(
            ("workspace", "create", "{workspace}"),
            "There is a workspace of this name already. (name)",
            id="workspace-name-taken",
        ),
        pytest.param(("workspace", "create", "  "), "A name is needed. (name)", id="no-name"),
        pytest.param(
            ("workspace", "create", "n" * 201), "A name has at most 200 characters. (name)", id="long-name"
        ),
        pytest.param(
            ("workspace", "create", "two\nlines"),
            "A name holds no control characters, line breaks or invisible ones. (name)",
            id="name-of-two-lines",
        ),
        pytest.param(
            ("user", "create", "{user}"), "There is a user of this name already. (name)", id="user-name-taken"
        ),
        pytest.param(
            ("user", "create", "{new}", "--email", "nobody"),
            "This is not a mail address. (email)",
            id="email",
        ),
        pytest.param(
            (*TENANT, *options(entra_tenant_id="{entra}", primary_domain="a.example")),
            "The workspace has this Entra tenant already. (entra-tenant-id)",
            id="same-entra-tenant",
        ),
        pytest.param(
            (*TENANT, *options(entra_tenant_id="8f1c0f6e", primary_domain="a.example")),
            "This is not a GUID: 32 hexadecimal digits in five groups (8-4-4-4-12). (entra-tenant-id)",
            id="malformed-guid",
        ),
        pytest.param(
            (*TENANT, *options(entra_tenant_id=str(uuid.uuid4()), primary_domain="https://a.example")),
            "This is not a domain like contoso.onmicrosoft.com. (primary-domain)",
            id="malformed-domain",
        ),
        pytest.param(
            (*MEMBER, *options(role="owner", tenant="{tenant}")),
            "A member with the role owner reaches all tenants: name none. (tenants)",
            id="owner-of-a-tenant",
        ),
        pytest.param(
            (*MEMBER, *options(role="operator")),
            "The role operator is given for tenants: name at least one. (tenants)",
            id="operator-of-nothing",
        ),
        pytest.param(
            (*MEMBER, *options(role="readonly", tenant="elsewhere")),
            "There is no tenant 'elsewhere'. There is: {tenant}. (tenant)",
            id="unknown-tenant",
        ),
        pytest.param(
            (
                "membership",
                "create",
                *options(workspace="{workspace}", user=str(uuid.UUID(int=7)), role="owner"),
            ),
            "There is no user '00000000-0000-0000-0000-000000000007'.",
            id="unknown-user-id",
        ),
        pytest.param(
            (*PROVIDER, *options(cloud="global", client_id="nobody", credential="{credential}")),
            "This is not a GUID: 32 hexadecimal digits in five groups (8-4-4-4-12). (client-id)",
            id="malformed-client-id",
        ),
        pytest.param(
            (*PROVIDER, *options(cloud="global", client_id=CLIENT, credential="none")),
            "There is no credential 'none'. There is: {credential}. (credential)",
            id="unknown-credential",
        ),
        pytest.param(
            (
                *PROVIDER,
                *options(
                    cloud="global", client_id=CLIENT, credential="{credential}", write_credential="none"
                ),
            ),
            "There is no credential 'none'. There is: {credential}. (write-credential)",
            id="unknown-write-credential",
        ),
        pytest.param(
            ("provider", "set-writes", "--tenant", "{tenant}", "on"),
            "The tenant has no provider. (tenant)",
            id="no-provider",
        ),
        pytest.param(
            (*CREDENTIAL, "--expires", "2020-01-31"),
            "The credential has expired already. (expires-at)",
            id="expired-credential",
        ),
        pytest.param(
            (*TOKEN, "--user", "nobody at all"), "There is no user 'nobody at all'.", id="token-of-nobody"
        ),
        pytest.param(
            ("token", "revoke", str(uuid.UUID(int=7))),
            "There is no api token with this id. (token)",
            id="no-token",
        ),
        pytest.param(
            ("token", "revoke", "atlas_abc"),
            "This is not a GUID: 32 hexadecimal digits in five groups (8-4-4-4-12). (id)",
            id="token-for-its-id",
        ),
    ],
)
def test_bad_values_are_refused(atlas, place, name, arguments, error):
    words = {
        "workspace": place.workspace,
        "user": place.user,
        "tenant": place.tenant,
        "credential": place.credential,
        "entra": place.entra_tenant_id,
        "new": name("new"),
    }
    result = atlas(*(argument.format(**words) for argument in arguments), input="a-value~\n")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: " + error.format(**words))
    assert result.stderr.count("\n") == 1


def test_a_tenant_has_one_provider(atlas, made, place):
    create = (
        "provider", "create", "--tenant", place.tenant, "--cloud", "china", "--client-id", CLIENT,
        "--credential", place.credential, "--enable-writes",
    )  # fmt: skip
    assert made(*create)["writes_enabled"] is True
    assert atlas(*create).stderr == "error: The tenant has a provider already. (tenant)\n"


def test_another_workspaces_tenants_and_credentials_are_unknown(atlas, made, place, name):
    other = name("Other")
    made("workspace", "create", other)
    member = atlas(
        "membership", "create", "--workspace", other, "--user", place.user, "--role", "operator",
        "--tenant", place.tenant_id,
    )  # fmt: skip
    assert member.stderr == (
        f"error: There is no tenant '{place.tenant_id}'. There is none yet: `atlas tenant create` makes one."
        " (tenant)\n"
    )
    foreign = made(
        "credential", "create", "theirs", "--workspace", other, "--from-stdin", input="a-value~\n"
    )["id"]
    provider = atlas(
        "provider", "create", "--tenant", place.tenant, "--cloud", "global", "--client-id", CLIENT,
        "--credential", foreign,
    )  # fmt: skip
    assert provider.stderr == (
        f"error: There is no credential '{foreign}'. There is: {place.credential}. (credential)\n"
    )


@pytest.mark.parametrize("role", ["owner", "readonly"])
def test_who_is_an_owner_is_not_made_a_member_again(atlas, made, place, role):
    member = ("membership", "create", "--workspace", place.workspace, "--user", place.user, "--role")
    made(*member, "owner")
    tenants = () if role == "owner" else ("--tenant", place.tenant)
    assert atlas(*member, role, *tenants).stderr == (
        "error: The user is a member of this workspace already. (user)\n"
    )


def test_a_name_that_several_have_asks_for_the_id(atlas, made, place, name):
    other = name("Other")
    made("workspace", "create", other)
    twin = made(
        "tenant", "create", place.tenant, "--workspace", other,
        "--entra-tenant-id", place.entra_tenant_id, "--primary-domain", "contoso.onmicrosoft.com",
    )["id"]  # fmt: skip
    switch = ("provider", "set-writes", "--tenant", place.tenant, "on")
    assert atlas(*switch).stderr == (
        f"error: Several tenants are called '{place.tenant}': give the id, one of {place.tenant_id}, {twin}."
        " (tenant)\n"
    )
    assert atlas(*switch, "--workspace", other).stderr == "error: The tenant has no provider. (tenant)\n"


def test_a_disabled_user_gets_no_token(atlas, place, rows):
    rows("UPDATE users SET disabled_at = now() WHERE id = %s RETURNING id", place.user_id)
    result = atlas("token", "create", "--user", place.user, "--name", "laptop")
    assert (result.exit_code, result.stderr) == (1, "error: The user is disabled. (user)\n")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("tenant", "remove"), id="unknown-command"),
        pytest.param(("user", "create"), id="missing-argument"),
        pytest.param(("membership", "create", "--role", "king"), id="unknown-role"),
        pytest.param(("token", "create", "--user", "u", "--name", "n", "--days", "0"), id="no-days"),
        pytest.param(("token", "create", "--user", "u", "--name", "n", "--plane", "x"), id="unknown-plane"),
        pytest.param(("provider", "create", "--cloud", "mars"), id="unknown-cloud"),
    ],
)
def test_wrong_usage_ends_with_two(atlas, arguments):
    result = atlas(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage:" in result.stderr


def test_a_bad_setting_is_named_without_its_value(atlas, monkeypatch):
    monkeypatch.setenv("ATLAS_PORT", "eighty-eighty")
    result = atlas("workspace", "list")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: Bad settings. ATLAS_PORT: ")
    assert "eighty" not in result.stderr
    assert atlas("workspace", "--help").exit_code == 0


def test_a_missing_key_is_asked_for(atlas, monkeypatch):
    monkeypatch.delenv("ATLAS_SECRET_KEY")
    result = atlas("credential", "create", "c", "--workspace", "w", "--from-stdin", input="a-value~")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ATLAS_SECRET_KEY is needed with ATLAS_DATABASE_URL.")


def test_what_nobody_expected_is_one_line_and_no_traceback(atlas, monkeypatch):
    secret = "atlas_" + "x" * 43

    def fail(*_args):
        raise RuntimeError(f"token={secret}")

    monkeypatch.setattr(tenant_commands, "in_transaction", fail)
    result = atlas("tenant", "list")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: Atlas did not expect this: RuntimeError. ATLAS_LOG_LEVEL=debug tells more.\n",
    )
    monkeypatch.setenv("ATLAS_LOG_LEVEL", "debug")
    told = atlas("tenant", "list").stderr
    assert "Traceback (most recent call last)" in told
    assert secret not in told
