"""`atlas plugins settings`: what is set of plugins for the installation, from its own machine."""

from __future__ import annotations

import secrets

import orjson
import pytest

from atlas_gql.plugins import loading
from atlas_gql.providers.sealing import Sealed, Sealer
from support.settings import EXAMPLE

NOTHING = {"depth": 3, "networks": [], "proxyPasswordIsSet": False, "tone": "LONG"}
SETTINGS = ("plugins", "settings")


@pytest.fixture(autouse=True)
def example(monkeypatch, rows):
    """The example is installed, and nothing is set of it."""
    discover = loading.discover
    monkeypatch.setattr(loading, "discover", lambda only: [*discover(only), EXAMPLE])
    rows("DELETE FROM plugin_settings RETURNING plugin")


def test_settings_are_set_and_shown(atlas, made, rows, environment, monkeypatch):
    secret = secrets.token_urlsafe(20)
    monkeypatch.setenv("PROXY", secret)
    assert made(*SETTINGS, "show", "example") == NOTHING
    said = atlas(*SETTINGS, "set", "example", "networks=10.0.0.0/8, fd00::/8", "depth=4", "tone=short")
    assert (said.exit_code, said.stdout) == (0, "Set depth, networks, tone.\n")
    given = ("--secret", "proxy_password", "--from-env", "PROXY")
    wanted = {
        "depth": 4, "networks": ["10.0.0.0/8", "fd00::/8"], "proxyPasswordIsSet": True, "tone": "SHORT",
    }  # fmt: skip
    assert made(*SETTINGS, "set", "example", *given) == wanted
    shown = atlas(*SETTINGS, "show", "example").stdout
    assert [line.split() for line in shown.splitlines()] == [
        ["Setting", "Value"],
        ["depth", "4"],
        ["networks", '["10.0.0.0/8","fd00::/8"]'],
        ["proxyPassword", "set"],
        ["tone", "SHORT"],
    ]
    (row,) = rows("SELECT id, data, sealed, key_id FROM plugin_settings")
    sealer = Sealer.from_text(environment["ATLAS_SECRET_KEY"])
    opened = sealer.open(Sealed(row["sealed"], row["key_id"]), row=row["id"])
    assert orjson.loads(opened) == {"proxy_password": secret}
    assert secret not in shown + str(row["data"])
    back = ("--default", "depth", "--default", "networks", "--default", "tone", "--default", "proxyPassword")
    assert made(*SETTINGS, "set", "example", *back) == NOTHING
    entries = rows(
        "SELECT details FROM audit_entries WHERE action = 'plugin.configured' AND actor_kind = 'command'"
        " AND resource_id = 'example' ORDER BY id DESC LIMIT 3"
    )
    assert [entry["details"]["changed"] for entry in entries] == [
        ["depth", "networks", "proxyPassword", "tone"],
        ["proxyPassword"],
        ["depth", "networks", "tone"],
    ]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        pytest.param(["example"], "Give NAME=VALUE, --secret or --default.", id="nothing"),
        pytest.param(["example", "depth"], "1 of the values are not like NAME=VALUE.", id="no-value"),
        pytest.param(["example", "deep=1"], "There is no setting 'deep'. There is: depth,", id="unknown"),
        pytest.param(["example", "depth=deep"], "depth takes JSON", id="no-json"),
        pytest.param(["example", "depth=1.5"], "", id="no-integer"),
        pytest.param(["example", "tone=loud"], "", id="no-value-of-the-enum"),
        pytest.param(["example", "depth=1", "--default", "depth"], "depth is given twice.", id="twice"),
        pytest.param(
            ["example", "proxyPassword=x"], "a secret is no argument: use --secret proxyPassword", id="secret"
        ),
        pytest.param(["example", "--secret", "depth", "--from-stdin"], "depth is no secret", id="no-secret"),
        pytest.param(["example", "--secret", "proxyPassword", "--from-stdin"], "1 to 8,192", id="empty"),
        pytest.param(["example", "depth=1", "--from-stdin"], "go with --secret", id="no-name"),
        pytest.param(["nobody", "depth=1"], "Nothing can be set of a plugin 'nobody' here", id="no-plugin"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_set(atlas, rows, arguments, why):
    result = atlas(*SETTINGS, "set", *arguments)
    assert (result.exit_code, why in " ".join(result.stderr.split())) == (2, True), result.stderr
    assert rows("SELECT data FROM plugin_settings WHERE data <> '{}' OR sealed IS NOT NULL") == []
