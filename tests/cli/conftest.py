"""The command line in this process, against a real database; names are new in every test."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import psycopg
import pytest
from psycopg.rows import dict_row
from typer.testing import CliRunner, Result

from atlas_gql import logs
from atlas_gql.cli import app
from atlas_gql.providers.sealing import generate_key

Atlas = Callable[..., Result]


@pytest.fixture
def environment(database_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings of an installation on the test database, set for this process and its children."""
    settings = {"ATLAS_DATABASE_URL": database_url, "ATLAS_SECRET_KEY": generate_key()}
    for name in ("ATLAS_DATABASE_ADMIN_URL", "ATLAS_LOAD_PLUGINS", "ATLAS_LOG_LEVEL", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return settings


@pytest.fixture
def atlas(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Atlas:
    """A function that runs `atlas ...` and gives the result, whatever it is."""
    # The runner's standard error is closed after each run; other tests go on logging.
    monkeypatch.setattr(logs, "configure", lambda **_: None)

    def run(*arguments: str, input: str | None = None) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=input)

    return run


@pytest.fixture
def made(atlas: Atlas) -> Callable[..., dict[str, Any]]:
    """A function that runs a command which must succeed, and gives what it printed as JSON."""

    def run(*arguments: str, input: str | None = None) -> Any:
        result = atlas(*arguments, "--json", input=input)
        assert result.exit_code == 0, result.output
        return orjson.loads(result.stdout)

    return run


@pytest.fixture
def name() -> Callable[[str], str]:
    """A function that gives a name which nothing else has."""
    return lambda what: f"{what} {secrets.token_hex(6)}"


@pytest.fixture
def rows(admin_url: str) -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """A function that gives the rows of a statement, past all defences."""
    with psycopg.connect(admin_url, autocommit=True, row_factory=dict_row) as connection:
        yield lambda statement, *values: connection.execute(statement, values).fetchall()


@pytest.fixture
def audited(rows: Callable[..., list[dict[str, Any]]]) -> Callable[[str], list[tuple[str, dict[str, Any]]]]:
    """A function that gives the audit entries of a resource: action and details, the oldest first."""

    def entries(resource_id: str) -> list[tuple[str, dict[str, Any]]]:
        found = rows(
            "SELECT action, details, actor_kind, actor_name FROM audit_entries WHERE resource_id = %s"
            " ORDER BY id",
            resource_id,
        )
        assert {(row["actor_kind"], row["actor_name"]) for row in found} <= {
            ("command", "atlas command line")
        }
        return [(row["action"], row["details"]) for row in found]

    return entries


class Place:
    """A workspace with a user, a tenant and a credential, made by commands."""

    def __init__(self, made: Callable[..., dict[str, Any]], name: Callable[[str], str]) -> None:
        self.workspace, self.user = name("Workspace"), name("user")
        self.tenant, self.credential = name("Tenant"), name("App")
        self.entra_tenant_id = "8f1c0f6e-8f9d-4c6e-9a53-6d2f6f0c7b11"
        self.workspace_id = made("workspace", "create", self.workspace)["id"]
        self.user_id = made("user", "create", self.user)["id"]
        self.tenant_id = made(
            "tenant", "create", self.tenant, "--workspace", self.workspace,
            "--entra-tenant-id", self.entra_tenant_id, "--primary-domain", "contoso.onmicrosoft.com",
        )["id"]  # fmt: skip
        self.secret = f"{secrets.token_urlsafe(24)}~"
        self.credential_id = made(
            "credential", "create", self.credential, "--workspace", self.workspace, "--from-stdin",
            input=self.secret + "\n",
        )["id"]  # fmt: skip


@pytest.fixture
def place(made: Callable[..., dict[str, Any]], name: Callable[[str], str]) -> Place:
    return Place(made, name)
