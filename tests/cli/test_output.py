"""What people read: nothing cut, nothing interpreted, colours on a terminal only."""

from __future__ import annotations

import pytest

from atlas_gql.cli.output import show


def test_a_sentence_tells_name_and_id(atlas, name, rows):
    called = name("Contoso")
    result = atlas("workspace", "create", called)
    [row] = rows("SELECT id FROM workspaces WHERE name = %s", called)
    assert result.stdout == f"Made the workspace {called} ({row['id']}).\n"


def test_a_list_in_a_pipe_is_whole_and_plain(atlas, made, name):
    called = name("[red]" + "long " * 20)
    made("workspace", "create", called)
    listed = atlas("workspace", "list").stdout
    assert called in listed
    assert "\x1b" not in listed


def test_an_id_is_never_cut(capsys, monkeypatch):
    """On a narrow terminal, other columns are broken."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    row = {"name": "many words " * 6, "id": "01a2b3c4-0000-7000-8000-000000000000", "more": "words " * 9}
    show([row], {"name": "Name", "id": "Id", "more": "More"}, empty="", as_json=False)
    printed = capsys.readouterr().out
    assert row["id"] in printed
    assert "\x1b[1m" in printed


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param(
            ("tenant", "list", "--workspace"),
            "There is no tenant yet: `atlas tenant create NAME ...` adds one.\n",
            id="tenants",
        ),
        pytest.param(
            ("token", "list", "--user"), "{name} has no token: `atlas token create` makes one.\n", id="tokens"
        ),
    ],
)
def test_an_empty_list_says_what_to_do(atlas, made, name, arguments, sentence):
    called = name("nobody")
    made("workspace" if "tenant" in arguments else "user", "create", called)
    result = atlas(*arguments, called)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", sentence.format(name=called))
    assert made(*arguments, called) == []


def test_a_token_is_alone_on_standard_output(atlas, made, name):
    user = name("anna")
    made("user", "create", user)
    result = atlas("token", "create", "--user", user, "--name", "laptop")
    assert result.stdout.startswith("atlas_")
    assert result.stdout.count("\n") == 1
    assert result.stderr.startswith(f"This token of {user} works until ")
