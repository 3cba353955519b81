"""Who asks, and where: stored for the owner's eyes only, and sent to its own address only."""

from __future__ import annotations

import json
import socket
import stat
from pathlib import Path

import pytest

from atlas_gql.client import Access, Invalid, Profiles, choose_access
from atlas_gql.client.profiles import checked_access


@pytest.fixture
def stored(nobody) -> Path:
    return Path(nobody.environment["XDG_CONFIG_HOME"], "atlas", "profiles.json")


def log_in(nobody, place, *options: str) -> str:
    return nobody.says("login", "--url", place.atlas.url, "--from-env", "T", *options, T=place.token)


def test_login_stores_what_the_api_has_taken(nobody, place, stored):
    said = log_in(nobody, place)
    assert said.startswith(f"Logged in at {place.atlas.url} as owner {place.user}.")
    assert place.token not in said
    assert json.loads(stored.read_text()) == {
        "default": {"url": place.atlas.url, "token": place.token, "insecureHttp": False}
    }
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (stored, stored.parent)]
    assert modes == [0o600, 0o700]
    assert f"owner {place.user}, at {place.atlas.url}\n" in nobody.says("whoami")


def test_a_token_may_come_from_standard_input(nobody, place, stored):
    result = nobody.run("login", "--url", place.atlas.url, "--from-stdin", input=place.token + "\n")
    assert (result.exit_code, stored.exists()) == (0, True)


def test_without_a_terminal_nobody_is_asked(nobody, place):
    assert "--from-env or --from-stdin" in nobody.says("login", "--url", place.atlas.url, code=2)


def test_profiles_stand_side_by_side_and_are_forgotten_one_by_one(nobody, place, stored):
    reader = place.member("readonly")
    log_in(nobody, place)
    log_in(nobody, place, "--profile", "work")
    nobody.says("login", "--url", place.atlas.url, "--profile", "look", "--from-env", "T", T=reader)
    assert nobody.json("whoami", "--profile", "look")["user"]["name"].startswith("readonly ")
    assert "owner" in nobody.says("whoami", ATLAS_PROFILE="work")
    assert nobody.json("logout", "--profile", "work") == {"profile": "work", "changed": True}
    assert nobody.says("logout", "--profile", "work") == "There was no profile work.\n"
    assert sorted(json.loads(stored.read_text())) == ["default", "look"]


def test_whoami_tells_what_may_be_done(shell, as_user, place):
    (tenant,) = shell.json("whoami")["tenants"]
    assert (tenant["name"], "restores.execute" in tenant["viewerCapabilities"]) == (
        "Larkspur Logistics",
        True,
    )
    assert "back up, plan, restore" in shell.says("whoami")
    assert "back up, plan\n" in as_user(place.member("operator")).says("whoami")
    assert "look\n" in as_user(place.member("readonly")).says("whoami")
    assert "You reach no tenant." in as_user(place.member(None)).says("whoami")


@pytest.mark.parametrize("token", ["atlas_unknown", "nonsense"])
def test_a_wrong_token_is_not_stored(nobody, place, stored, token):
    said = nobody.says("login", "--url", place.atlas.url, "--from-env", "T", code=6, T=token)
    assert "Log in with `atlas login`" in said
    assert not stored.exists()


def test_an_expired_token_opens_nothing(as_user, place):
    assert "error: " in as_user(place.member("owner", days=-1)).says("whoami", code=6)


def test_who_is_not_logged_in_is_told_how(nobody):
    assert "atlas login --url URL" in nobody.says("runs", "list", code=6)
    assert "--profile work" in nobody.says("runs", "list", "--profile", "work", code=6)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        pytest.param("http://atlas.example.com", "by https only", id="plain http"),
        pytest.param("http://10.1.2.3:8000", "by https only", id="plain http to a number"),
        pytest.param("ftp://atlas.example.com", "not the address of an API", id="another scheme"),
        pytest.param("atlas.example.com", "not the address of an API", id="no scheme"),
        pytest.param("https://maria:x@atlas.example.com", "not the address of an API", id="a password"),
        pytest.param("https://atlas.example.com:port", "not the address of an API", id="no port"),
        pytest.param("https://atlas.example.com/?x=1", "has no `?`", id="a query"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused_before_the_token_is_asked_for(nobody, stored, url, said):
    assert said in nobody.says("login", "--url", url, "--from-stdin", code=2)
    assert not stored.exists()


def test_plain_http_is_allowed_for_the_profile_that_was_made_for_it(nobody, monkeypatch, stored):
    monkeypatch.setenv("XDG_CONFIG_HOME", nobody.environment["XDG_CONFIG_HOME"])
    access = checked_access("http://atlas.internal:8000/graphql", "atlas_x", insecure_http=True)
    Profiles().put("lab", access)
    assert choose_access("lab", {}) == Access(
        url="http://atlas.internal:8000", token="atlas_x", insecure_http=True
    )
    with pytest.raises(Invalid, match="by https only"):
        choose_access(None, {"ATLAS_URL": access.url, "ATLAS_TOKEN": "atlas_x"})
    assert "atlas_x" not in repr(access)


def test_a_stored_token_goes_to_its_own_address_only(nobody, place):
    log_in(nobody, place)
    with socket.create_server(("127.0.0.1", 0)) as thief:
        thief.settimeout(0.2)
        url = f"http://127.0.0.1:{thief.getsockname()[1]}"
        assert "Set ATLAS_TOKEN too" in nobody.says("whoami", code=6, ATLAS_URL=url)
        with pytest.raises(TimeoutError):
            thief.accept()
    assert "owner" in nobody.says("whoami", ATLAS_URL=place.atlas.url + "/")


def test_the_environment_goes_before_the_profile(nobody, place):
    log_in(nobody, place)
    reader = place.member("readonly")
    assert nobody.says("whoami", ATLAS_TOKEN=reader).startswith("readonly ")


def test_what_is_no_atlas_is_told_apart(nobody, place, simulator):
    said = nobody.says("whoami", code=1, ATLAS_URL=simulator.url, ATLAS_TOKEN=place.token)
    assert "is no Atlas" in said
    assert place.token not in said


def test_an_api_that_is_away_is_said_to_be_away(nobody, place, monkeypatch):
    monkeypatch.setattr("atlas_gql.client.api.Api.query.__kwdefaults__", {"patience": 0.0})
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    said = nobody.says("whoami", code=1, ATLAS_URL=url, ATLAS_TOKEN=place.token)
    assert said == f"error: {url} does not answer (no connection).\n"


def test_a_profile_file_that_was_damaged_is_named(nobody, place, stored):
    log_in(nobody, place)
    stored.write_text("{")
    assert str(stored) in nobody.says("whoami", code=1).replace("\n", "")
