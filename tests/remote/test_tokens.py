"""`atlas tokens`: made, listed and revoked through the API."""

from __future__ import annotations


def test_a_token_from_its_first_day_to_its_last(shell, as_user, place):
    limits = ("--capability", "runs.view", "--tenant", "larkspur.example", "--days", "7")
    made = shell.json("tokens", "create", "Dashboard", *limits)
    limited = as_user(made["token"])
    assert limited.json("runs", "list", "--tenant", "larkspur.example") == []
    assert "backups.create" in limited.says("backup", "create", "--tenant", "larkspur.example", code=6)
    assert "Larkspur Logistics (runs.view)" in " ".join(shell.says("tokens", "list", COLUMNS="200").split())
    assert [row["name"] for row in limited.json("tokens", "list")] == ["Dashboard"]
    key = made["apiToken"]["uuid"]
    assert shell.says("tokens", "revoke", key) == "The token Dashboard is revoked.\n"
    assert "revoked" in shell.says("tokens", "list")
    assert "A valid API token is needed" in limited.says("whoami", code=6)


def test_a_token_is_printed_alone(shell, as_user):
    result = shell.run("tokens", "create", "laptop")
    token = result.stdout.strip()
    assert "is not shown again" in result.stderr
    assert token not in result.stderr
    assert as_user(token).says("whoami").startswith("owner ")


def test_owners_see_and_end_the_tokens_of_others(shell, as_user, place):
    member = as_user(place.member("operator"))
    made = member.json("tokens", "create", "theirs")
    assert "tokens.manage" in member.says("tokens", "list", "--everybody", code=6)
    (row,) = shell.json("tokens", "list", "--everybody")
    assert (row["name"], row["workspace"]["id"]) == ("theirs", place.workspace_id)
    stranger = as_user(place.atlas.new_place(provider=False).token)
    assert stranger.says("tokens", "revoke", row["uuid"], code=6) == "error: Not found.\n"
    shell.says("tokens", "revoke", row["uuid"])
    as_user(made["token"]).says("whoami", code=6)


def test_wrong_usage_is_told(shell, place):
    assert "goes with --everybody" in shell.says("tokens", "list", "--workspace", "x", code=2)
    assert "You do not hold all.of.it" in shell.says(
        "tokens", "create", "x", "--capability", "all.of.it", code=2
    )
