"""The login routes: whose token, why none, and how long one lasts."""

from __future__ import annotations

import asyncio
import time

import httpx
import jwt
import msal
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from atlas_gql.simulator import (
    CLIENT_ID,
    CLIENT_SECRET,
    DEMO_SECOND_TENANT,
    DEMO_TENANT,
    Registration,
    create_app,
    demo_state,
)
from atlas_gql.simulator.aadsts import AADSTS, aadsts
from support.certificates import certificate_of

TENANT = DEMO_TENANT.id
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def test_discovery_names_the_tenants_own_guid(control):
    for tenant, name in ((TENANT, DEMO_TENANT.domain), (DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.id)):
        found = control.get(f"/{name}/v2.0/.well-known/openid-configuration").json()
        assert found["token_endpoint"] == f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
        assert found["issuer"] == f"https://login.microsoftonline.com/{tenant}/v2.0"


def test_an_unknown_tenant_has_no_discovery(control):
    answer = control.get("/99999999-0000-4000-8000-000000000000/v2.0/.well-known/openid-configuration")
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [90002])
    assert answer.json()["error"] == "invalid_tenant"


def test_a_token_tells_tenant_app_and_roles(control, take_token, sim):
    sim.state.tenants[TENANT].registration = Registration(roles=frozenset({"Group.Read.All"}))
    answer = take_token(control, TENANT).json()
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert {name: claims[name] for name in ("aud", "tid", "appid", "roles")} == {
        "aud": "https://graph.microsoft.com",
        "tid": TENANT,
        "appid": CLIENT_ID,
        "roles": ["Group.Read.All"],
    }
    assert claims["exp"] - claims["iat"] == answer["expires_in"] == 3599


@pytest.mark.parametrize(
    ("tenant", "form", "status", "error", "code"),
    [
        pytest.param("nobody.example", {}, 400, "invalid_request", 90002, id="unknown-tenant"),
        pytest.param("common", {}, 400, "invalid_request", 9001023, id="shared-endpoint"),
        pytest.param(TENANT, {"client_secret": "no"}, 401, "invalid_client", 7000215, id="wrong-secret"),
        pytest.param(TENANT, {"client_secret": ""}, 401, "invalid_client", 7000218, id="no-credential"),
        pytest.param(TENANT, {"client_id": "x"}, 400, "unauthorized_client", 700016, id="unknown-app"),
        pytest.param(TENANT, {"grant_type": ""}, 400, "invalid_request", 900144, id="no-grant"),
        pytest.param(
            TENANT, {"grant_type": "password"}, 400, "unsupported_grant_type", 70003, id="other-grant"
        ),
        pytest.param(TENANT, {"scope": "User.Read"}, 400, "invalid_scope", 70011, id="scope-by-name"),
        pytest.param(
            TENANT, {"scope": "https://x.example/.default"}, 400, "invalid_resource", 500011, id="resource"
        ),
        pytest.param(
            TENANT,
            {"client_assertion": "no.jwt", "client_assertion_type": ASSERTION_TYPE},
            401,
            "invalid_client",
            50013,
            id="broken-assertion",
        ),
    ],
)
def test_no_token_for(control, take_token, tenant, form, status, error, code):
    answer = take_token(control, tenant, **form)
    found = answer.json()
    assert (answer.status_code, found["error"], found["error_codes"]) == (status, error, [code])
    assert found["error_description"].startswith(f"AADSTS{code}: ")
    assert found["correlation_id"] in found["error_description"]


def test_no_token_for_an_expired_secret(control, take_token, sim):
    sim.state.tenants[TENANT].registration = Registration(secret_expired=True)
    answer = take_token(control, TENANT)
    assert (answer.status_code, answer.json()["error_codes"]) == (401, [7000222])
    assert take_token(control, DEMO_SECOND_TENANT.id).status_code == 200


@pytest.mark.parametrize(("age", "status"), [(60, 200), (-60, 401)], ids=["in-time", "too-late"])
def test_an_assertion_counts_within_its_time(control, take_token, age, status):
    assertion = jwt.encode({"exp": int(time.time()) + age}, "k" * 32, algorithm="HS256")
    form = {"client_secret": "", "client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE}
    assert take_token(control, TENANT, **form).status_code == status


@pytest.mark.parametrize("code", [*AADSTS, 12345])
def test_every_error_of_the_login_service_can_be_had(control, take_token, code):
    """By a fault; the code decides the error word and the status."""
    control.post("/_simulator/faults", json=[{"aadsts": code}]).raise_for_status()
    answer = take_token(control, TENANT)
    error, status, text = aadsts(code)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"].startswith(f"AADSTS{code}: {text} Trace ID: ")
    assert control.get("/v1.0/groups").status_code == 401, "a rule for the login service hits nothing else"


def test_a_token_of_another_tenant_can_be_had(control, take_token):
    control.post("/_simulator/faults", json=[{"tokenOf": DEMO_SECOND_TENANT.id}]).raise_for_status()
    token = take_token(control, TENANT).json()["access_token"]
    assert jwt.decode(token, options={"verify_signature": False})["tid"] == DEMO_SECOND_TENANT.id


def test_the_registration_of_the_app_can_be_changed(control, take_token):
    secret = "-".join(("other", "secret"))
    given = {"tenant": DEMO_TENANT.domain, "secret": secret, "roles": ["Group.Read.All"]}
    assert control.post("/_simulator/registration", json=given).status_code == 204
    assert take_token(control, TENANT).json()["error_codes"] == [7000215]
    token = take_token(control, TENANT, client_secret=secret).json()["access_token"]
    assert jwt.decode(token, options={"verify_signature": False})["roles"] == ["Group.Read.All"]
    control.post("/_simulator/registration", json={"tenant": TENANT, "secretExpired": True})
    assert take_token(control, TENANT).json()["error_codes"] == [7000222]
    for wrong in ({}, {"tenant": "nobody"}, {"tenant": TENANT, "roles": "all"}, {"tenant": TENANT, "x": 1}):
        assert control.post("/_simulator/registration", json=wrong).status_code == 400


def test_the_clock_decides_when_a_token_expires(control, graph):
    assert graph.get("/v1.0/organization").status_code == 200
    control.post("/_simulator/clock", json={"advance": 3600}).raise_for_status()
    assert graph.get("/v1.0/organization").status_code == 401
    control.delete("/_simulator/clock").raise_for_status()
    assert graph.get("/v1.0/organization").status_code == 200


def test_the_clock_can_be_set_and_stopped(control):
    for given in ({"now": 1_900_000_000, "stopped": True}, {"advance": 5}):
        control.post("/_simulator/clock", json=given).raise_for_status()
    assert control.get("/_simulator/clock").json() == {"now": 1_900_000_005, "stopped": True}
    control.post("/_simulator/clock", json={"stopped": False}).raise_for_status()
    now = control.get("/_simulator/clock").json()["now"]
    assert 1_900_000_005 <= now < 1_900_000_065
    assert control.post("/_simulator/clock", json={"now": "noon"}).status_code == 400


def test_the_journal_keeps_no_form(control, take_token, sim):
    take_token(control, TENANT)
    (entry,) = sim.journal
    assert (entry["path"], entry["tenant"], entry["status"]) == (f"/{TENANT}/oauth2/v2.0/token", TENANT, 200)
    assert CLIENT_SECRET not in str({name: entry[name] for name in entry if name != "path"})


@pytest.mark.parametrize(
    ("header", "message"),
    [
        pytest.param(None, "Access token is empty.", id="none"),
        pytest.param("Basic abc", "Access token is empty.", id="other-scheme"),
        pytest.param("Bearer abc", "CompactToken validation failed with reason code: 80049228.", id="junk"),
        pytest.param(
            "Bearer " + jwt.encode({"tid": TENANT}, "k" * 32, algorithm="HS256"),
            "CompactToken validation failed with reason code: 80049228.",
            id="foreign-key",
        ),
    ],
)
def test_graph_refuses_without_a_genuine_token(control, sim, header, message):
    headers = {} if header is None else {"Authorization": header}
    answer = control.get("/v1.0/groups", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")
    assert answer.json()["error"]["message"] == message
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert [(entry["tenant"], entry["status"]) for entry in sim.journal] == [(None, 401)]


def test_a_token_expires(take_token):
    """In process, with a clock of our own."""
    now = [1_000_000.0]
    app = create_app(demo_state(), clock=lambda: now[0])

    async def statuses() -> list[int]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="https://graph.microsoft.com") as client:
            form = {
                "grant_type": "client_credentials",
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "scope": "https://graph.microsoft.com/.default",
            }
            answer = await client.post(f"/{TENANT}/oauth2/v2.0/token", data=form)
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            found = []
            for seconds in (0, 3598, 1):
                now[0] += seconds
                found.append((await client.get("/v1.0/groups")).status_code)
            return found

    assert asyncio.run(statuses()) == [200, 200, 401]


class Rewriting:
    """An HTTP client for msal that leads Microsoft's login host to the simulator."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(self, url, params=None, headers=None, **_):
        return self._client.get(self._path(url), params=params, headers=headers)

    def post(self, url, params=None, data=None, headers=None, **_):
        return self._client.post(self._path(url), params=params, data=data, headers=headers)

    def close(self):
        self._client.close()

    def _path(self, url: str) -> str:
        return url.removeprefix("https://login.microsoftonline.com")


def test_msal_takes_a_token_per_tenant(control):
    """One shared cache, as it would be in a service of many tenants: none gets another's token."""
    cache = msal.TokenCache()
    tenants = {}
    for tenant in (TENANT, DEMO_SECOND_TENANT.id):
        app = msal.ConfidentialClientApplication(
            CLIENT_ID,
            authority=f"https://login.microsoftonline.com/{tenant}",
            client_credential=CLIENT_SECRET,
            token_cache=cache,
            http_client=Rewriting(control),
        )
        token = app.acquire_token_for_client(["https://graph.microsoft.com/.default"])["access_token"]
        tenants[tenant] = jwt.decode(token, options={"verify_signature": False})["tid"]
    assert tenants == {tenant: tenant for tenant in tenants}


def test_an_application_can_be_disabled_and_a_tenant_can_know_several(control, take_token):
    further = {"tenant": TENANT, "clientId": "OTHER", "secret": "-".join("os"), "further": True}
    control.post("/_simulator/registration", json=further).raise_for_status()
    control.post("/_simulator/registration", json={"tenant": TENANT, "disabled": True}).raise_for_status()
    assert take_token(control, TENANT).json()["error_codes"] == [7000112]
    token = take_token(control, TENANT, client_id="other", client_secret="-".join("os")).json()[
        "access_token"
    ]
    assert jwt.decode(token, options={"verify_signature": False})["appid"] == "OTHER"


def test_an_uploaded_certificate_must_have_signed_the_assertion(control, take_token):
    keys = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]
    uploaded = {"tenant": TENANT, "certificates": [certificate_of(keys[0])]}
    control.post("/_simulator/registration", json=uploaded).raise_for_status()
    form = {"client_secret": "", "client_assertion_type": ASSERTION_TYPE}
    claims = {"exp": int(time.time()) + 60}
    answers = [
        take_token(control, TENANT, **form, client_assertion=jwt.encode(claims, key, algorithm="PS256"))
        for key in keys
    ]
    assert [answer.status_code for answer in answers] == [200, 401]
    assert answers[1].json()["error_codes"] == [700027]
