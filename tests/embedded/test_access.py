"""Who may reach the embedded server, and what it is."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from atlas_gql.db import embedded


@pytest.fixture
def server(running):
    return running[0]


@pytest.fixture
def running_home(running):
    return running[1]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_password_is_needed(server, monkeypatch):
    monkeypatch.setenv("PGPASSFILE", "/nonexistent")
    right = urlsplit(server.admin_url)
    for login, complaint in (
        ("postgres:guess@", "password authentication failed"),
        ("postgres@", "no password"),
    ):
        with pytest.raises(psycopg.OperationalError, match=complaint):
            psycopg.connect(right._replace(netloc=login).geturl())


def test_the_passwords_are_random_and_lasting(server, running_home):
    roles = ("postgres", "atlas_owner", "atlas_app")
    with embedded.start(running_home.folder) as again:
        assert [again.password(role) for role in roles] == [server.password(role) for role in roles]
    assert len({server.password(role) for role in roles}) == 3
    assert not any(server.password(role) in repr(server) for role in roles)
    with pytest.raises(KeyError):
        server.password("somebody")


def test_a_role_made_with_its_password_logs_in(server):
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        made = psycopg.sql.SQL("CREATE ROLE atlas_app LOGIN PASSWORD {}").format(server.password("atlas_app"))
        connection.execute(made)
    with psycopg.connect(server.url("atlas_app", "postgres")) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("atlas_app",)


def test_only_the_owner_reaches_socket_data_and_passwords(running_home):
    found = {
        path.name: mode(path)
        for path in (
            running_home.socket_folder,
            Path(running_home.socket),
            running_home.data,
            running_home.passwords,
        )
    }
    assert found == {"socket": 0o700, ".s.PGSQL.5432": 0o700, "data": 0o700, "passwords.json": 0o600}


def test_settings(server):
    expected = {
        "listen_addresses": "",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
        "max_connections": "200",
        "shared_buffers": "64MB",
        "fsync": "off",
        "data_checksums": "on",
    }
    with psycopg.connect(server.admin_url) as connection:
        found = {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in expected}
        methods = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
    assert (found, methods) == (expected, [("scram-sha-256",)])


def test_data_is_durable_unless_told_otherwise(folder):
    with embedded.start(folder) as server, psycopg.connect(server.admin_url) as connection:
        names = ("fsync", "synchronous_commit", "full_page_writes")
        assert [connection.execute(f"SHOW {name}").fetchone()[0] for name in names] == ["on", "on", "on"]


def test_the_log_holds_neither_statements_nor_rows(server, running_home):
    private = "-".join(["some", "secret"])
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE people (name text PRIMARY KEY)")
        for _ in range(2):
            try:
                connection.execute(f"INSERT INTO people VALUES ('{private}')")
            except psycopg.errors.UniqueViolation:
                assert "people_pkey" in running_home.log.read_text()
    assert private not in running_home.log.read_text()


def test_the_rights_of_parent_folders_stay(base):
    folders = [base, base / "a", base / "a" / "b"]
    folders[-1].mkdir(parents=True)
    with embedded.start(folders[-1] / "pg", durable=False):
        assert [(mode(path), path.stat().st_uid) for path in folders] == [(0o755, os.geteuid())] * 3
