"""Folders where the data cannot lie as it is, and folders that cannot work."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from atlas_gql.db import embedded
from atlas_gql.db.embedded import binaries
from atlas_gql.db.embedded.home import STATE, find_home
from atlas_gql.errors import ConfigurationError

from .conftest import is_gone, wait_until

# Root's own interpreter may lie in a private folder.
INTERPRETERS = (sys.executable, "/usr/bin/python{}.{}".format(*sys.version_info))
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="concerns root only")


def query(server, statement):
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        answer = connection.execute(statement)
        return answer.fetchone() if answer.description else None


@pytest.fixture
def private(base):
    """A folder like root's home; what is kept below /var/lib for it is removed."""
    path = base / "home"
    path.mkdir(mode=0o700)
    yield path
    for record in path.rglob("data.location"):
        remove_place(Path(record.read_text().splitlines()[0]))


def remove_place(place):
    shutil.rmtree(place)
    with contextlib.suppress(OSError):  # others use it
        STATE.rmdir()


@as_root
def test_roots_private_folder_works_and_stays_private(private, caplog):
    folder = private / "pg"
    with embedded.start(folder, durable=False) as server:
        query(server, "CREATE TABLE kept ()")
    home = find_home(folder)
    assert home.folder.parent == STATE
    assert f"the data is kept in {home.folder}" in caplog.text
    assert wait_until(lambda: is_gone(home))
    with embedded.start(folder, durable=False) as server:
        assert query(server, "SELECT count(*) FROM kept") == (0,)
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert wait_until(lambda: is_gone(home))


@as_root
def test_a_deleted_or_copied_private_folder_has_data_of_its_own(private):
    folder, copy = private / "pg", private / "copy"
    first = find_home(folder)
    shutil.copytree(folder, copy)
    assert find_home(folder) == first
    assert find_home(copy).folder not in (first.folder, copy)
    assert find_home(copy) == find_home(copy)
    shutil.rmtree(folder)
    assert find_home(folder).folder != first.folder
    remove_place(first.folder)
    moved = folder.rename(private / "moved")
    assert find_home(moved).folder.parent == STATE


@as_root
def test_programs_in_a_private_folder_are_copied_once(private, base, folder, monkeypatch, caplog):
    wheel = binaries.wheel_folder().parents[1]
    hidden = private / wheel.name
    shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), hidden.with_name(f"{wheel.name}.libs"))
    install = binaries.wheel_folder().parent.name
    shutil.copytree(wheel / install, hidden / install, ignore=shutil.ignore_patterns("include", "*.a"))
    hidden.joinpath(install).chmod(0o700)
    monkeypatch.setattr(binaries, "wheel_folder", lambda: hidden / install / "bin")
    monkeypatch.setattr(binaries, "CACHE", base / "cache")
    for _ in range(2):
        with embedded.start(folder, durable=False) as server:
            assert query(server, "SELECT 1") == (1,)
        assert wait_until(lambda: is_gone(find_home(folder)))
    assert caplog.text.count("programs are copied") == 1


def imports_atlas(python, someone):
    with contextlib.suppress(OSError):
        command = [python, "-c", "import atlas_gql.db.embedded"]
        return subprocess.run(command, capture_output=True, **someone).returncode == 0
    return False


@as_root
def test_an_ordinary_user_keeps_everything_in_the_folder(private, spawn, hold):
    """The tests run as root: here is the same for somebody with a private home."""
    user = pwd.getpwnam("nobody")
    environment = {"HOME": str(private), "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    environment["PYTHONPATH"] += f"{os.pathsep}{Path(embedded.__file__).parents[3]}"
    someone = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/", "env": environment}
    os.chown(private, user.pw_uid, user.pw_gid)
    python = next((path for path in INTERPRETERS if imports_atlas(path, someone)), None)
    if python is None:
        pytest.skip("other users cannot read this checkout, or its interpreter")
    folder = private / "pg"
    holder, url = hold(folder, python=python, **someone)
    second, same_url = hold(folder, python=python, **someone)
    assert url == same_url
    owners = {path.lstat().st_uid for path in (folder, *folder.rglob("*"))}
    assert (owners, (folder / "data.location").exists()) == ({user.pw_uid}, False)
    holder.kill()
    second.kill()
    home = find_home(folder)
    assert home.account.uid == user.pw_uid
    assert wait_until(lambda: is_gone(home))
    with embedded.start(folder) as server:  # root joins under the owner's account
        assert query(server, "SELECT 1") == (1,)
    assert wait_until(lambda: is_gone(home))


@pytest.mark.parametrize("name", ["a-long-name" * 10, 'comma, space\'s "$HOME" `x`'], ids=["long", "odd"])
def test_a_path_unfit_for_a_socket_gets_a_short_one_while_it_runs(base, folder, name):
    parent = base / name
    parent.mkdir()
    folder = folder.rename(parent / "pg")
    home = find_home(folder)
    with embedded.start(folder, durable=False) as server:
        sockets = home.socket_folder
        assert query(server, "SELECT 1") == (1,)
        assert (sockets.parent, stat.S_IMODE(sockets.stat().st_mode)) == (Path("/tmp"), 0o700)
    assert wait_until(lambda: is_gone(home))
    assert not sockets.exists()


def fail(folder, match):
    with pytest.raises(ConfigurationError, match=match) as caught:
        embedded.start(folder)
    return str(caught.value)


def test_data_of_another_version_is_refused_untouched(folder):
    (folder / "data" / "PG_VERSION").write_text("13\n")
    fail(folder, "made by PostgreSQL 13; PostgreSQL .. is installed")
    assert (folder / "data" / "PG_VERSION").read_text() == "13\n"


def test_a_missing_wheel_names_the_remedies(base, monkeypatch):
    monkeypatch.setattr(binaries.importlib.util, "find_spec", lambda name: None)
    text = fail(base / "pg", "not installed")
    assert 'pip install "atlas-gql[embedded]"' in text
    assert "ATLAS_DATABASE_URL" in text


def test_a_wheel_for_another_machine_is_refused(base, monkeypatch):
    programs = base / "pginstall18" / "bin"
    programs.mkdir(parents=True)
    (programs / "postgres").write_text("no program")
    monkeypatch.setattr(binaries, "wheel_folder", lambda: programs)
    monkeypatch.setattr(binaries, "CACHE", base / "cache")
    fail(base / "pg", "do not run on this machine")


def test_a_folder_that_cannot_be_made_is_refused(base):
    (base / "file").touch()
    fail(base / "file" / "pg", "cannot use its folder .* \\(not a directory\\)")
    fail(base / "file", "cannot use its folder .* \\(file exists\\)")


def test_a_server_that_does_not_start_shows_its_log(folder):
    with (folder / "data" / "postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = 1\n")
    fail(folder, 'did not start(.|\n)*unrecognized configuration parameter "no_such_setting"')


def test_a_cluster_that_cannot_be_made_shows_why_and_can_be_made_later(base, monkeypatch):
    monkeypatch.setattr(embedded.server, "SUPERUSER", "postgres")
    monkeypatch.setattr("atlas_gql.db.embedded.cluster.SUPERUSER", "pg_reserved")
    fail(base / "pg", "could not make its data folder(.|\n)*superuser name .pg_reserved. is disallowed")
    monkeypatch.undo()
    assert sorted(path.name for path in (base / "pg").glob("data*")) == [
        "data.guard",
        "data.lease",
        "data.start",
    ]
    with embedded.start(base / "pg", durable=False) as server:
        assert query(server, "SELECT 1") == (1,)


def test_lost_passwords_are_not_replaced_by_others(folder):
    known = json.loads((folder / "passwords.json").read_text())
    (folder / "passwords.json").unlink()
    fail(folder, "passwords of the data in .* are missing")
    assert not (folder / "passwords.json").exists()
    (folder / "passwords.json").write_text(json.dumps(known))
    with embedded.start(folder) as server:
        assert query(server, "SELECT 1") == (1,)
