"""`atlas keys rotate`: what an old key sealed is sealed anew, and the old key can go."""

from __future__ import annotations

import uuid

import orjson
import psycopg
import pytest

from atlas_gql.db.tables import metadata
from atlas_gql.providers import resealing
from atlas_gql.providers.sealing import Sealed, Sealer, generate_key
from atlas_gql.testing.postgres import fresh_database
from support.paths import DATA_DIR


@pytest.fixture
def environment(environment, monkeypatch):
    """On a database of its own: what other tests sealed, these keys do not open."""
    with fresh_database(DATA_DIR) as database:
        monkeypatch.setenv("ATLAS_DATABASE_URL", database.url)
        yield {**environment, "ATLAS_DATABASE_URL": database.url, "admin": database.admin_url}


@pytest.fixture
def sealed(environment):
    """A function that gives what is sealed, and by which key, for each credential."""

    def read():
        with psycopg.connect(environment["admin"]) as connection:
            rows = connection.execute("SELECT id, sealed, key_id FROM credentials").fetchall()
        return {id_: Sealed(data, key) for id_, data, key in rows}

    return read


@pytest.fixture
def credentials(atlas, made):
    """A function that makes credentials, and gives their secrets by id."""
    made("workspace", "create", "Northwind")

    def make(*names):
        secrets = {name: f"{name}~{uuid.uuid4().hex}" for name in names}
        return {
            uuid.UUID(
                made("credential", "create", name, "--workspace", "Northwind", "--from-stdin", input=secret)[
                    "id"
                ]
            ): secret
            for name, secret in secrets.items()
        }

    return make


def opened(sealed, *keys):
    sealer = Sealer.from_text(",".join(keys))
    return {id_: sealer.open(one, row=id_) for id_, one in sealed.items()}


def test_everything_is_sealed_anew_and_the_old_key_is_not_needed_any_more(
    atlas, credentials, sealed, environment, monkeypatch
):
    monkeypatch.setattr(resealing, "BATCH", 2)
    secrets = credentials("a", "b", "c")
    old, new = environment["ATLAS_SECRET_KEY"], generate_key()
    monkeypatch.setenv("ATLAS_SECRET_KEY", f"{new}, {old}")
    result = atlas("keys", "rotate")
    assert (result.exit_code, result.stderr.splitlines()) == (0, [f"{n} of 3 secrets" for n in (2, 3)])
    assert result.stdout == (
        "Secrets sealed anew with the first key of ATLAS_SECRET_KEY: 3. Nothing needs key 2 any more:"
        " once every process runs with this setting, take it out of ATLAS_SECRET_KEY.\n"
    )
    assert opened(sealed(), new) == secrets
    again = atlas("keys", "rotate", "--json")
    assert orjson.loads(again.stdout) == {
        "resealed": 0, "unopened": [], "removable_keys": [2], "needed_keys": [],
    }  # fmt: skip


def test_a_rotation_that_was_interrupted_goes_on_where_it_was(
    atlas, credentials, sealed, environment, monkeypatch
):
    monkeypatch.setattr(resealing, "BATCH", 2)
    secrets = credentials("a", "b", "c", "d", "e")
    old, new = environment["ATLAS_SECRET_KEY"], generate_key()
    monkeypatch.setenv("ATLAS_SECRET_KEY", f"{new},{old}")
    seal, sealings = Sealer.seal, []

    def seal_until_the_power_goes(self, *arguments, **more):
        sealings.append(arguments)
        if len(sealings) == 4:
            raise KeyboardInterrupt
        return seal(self, *arguments, **more)

    monkeypatch.setattr(Sealer, "seal", seal_until_the_power_goes)
    assert atlas("keys", "rotate").exit_code != 0
    by_key = [one.key_id for one in sealed().values()]
    assert sorted(by_key.count(key) for key in set(by_key)) == [2, 3], "a transaction is done whole, or not"
    assert opened(sealed(), new, old) == secrets
    assert orjson.loads(atlas("keys", "rotate", "--json").stdout)["resealed"] == 3
    assert opened(sealed(), new) == secrets


def test_credentials_that_no_key_opens_are_named_and_the_rest_is_done(
    atlas, credentials, sealed, environment, monkeypatch
):
    (lost,) = credentials("lost")
    second = generate_key()
    monkeypatch.setenv("ATLAS_SECRET_KEY", second)
    secrets = credentials("kept")
    new = generate_key()
    monkeypatch.setenv("ATLAS_SECRET_KEY", f"{new},{second}")
    result = atlas("keys", "rotate")
    assert result.exit_code == 1
    assert "ATLAS_SECRET_KEY: 1. " in result.stdout
    assert result.stderr.splitlines()[-1] == (
        f"No key opens the credential lost of Northwind ({lost}): `atlas credential rotate` gives it a new"
        " secret."
    )
    rotate = ("credential", "rotate", "lost", "--workspace", "Northwind", "--from-stdin")
    assert atlas(*rotate, input="new~secret").exit_code == 0
    assert atlas("keys", "rotate").exit_code == 0
    assert opened(sealed(), new) == {**secrets, lost: "new~secret"}


def test_a_rotation_is_audited(atlas, credentials, environment, monkeypatch):
    credentials("a")
    new = generate_key()
    monkeypatch.setenv("ATLAS_SECRET_KEY", f"{new},{environment['ATLAS_SECRET_KEY']}")
    for _ in range(2):
        assert atlas("keys", "rotate").exit_code == 0
    with psycopg.connect(environment["admin"]) as connection:
        found = connection.execute(
            "SELECT actor_kind, details FROM audit_entries WHERE action = 'keys.rotated'"
        ).fetchall()
    key_id = Sealer.from_text(new).key_ids[0]
    assert found == [("command", {"resealed": 1, "keyId": key_id})]


def test_settings_that_no_key_opens_are_named(atlas, made, environment):
    made("workspace", "create", "Northwind")
    tenant = ("--entra-tenant-id", str(uuid.uuid4()), "--primary-domain", "eu.example")
    made("tenant", "create", "EU", "--workspace", "Northwind", *tenant)
    sealed = Sealer.from_text(generate_key()).seal("{}", row=uuid.uuid4())
    with psycopg.connect(environment["admin"]) as connection:
        for into, whose, source in (
            ("plugin_settings (", "", ""),
            ("plugin_tenant_settings (tenant_id, workspace_id, ", "id, workspace_id,", "FROM tenants"),
        ):
            connection.execute(
                f"INSERT INTO {into} id, plugin, secrets, sealed, key_id)"
                f" SELECT {whose} gen_random_uuid(), 'example', '{{s}}', %s, %s {source}",
                (sealed.data, sealed.key_id),
            )
    result = atlas("keys", "rotate")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-2:] == [
        "No key opens the settings of the plugin example: `atlas plugins settings set` gives it new secrets.",
        "No key opens the settings of the plugin example for EU of Northwind: `atlas tenants settings set`"
        " gives it new secrets.",
    ]
    unopened = orjson.loads(atlas("keys", "rotate", "--json").stdout)["unopened"]
    assert [(row["kind"], row["name"], row["workspace"], row["tenant"]) for row in unopened] == [
        ("installation", "example", None, None),
        ("tenant", "example", "Northwind", "EU"),
    ]


def test_everything_that_is_sealed_is_sealed_anew():
    holding = {table.name for table in metadata.sorted_tables if "sealed" in table.columns}
    assert {one.table.name for one in resealing.SEALED} == holding
