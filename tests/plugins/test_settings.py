"""Settings of plugins: declared well or refused, set on both planes, sealed, and given to runs."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, make_dataclass, replace
from types import SimpleNamespace
from typing import Annotated, Any
from uuid import UUID

import httpx
import orjson
import pytest

from atlas_gql import logs
from atlas_gql.access import tenants as tenant_service
from atlas_gql.audit import COMMAND
from atlas_gql.plugins import PluginSettings, Ref, RunContext, Secret, hookimpl
from atlas_gql.plugins.loading import discover, load_all, load_plugins
from atlas_gql.schema.build import build_schema, print_sdl
from atlas_gql.schema.system import build_system_schema
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.dump import dump_of, forms_of
from support.paths import DATA_DIR
from support.settings import (
    EXAMPLE,
    SAID,
    WORKS,
    ExampleRule,
    ExampleTone,
    InstallationSettings,
    TenantSettings,
    Work,
)
from support.statements import counted

SYSTEM = "/system/graphql"


# --- what is declared --------------------------------------------------------------------------------------


def declaring(settings: Any) -> Any:
    @hookimpl
    def atlas_settings() -> Any:
        return settings

    return SimpleNamespace(atlas_settings=atlas_settings)


def frozen(*fields: Any) -> type:
    return make_dataclass("Odd", fields, frozen=True, kw_only=True)


class Raises:
    """Nothing that could be a default."""

    def __new__(cls) -> Any:
        raise RuntimeError


@dataclass(frozen=True)
class Refusing:
    """A class whose own check its defaults do not pass."""

    limit: int = 0

    def __post_init__(self) -> None:
        raise RuntimeError


@dataclass
class Thawed:
    """A class that could be changed."""

    limit: int = 0


@dataclass(frozen=True)
class Circle:
    """A class that holds itself."""

    inner: tuple[Circle, ...] = ()


@dataclass(frozen=True)
class Plain:
    """A class as it should be."""

    limit: int = 0


@dataclass(frozen=True)
class Nested:
    """A class with a part whose name is not the plugin's."""

    rule: ExampleRule = ExampleRule(name="first")  # noqa: RUF009 # it never changes


TENANT = PluginSettings(tenant=Plain)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        pytest.param(TenantSettings, "no PluginSettings", id="bare"),
        pytest.param(PluginSettings(), "neither a class for", id="empty"),
        pytest.param(
            PluginSettings(tenant=TenantSettings, installation=TenantSettings),
            "cannot be that of",
            id="twice",
        ),
        *(
            pytest.param(PluginSettings(tenant=of), why, id=id_)
            for id_, of, why in [
                ("no-class", "TenantSettings", "'TenantSettings' is no dataclass"),
                ("no-dataclass", int, "'int' is no dataclass"),
                ("not-frozen", Thawed, "Thawed is not frozen"),
                ("no-fields", frozen(), "Odd has no fields"),
                ("no-default", frozen(("limit", int)), "the field limit has no default"),
                ("not-given", frozen(("limit", int, field(default=1, init=False))), "limit cannot be given"),
                ("reserved", frozen(("tenant_id", str, "")), "tenant_id has a name that cannot be used"),
                ("camel", frozen(("webUrl", str, "")), "webUrl has a name that cannot be used"),
                ("type", frozen(("things", dict, None)), "things has a type that settings cannot have"),
                ("uuid", frozen(("thing", UUID, None)), "thing has a type that settings cannot have"),
                (
                    "ref",
                    frozen(("thing", Annotated[str, Ref("Tenant", "runs.view")], "")),
                    "thing has a type that settings cannot have",
                ),
                ("union", frozen(("limit", int | str, 1)), "limit has a type that settings cannot have"),
                ("circle", frozen(("circle", Circle, None)), "circle has a type that settings cannot have"),
                (
                    "several-secrets",
                    frozen(("keys", tuple[Secret[str], ...], ())),
                    "keys has a type that settings cannot have",
                ),
                ("secret-number", frozen(("pin", Secret[int], None)), "pin has a type that settings cannot"),
                (
                    "secret-in-code",
                    frozen(("pin", Secret[str], Secret(secrets.token_hex(4)))),
                    "the default of the secret pin is neither None nor empty",
                ),
                (
                    "says-of-secret",
                    frozen(("pin", Secret[str] | None, None), ("pin_is_set", bool, False)),
                    "pin_is_set says what the host says of a secret",
                ),
                ("unreadable", frozen(("limit", "NoSuchType", None)), "annotations of Odd cannot be read"),
                ("name", Nested, "the name of their class ExampleRule does not begin with Odd"),
                ("refuses-defaults", Refusing, "Refusing refuses its own defaults (RuntimeError)"),
            ]
        ),
    ],
)
def test_a_plugin_with_malformed_settings_is_refused_and_named(settings: Any, why: str) -> None:
    loaded = load_plugins([("odd", declaring(settings)), ("good", declaring(TENANT))])
    assert loaded.settings == {"good": TENANT}
    assert list(loaded.refused) == ["odd"]
    assert loaded.refused["odd"].startswith("The settings of the plugin odd cannot be used: ")
    assert why in loaded.refused["odd"]


def test_an_operation_cannot_take_the_name_of_another_plugins_settings() -> None:
    (operation,) = EXAMPLE[1].atlas_operations()
    operation = replace(operation, type="set_good.it", mutation="setGoodSettings")
    taking = SimpleNamespace(atlas_operations=hookimpl(lambda: [operation]))
    loaded = load_plugins([("good", declaring(TENANT)), ("set_good", taking)])
    assert loaded.refused == {
        "set_good": "The mutation setGoodSettings is offered by both good and set_good."
    }


def test_without_plugins_that_have_settings_the_schemas_are_as_they_were() -> None:
    assert "Settings" not in print_sdl(build_schema([]))
    assert "PluginSettings" not in print_sdl(build_system_schema({}))


# --- secrets -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shown",
    [
        repr,
        str,
        "{}".format,
        "{!r}".format,
        lambda secret: f"{secret}",
        lambda secret: repr(TenantSettings(signing_secret=secret)),
        lambda secret: str(asdict(TenantSettings(signing_secret=secret))),
    ],
)
def test_a_secret_shows_itself_to_nobody(shown: Callable[[Any], str]) -> None:
    value = secrets.token_urlsafe(20)
    assert "[redacted]" in shown(Secret(value))
    assert value not in shown(Secret(value))


@pytest.mark.parametrize("take", [json.dumps, orjson.dumps, pickle.dumps, vars, dict, iter, list])
def test_a_secret_becomes_no_data_by_accident(take: Callable[[Any], Any]) -> None:
    value = secrets.token_urlsafe(20)
    with pytest.raises(TypeError) as raised:
        take(Secret(value))
    assert value not in str(raised.value)


def test_a_secret_is_what_it_holds() -> None:
    value = secrets.token_urlsafe(20)
    assert Secret(value).reveal() == Secret[str](value).reveal() == value
    assert Secret(value) == Secret(value) == copy.deepcopy(Secret(value))
    assert Secret(value) != Secret("") != value
    assert (bool(Secret(value)), bool(Secret(""))) == (True, False)
    assert len({Secret(value), Secret(value)}) == 1


# --- an installation with the example ----------------------------------------------------------------------

SHOWN = """
  urls tone limit share on rules { name weight tones } signingSecretIsSet oldSecretIsSet
"""
NOTHING_SET = {
    "urls": [],
    "tone": "SHORT",
    "limit": None,
    "share": 0.5,
    "on": True,
    "rules": [{"name": "first", "weight": 1, "tones": []}],
    "signingSecretIsSet": False,
    "oldSecretIsSet": False,
}
READ = f"query Q($id: ID!) {{ tenant(id: $id) {{ exampleSettings {{ {SHOWN} }} }} }}"
SET = f"""
mutation M($input: SetExampleSettingsInput!) {{
  setExampleSettings(input: $input) {{
    __typename
    ... on TenantPayload {{ tenant {{ exampleSettings {{ {SHOWN} }} }} }}
    ... on Error {{ code message }}
    ... on ValidationError {{ field }}
  }}
}}
"""
OF_INSTALLATION = "networks depth tone proxyPasswordIsSet"
SET_ALL = f"""
mutation M($input: SetExampleSettingsInput!) {{
  setExampleSettings(input: $input) {{
    __typename
    ... on ExampleSettingsPayload {{ settings {{ {OF_INSTALLATION} }} }}
    ... on ValidationError {{ code message field }}
  }}
}}
"""
SIZE = "A secret has 1 to 8,192 characters."
AUDIT = """
query Q($id: ID!) {
  tenant(id: $id) {
    auditEntries(first: 20, filter: {actions: ["plugin.configured"]}) {
      nodes { action actor { name } resource { kind id } details requestId }
    }
  }
}
"""


@pytest.fixture(scope="module")
def database() -> Iterator[TestDatabase]:
    with fresh_database(DATA_DIR) as database:
        yield database


@pytest.fixture(scope="module")
def atlas(database: TestDatabase) -> Iterator[Installation]:
    # Without those that listen to runs: they read settings meanwhile.
    own = discover(["assignments", "providers"])
    with installation(database, plugins=load_all([*own, EXAMPLE])) as running:
        yield running


@pytest.fixture
def place(atlas: Installation) -> Place:
    return atlas.new_place()


def give(place: Place, token: str | None = None, **values: Any) -> Any:
    """What comes of setting values for the place's tenant."""
    answer = place.ask(SET, token, input={"tenantId": place.tenant_id, **values})
    assert "errors" not in answer, answer
    result = answer["data"]["setExampleSettings"]
    if result["__typename"] == "TenantPayload":
        return result["tenant"]["exampleSettings"]
    return result


def read(place: Place, token: str | None = None) -> Any:
    return place.ask(READ, token, id=place.tenant_id)["data"]["tenant"]["exampleSettings"]


def give_all(place: Place, token: str, **values: Any) -> Any:
    """What comes of setting values for the installation."""
    answer = place.atlas.post(SET_ALL, {"input": values}, token=token, path=SYSTEM).json()
    assert "errors" not in answer, answer
    result = answer["data"]["setExampleSettings"]
    return result.get("settings", result)


def done(place: Place, work: Work) -> Any:
    """What the work gives, done in a run of the place's tenant."""
    name = secrets.token_hex(8)
    WORKS[name] = work
    run = place.run("exampleWork", {"tenantId": place.tenant_id, "work": name})
    assert run["outcome"] == "SUCCEEDED", run
    return SAID[name]


async def settings(ctx: RunContext) -> TenantSettings:
    return await ctx.settings(TenantSettings)


def audited(place: Place) -> list[Any]:
    return [
        entry["details"]["changed"]
        for entry in reversed(place.ask(AUDIT, id=place.tenant_id)["data"]["tenant"]["auditEntries"]["nodes"])
    ]


def test_settings_are_set_shown_and_given_to_runs(place: Place) -> None:
    secret = secrets.token_urlsafe(20)
    assert read(place) == NOTHING_SET
    assert done(place, settings) == TenantSettings()
    given = {
        "urls": ["https://one.example"],
        "tone": "LONG",
        "limit": 5,
        "share": 1.0,
        "on": False,
        "rules": [{"name": "second", "tones": ["LONG"]}],
    }
    rules = [{"name": "second", "weight": 1, "tones": ["LONG"]}]
    wanted = {**NOTHING_SET, **given, "rules": rules, "signingSecretIsSet": True}
    assert give(place, **given, signingSecret=secret) == wanted == read(place)
    assert done(place, settings) == TenantSettings(
        urls=("https://one.example",),
        tone=ExampleTone.LONG,
        limit=5,
        share=1.0,
        on=False,
        rules=(ExampleRule(name="second", tones=(ExampleTone.LONG,)),),
        signing_secret=Secret(secret),
    )


def test_what_is_left_out_stays_and_null_goes_back_to_the_default(place: Place) -> None:
    first, second = (secrets.token_urlsafe(20) for _ in range(2))
    give(place, limit=5, on=False, signingSecret=first, oldSecret=second)
    assert give(place, limit=6, oldSecret=None) == {
        **NOTHING_SET, "limit": 6, "on": False, "signingSecretIsSet": True,
    }  # fmt: skip
    assert done(place, settings) == TenantSettings(limit=6, on=False, signing_secret=Secret(first))
    assert give(place, limit=None, on=None, signingSecret=None) == NOTHING_SET
    assert done(place, settings) == TenantSettings()


def test_what_changed_is_audited_by_its_name(place: Place) -> None:
    secret = secrets.token_urlsafe(20)
    give(place, limit=5, urls=["https://one.example"], signingSecret=secret)
    give(place, limit=5, signingSecret=secret, tone=None)
    give(place)
    give(place, signingSecret=secrets.token_urlsafe(20))
    give(place, limit=None, signingSecret=None)
    assert audited(place) == [
        ["limit", "signingSecret", "urls"], ["signingSecret"], ["limit", "signingSecret"],
    ]  # fmt: skip
    newest = place.ask(AUDIT, id=place.tenant_id)["data"]["tenant"]["auditEntries"]["nodes"][0]
    assert newest["resource"] == {"kind": "Plugin", "id": "example"}
    assert newest["requestId"]


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        pytest.param(
            {"urls": ["http://one.example"]}, "urls", "An address begins with https://.", id="check"
        ),
        pytest.param({"limit": 101}, "limit", "Give at most 100.", id="bound"),
        pytest.param({"share": 2.0}, "share", "The plugin does not take this.", id="value-error"),
        pytest.param(
            {"signingSecret": ""}, "signingSecret", "A secret has 1 to 8,192 characters.", id="empty"
        ),
        pytest.param(
            {"signingSecret": "x" * 8193}, "signingSecret", "A secret has 1 to 8,192 characters.", id="long"
        ),
        pytest.param({"signingSecret": "a\0"}, "signingSecret", "The text holds a NUL character.", id="nul"),
        pytest.param({"urls": ["a\0"]}, "urls.0", "The text holds a NUL character.", id="nul-inside"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_name_and_nothing_is_set(
    place: Place, values: Mapping[str, Any], field: str, message: str
) -> None:
    give(place, limit=5)
    assert give(place, on=False, **values) == {
        "__typename": "ValidationError", "code": "VALIDATION_FAILED", "field": field, "message": message,
    }  # fmt: skip
    assert read(place) == {**NOTHING_SET, "limit": 5}
    assert audited(place) == [["limit"]]


def test_who_may_not_configure_plugins_neither_sees_nor_changes_settings(place: Place) -> None:
    give(place, limit=5)
    for role in ("readonly", "operator"):
        token = place.member(role)
        answer = place.ask(READ, token, id=place.tenant_id)
        assert answer["data"]["tenant"] == {"exampleSettings": None}
        assert [error["extensions"]["capability"] for error in answer["errors"]] == ["plugins.configure"]
        answer = place.ask(SET, token, input={"tenantId": place.tenant_id, "limit": 6})
        assert [error["extensions"]["capability"] for error in answer["errors"]] == ["plugins.configure"]
    stranger = place.atlas.new_place()
    answer = place.ask(SET, stranger.token, input={"tenantId": place.tenant_id, "limit": 6})
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["NOT_FOUND"]
    assert give(place, place.member("manager"), on=False)["on"] is False
    assert read(place)["limit"] == 5


def test_each_tenant_has_its_own_and_a_level_is_read_with_one_statement(place: Place) -> None:
    beside = place.add_tenant("11111111-2222-4333-8444-555555555555", "beside.example")
    give(place, limit=5)
    give(beside, limit=6)
    query = "query Q($id: ID!) { workspace(id: $id) { tenants { nodes { exampleSettings { limit } } } } }"
    with counted(place.atlas) as statements:
        answer = place.ask(query, id=place.workspace_id)
    nodes = answer["data"]["workspace"]["tenants"]["nodes"]
    assert sorted(node["exampleSettings"]["limit"] for node in nodes) == [5, 6]
    assert len([one for one in statements if "plugin_tenant_settings" in one]) == 1
    assert (done(place, settings).limit, done(beside, settings).limit) == (5, 6)


def test_settings_of_an_archived_tenant_are_read_and_not_changed(place: Place) -> None:
    give(place, limit=5)
    of = {"workspace_id": place.workspace, "tenant_id": place.tenant}
    place.atlas.call(lambda tx: tenant_service.archive_tenant(tx, COMMAND, **of))
    assert give(place, limit=6)["code"] == "TENANT_ARCHIVED"
    assert read(place)["limit"] == 5


def test_a_run_reads_its_settings_with_one_statement_and_no_class_of_another(place: Place) -> None:
    give(place, signingSecret=secrets.token_urlsafe(20))
    with counted(place.atlas) as statements:
        done(place, settings)
    # The listeners ask as well whether anything is set; that is not the run's.
    assert len([one for one in statements if "FROM plugin_tenant_settings WHERE plugin = " in one]) == 1

    async def asks(ctx: RunContext) -> None:
        for of in (ExampleRule, Secret, None):
            with pytest.raises(TypeError, match="none of the settings classes of the plugin example"):
                await ctx.settings(of)

    done(place, asks)


# --- the installation --------------------------------------------------------------------------------------


def test_settings_of_the_installation_are_the_platforms(place: Place) -> None:
    secret, token = secrets.token_urlsafe(20), place.member(None, plane="platform")
    nothing = {"networks": [], "depth": 3, "tone": "LONG", "proxyPasswordIsSet": False}
    query = f"{{ exampleSettings {{ {OF_INSTALLATION} }} }}"

    async def of_installation(ctx: RunContext) -> InstallationSettings:
        return await ctx.settings(InstallationSettings)

    assert place.atlas.post(query, token=token, path=SYSTEM).json()["data"]["exampleSettings"] == nothing
    given = {"networks": ["10.0.0.0/8"], "depth": 4}
    wanted = {**nothing, **given, "proxyPasswordIsSet": True}
    assert give_all(place, token, **given, proxyPassword=secret) == wanted
    assert place.atlas.post(query, token=token, path=SYSTEM).json()["data"]["exampleSettings"] == wanted
    assert done(place, of_installation) == InstallationSettings(
        networks=("10.0.0.0/8",), depth=4, proxy_password=Secret(secret)
    )
    assert give_all(place, token, proxyPassword="") == {
        "__typename": "ValidationError",
        "code": "VALIDATION_FAILED",
        "field": "proxyPassword",
        "message": SIZE,
    }
    assert give_all(place, token, networks=None, depth=None, proxyPassword=None) == nothing
    entries = "{ auditEntries(first: 2) { nodes { action details resource { id } } } }"
    nodes = place.atlas.post(entries, token=token, path=SYSTEM).json()["data"]["auditEntries"]["nodes"]
    assert (
        nodes
        == [
            {
                "action": "plugin.configured",
                "details": {"changed": ["depth", "networks", "proxyPassword"]},
                "resource": {"id": "example"},
            }
        ]
        * 2
    )


@pytest.mark.parametrize("path", ["/graphql", SYSTEM])
def test_the_planes_do_not_know_each_others_tokens(place: Place, path: str) -> None:
    token = place.token if path == SYSTEM else place.member(None, plane="platform")
    for query in (SET, SET_ALL):
        answer = place.atlas.post(query, {"input": {}}, token=token, path=path)
        assert answer.status_code == 404


# --- sealed ------------------------------------------------------------------------------------------------


def test_secrets_are_found_nowhere(
    place: Place, database: TestDatabase, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in the database, the log, answers, failures or the audit trail, however careless a plugin is."""
    secret, other = (secrets.token_urlsafe(30) for _ in range(2))
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    logs.configure(format_="json", level="debug")
    answers: list[str] = []
    post = Installation.post

    def keep(self: Installation, *arguments: Any, **more: Any) -> httpx.Response:
        answer = post(self, *arguments, **more)
        answers.append(f"{answer.headers} {answer.text}")
        return answer

    monkeypatch.setattr(Installation, "post", keep)

    async def careless(ctx: RunContext) -> None:
        given = await ctx.settings(TenantSettings)
        assert given.signing_secret is not None
        assert given.signing_secret.reveal() == secret
        ctx.log("settings", settings=given, secret=given.signing_secret, both=[str(given.signing_secret)])
        await ctx.succeeded("one", f"with {given.signing_secret}", result=str(given))
        await ctx.failed("two", "two", ValueError(f"{given} {given.old_secret!r}"))
        raise RuntimeError(f"with {given.signing_secret}", given, given.signing_secret)

    try:
        give(place, signingSecret=secret, oldSecret=other)
        give(place, signingSecret=secret, urls=["no address"])
        platform = place.member(None, plane="platform")
        give_all(place, platform, proxyPassword=other)
        WORKS["careless"] = careless
        run = place.run("exampleWork", {"tenantId": place.tenant_id, "work": "careless"})
        assert (run["outcome"], run["counters"]["failed"]) == ("PARTIALLY_SUCCEEDED", 1), run
        give_all(place, platform, proxyPassword=None)
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
    said = capfd.readouterr()
    assert "RuntimeError" in said.err
    told = "".join([dump_of(database.admin_url), said.out, said.err, *answers])
    assert [form for value in (secret, other) for form in forms_of(value) if form in told] == []
    assert "[redacted]" in said.err
