"""`atlas tenants settings`: what is set of plugins for a tenant, from any machine."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest

from atlas_gql.plugins.loading import discover, load_all
from atlas_gql.simulator import Running
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase
from support.settings import EXAMPLE
from support.shell import Shell

SETTINGS = ("tenants", "settings")


@pytest.fixture(scope="module")
def atlas(test_database: TestDatabase, simulator: Running) -> Iterator[Installation]:
    """With the example, and without a worker: it is the API that is asked."""
    plugins = load_all([*discover(), EXAMPLE])
    with installation(test_database, plugins=plugins, simulator=simulator, worker=False) as running:
        yield running


@pytest.fixture
def place(atlas: Installation) -> Place:
    return atlas.new_place()


def test_settings_are_set_and_shown(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = secrets.token_urlsafe(20)
    nothing = shell.json(*SETTINGS, "show", "example")
    assert nothing == {
        "limit": None,
        "oldSecretIsSet": False,
        "on": True,
        "rules": [{"name": "first", "tones": [], "weight": 1}],
        "share": 0.5,
        "signingSecretIsSet": False,
        "tone": "SHORT",
        "urls": [],
    }
    given = ("urls=https://one.example,https://two.example", "on=false", 'rules=[{"name": "a"}]')
    assert shell.says(*SETTINGS, "set", "example", *given) == "Set on, rules, urls.\n"
    monkeypatch.setenv("SIGNING", secret)
    found = shell.json(
        *SETTINGS,
        "set",
        "example",
        "--secret",
        "signing-secret",
        "--from-env",
        "SIGNING",
        "-t",
        "larkspur.example",
    )
    assert found == {
        **nothing,
        "on": False,
        "rules": [{"name": "a", "tones": [], "weight": 1}],
        "signingSecretIsSet": True,
        "urls": ["https://one.example", "https://two.example"],
    }
    shown = shell.says(*SETTINGS, "show", "example")
    assert ["signingSecret", "set"] in [line.split() for line in shown.splitlines()]
    assert ["oldSecret", "not", "set"] in [line.split() for line in shown.splitlines()]
    back = [word for name in ("on", "rules", "urls", "signingSecret") for word in ("--default", name)]
    assert shell.json(*SETTINGS, "set", "example", *back) == nothing


def test_what_is_refused_says_why(shell: Shell, as_user: Callable[..., Shell], place: Place) -> None:
    said = shell.says(*SETTINGS, "set", "example", "urls=ftp://one", code=2)
    assert "urls: An address begins with https://. (VALIDATION_FAILED)" in said
    assert "Nothing can be set of a plugin 'nobody'" in shell.says(*SETTINGS, "show", "nobody", code=2)
    operator = as_user(place.member("operator"))
    for command in (("show", "example"), ("set", "example", "on=false")):
        assert "plugins.configure" in operator.says(*SETTINGS, *command, code=6)
    shell.says("tenants", "archive", "larkspur.example")
    said = shell.says(*SETTINGS, "set", "example", "on=false", "-t", "larkspur.example", code=5)
    assert "TENANT_ARCHIVED" in said
