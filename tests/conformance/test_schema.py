"""The schema's gate sees what breaks clients, and compares with the right commit."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from conformance import schema as gate

OLD = "type Query { one: Int  two(a: Int): Int! }  enum E { A B }"


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        pytest.param(OLD.replace("one: Int", "one: Int three: Int"), [], id="a new field"),
        pytest.param(OLD.replace("one: Int", ""), ["Field Query.one was removed."], id="a removed field"),
        pytest.param(
            OLD.replace("two(a: Int)", "two(a: Int, b: Int!)"),
            ["A required argument Query.two(b:) was added."],
            id="a required argument",
        ),
        pytest.param(
            OLD.replace("Int! }", "Int }"), ["Field Query.two changed type from Int! to Int."], id="nullable"
        ),
        pytest.param(
            OLD.replace("A B", "A"), ["Enum value E.B was removed."], id="a removed value of an enum"
        ),
    ],
)
def test_what_breaks_clients_is_named(new: str, expected: list[str]):
    assert gate.breaking(OLD, new) == expected


def test_what_is_listed_may_be_done():
    changes = ["Query.one was removed.", "Query.two was removed."]
    page = "# Changes\n\n- Query.one was removed. Use `three`.\n\nQuery.two was removed.\n"
    assert gate.unlisted(changes, page) == ["Query.two was removed."]


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A repository with three commits, the second of which brought the list; gives what runs git in it."""
    author = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    where = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}

    def run(*arguments: str, at: Path = tmp_path / "work") -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=at,
            env={**os.environ, **author, **where},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    (tmp_path / "work" / "docs").mkdir(parents=True)
    run("init", "-q", "-b", "main")
    for file in ("schema.graphql", "docs/api-changes.md", "more"):
        (tmp_path / "work" / file).write_text(file)
        run("add", ".")
        run("commit", "-q", "-m", file)
    return run


def at(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "ROOT", root)
    monkeypatch.setattr(gate, "CHANGES", root / "docs" / "api-changes.md")


def test_a_branch_is_compared_with_where_it_began(git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    git("clone", "-q", str(tmp_path / "work"), str(tmp_path / "clone"), at=tmp_path)
    began = git("rev-parse", "main")
    git("commit", "-q", "--allow-empty", "-m", "mine", at=tmp_path / "clone")
    at(tmp_path / "clone", monkeypatch)
    assert (gate.base_of(None), gate.base_of("HEAD~2")) == (began, git("rev-parse", "main~1"))


def test_the_main_branch_is_compared_with_the_beginning_of_the_list_also_in_a_shallow_clone(
    git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    git("clone", "-q", "--depth", "1", f"file://{tmp_path}/work", str(tmp_path / "clone"), at=tmp_path)
    at(tmp_path / "clone", monkeypatch)
    assert gate.base_of(None) == git("rev-parse", "main~1")


def test_without_a_base_the_gate_is_shut(git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd):
    at(tmp_path / "work", monkeypatch)
    assert gate.main(None) == 1
    assert "nothing to compare with" in capfd.readouterr().out
