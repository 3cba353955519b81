"""`atlas backup delete`: asked for twice, and never what something needs."""

from __future__ import annotations

import pytest

from support.ages import add_set
from support.archives import uuid_of
from support.steps import backed_up, planned


@pytest.fixture
def backup(place, admin_url: str) -> str:
    """The id of a set that nothing needs."""
    return str(add_set(admin_url, place))


def sets(shell) -> list[str]:
    return [listed["uuid"] for listed in shell.json("backup", "list")]


def test_a_person_is_asked(shell, backup: str, terminal):
    terminal("n")
    assert shell.says("backup", "delete", backup, code=5) == "error: Nothing was done.\n"
    assert sets(shell) == [backup]
    terminal("y")
    said = shell.says("backup", "delete", backup)
    assert said == f"Deleted the backup set {backup} of Larkspur Logistics.\n"
    assert sets(shell) == []


def test_a_script_says_yes(shell, backup: str):
    assert "use --yes" in shell.says("backup", "delete", backup, code=2)
    assert sets(shell) == [backup]
    assert shell.json("backup", "delete", backup, "--yes")["uuid"] == backup
    said = shell.says("backup", "delete", backup, "--yes", code=6)
    assert said == "error: There is no backup set of that id, or it is not yours to see.\n"


def test_the_latest_is_named_by_its_id_only(shell, backup: str):
    """A script that runs twice would go on to the next."""
    shell.says("backup", "delete", "latest", "--yes", code=6)
    assert sets(shell) == [backup]


def test_what_a_plan_needs_stays_and_is_told_why(shell, place):
    backup = backed_up(place)
    planned(place, backup)
    said = shell.says("backup", "delete", str(uuid_of(backup)), "--yes", code=5)
    assert said == (
        "error: A plan made of the backup set can still be executed: wait until it has expired."
        " (BACKUP_SET_IN_USE)\n"
    )
    assert sets(shell) == [str(uuid_of(backup))]


def test_who_may_not_is_told_what_is_lacking(as_user, place, backup: str):
    said = as_user(place.member("operator")).says("backup", "delete", backup, "--yes", code=6)
    assert said == "error: This needs the capability backups.delete.\n"
