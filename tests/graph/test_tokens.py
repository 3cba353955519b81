"""Tokens by msal: which reason each refusal has, and how few questions are asked."""

from __future__ import annotations

import asyncio
import base64
import datetime
import json
import secrets
import threading

import httpx
import jwt as pyjwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from atlas_gql.errors import GraphError
from atlas_gql.graph import (
    CHINA,
    CLOUDS,
    GLOBAL,
    Certificate,
    Federated,
    MsalTokens,
    Secret,
    claims,
)
from atlas_gql.reasons import ReasonCode as R

TENANT = "7a1c0de0-0000-4000-8000-00000000000f"
HIDDEN = "s" + secrets.token_hex(12)


def jwt(**payload):
    encoded = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    return f"head.{encoded}.{secrets.token_hex(4)}"


class Login:
    """The login service: discovery, then `answer(form)` for every token request."""

    def __init__(self, answer=None, discovery=None):
        self.answer = answer or (lambda form: granted())
        self.discovery = discovery
        self.forms = []
        self.hosts = set()

    def __call__(self, request):
        self.hosts.add(request.url.host)
        if request.method == "GET":
            base = f"https://{request.url.host}/{TENANT}"
            return self.discovery or httpx.Response(
                200,
                json={
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                    "issuer": f"{base}/v2.0",
                },
            )
        self.forms.append(dict(httpx.QueryParams(request.content.decode())))
        answer = self.answer(self.forms[-1])
        if isinstance(answer, Exception):
            raise answer
        return answer


def granted(tenant=TENANT, life=3599):
    token = jwt(tid=tenant, roles=["GroupMember.Read.All"])
    return httpx.Response(200, json={"token_type": "Bearer", "expires_in": life, "access_token": token})


def refusing(code, error="invalid_client", status=401):
    body = {
        "error": error,
        "error_codes": [code],
        "error_description": f"AADSTS{code}: text with {HIDDEN}",
        "correlation_id": "c-1",
    }
    return httpx.Response(status, json=body)


def source(login, *, credential=None, cloud=GLOBAL, time=None):
    return MsalTokens(
        cloud=cloud,
        tenant_id=TENANT.upper(),
        client_id="client",
        credential=credential or Secret(value=HIDDEN),
        http=httpx.Client(transport=httpx.MockTransport(login)),
        clock=time.clock if time else None,
    )


def refused(tokens):
    with pytest.raises(GraphError) as caught:
        asyncio.run(tokens.token())
    error = caught.value
    assert HIDDEN not in f"{error!r} {error.message} {error.__cause__!r} {error.detail}"
    return error


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (7000215, R.AUTHENTICATION_FAILED),
        (7000222, R.CREDENTIAL_EXPIRED),
        (700027, R.AUTHENTICATION_FAILED),
        (700024, R.AUTHENTICATION_FAILED),
        (700016, R.CONSENT_MISSING),
        (7000112, R.AUTHENTICATION_FAILED),
        (900144, R.INVALID_REQUEST),
        (90002, R.TENANT_NOT_FOUND),
        (900382, R.AUTHENTICATION_FAILED),
        (65001, R.CONSENT_MISSING),
        (90094, R.CONSENT_MISSING),
        (90099, R.CONSENT_MISSING),
        (500011, R.INVALID_REQUEST),
        (70011, R.INVALID_REQUEST),
        (53003, R.BLOCKED_BY_POLICY),
        (530032, R.BLOCKED_BY_POLICY),
        (90055, R.THROTTLED),
        (90033, R.DEPENDENCY_UNREACHABLE),
        (90012, R.TIMEOUT),
        (424242, R.AUTHENTICATION_FAILED),
    ],
)
def test_each_code_of_the_login_service_has_its_reason(code, reason):
    error = refused(source(Login(lambda form: refusing(code))))
    assert (error.reason_code, error.detail, error.request_id) == (reason, f"AADSTS{code}", "c-1")
    assert error.status is None, "a refused credential is no refused token"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (90012, R.TIMEOUT),
        (90055, R.THROTTLED),
        (90033, R.DEPENDENCY_UNREACHABLE),
        (1, R.DEPENDENCY_UNREACHABLE),
    ],
)
def test_a_code_counts_under_a_server_error_as_well(code, reason):
    """msal raises an exception then, and keeps what was said to itself."""
    assert refused(source(Login(lambda form: refusing(code, status=503)))).reason_code is reason


@pytest.mark.parametrize(
    ("login", "reason"),
    [
        pytest.param(
            Login(discovery=httpx.Response(400, json={"error_description": f"AADSTS90002: {HIDDEN}"})),
            R.TENANT_NOT_FOUND,
            id="unknown-tenant",
        ),
        pytest.param(Login(discovery=httpx.Response(404)), R.TENANT_NOT_FOUND, id="discovery-404"),
        pytest.param(Login(discovery=httpx.Response(503)), R.DEPENDENCY_UNREACHABLE, id="discovery-503"),
        pytest.param(Login(discovery=httpx.Response(302)), R.INVALID_RESPONSE, id="discovery-302"),
        pytest.param(Login(discovery=httpx.Response(200, text="<html>")), R.INVALID_RESPONSE, id="html"),
        pytest.param(Login(discovery=httpx.Response(200, json={})), R.INVALID_RESPONSE, id="no-endpoint"),
        pytest.param(Login(discovery=httpx.Response(200, json=[])), R.INVALID_RESPONSE, id="list"),
        pytest.param(Login(lambda f: httpx.Response(503)), R.DEPENDENCY_UNREACHABLE, id="503"),
        pytest.param(Login(lambda f: httpx.ConnectError("x")), R.DEPENDENCY_UNREACHABLE, id="refused"),
        pytest.param(Login(lambda f: httpx.ReadTimeout("x")), R.TIMEOUT, id="timeout"),
        pytest.param(
            Login(lambda f: httpx.Response(200, text="<html>")), R.INVALID_RESPONSE, id="token-html"
        ),
        pytest.param(
            Login(lambda f: httpx.Response(200, json={"access_token": "x", "expires_in": 9})),
            R.INVALID_RESPONSE,
            id="no-jwt",
        ),
        pytest.param(
            Login(lambda f: granted("00000000-0000-4000-8000-000000000000")),
            R.AUTHENTICATION_FAILED,
            id="other-tenant",
        ),
    ],
)
def test_a_login_service_that_gives_no_token_is_told_apart(login, reason):
    assert refused(source(login)).reason_code is reason


def test_callers_that_come_at_once_share_one_request():
    login = Login()
    tokens = source(login)

    async def many():
        return await asyncio.gather(*(tokens.token() for _ in range(20)))

    assert len(set(asyncio.run(many()))) == len(login.forms) == 1


def test_callers_that_come_at_once_share_a_refusal_and_the_next_asks_anew():
    answers = [refusing(7000215), granted()]
    login = Login(lambda form: answers[len(login.forms) - 1])
    tokens = source(login)

    async def many():
        refused = await asyncio.gather(*(tokens.token() for _ in range(20)), return_exceptions=True)
        return {error.detail for error in refused}, claims(await tokens.token())["tid"]

    assert asyncio.run(many()) == ({"AADSTS7000215"}, TENANT)
    assert len(login.forms) == 2


def test_a_caller_that_is_cancelled_leaves_the_others_their_token():
    held = threading.Event()
    login = Login(lambda form: held.wait(10) and granted())
    tokens = source(login)

    async def two():
        first, second = (asyncio.create_task(tokens.token()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        held.set()
        return claims(await second)["tid"], first.cancelled()

    assert asyncio.run(two()) == (TENANT, True)
    assert len(login.forms) == 1


def test_a_token_is_renewed_before_its_end_and_when_asked(time):
    login = Login()
    tokens = source(login, time=time)

    async def course():
        first = await tokens.token()
        time.now += 3200
        assert await tokens.token() == first
        time.now += 150  # msal keeps its own clock, and still thinks the token good
        await tokens.token()
        before = len(login.forms)
        second, third = await asyncio.gather(tokens.token(refresh=True), tokens.token(refresh=True))
        assert second == third != first
        return len(login.forms) - before

    assert asyncio.run(course()) == 1


def test_a_refusal_is_not_remembered():
    answers = [refusing(65001, "invalid_grant", 400), httpx.Response(503), granted()]
    login = Login(lambda form: answers[len(login.forms) - 1])
    tokens = source(login)

    assert refused(tokens).reason_code is R.CONSENT_MISSING
    assert refused(tokens).reason_code is R.DEPENDENCY_UNREACHABLE
    assert claims(asyncio.run(tokens.token()))["tid"] == TENANT


def test_a_refusal_after_good_tokens_is_not_remembered_either(time):
    """msal alone would repeat a refusal of status 400 for a minute."""
    answers = [granted(life=60), refusing(65001, "invalid_grant", 400), granted()]
    login = Login(lambda form: answers[len(login.forms) - 1])
    tokens = source(login, time=time)

    asyncio.run(tokens.token())
    time.now += 40
    assert refused(tokens).reason_code is R.CONSENT_MISSING
    asyncio.run(tokens.token())
    assert len(login.forms) == 3


@pytest.mark.parametrize("cloud", CLOUDS.values(), ids=list(CLOUDS))
def test_each_cloud_is_asked_at_its_own_host_for_its_own_graph(cloud):
    login = Login()
    asyncio.run(source(login, cloud=cloud).token())
    assert login.hosts == {httpx.URL(cloud.authority).host}
    assert login.forms[0]["scope"] == f"{cloud.audience}/.default"


def test_a_cloud_can_be_reached_at_another_address():
    login = Login()
    asyncio.run(source(login, cloud=CHINA.at("http://127.0.0.1:1/")).token())
    assert login.hosts == {"127.0.0.1"}
    assert login.forms[0]["scope"] == "https://microsoftgraph.chinacloudapi.cn/.default"


@pytest.fixture(scope="module")
def certificate():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "atlas")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return Certificate(
        certificate=signed.public_bytes(serialization.Encoding.PEM).decode(),
        private_key=key.private_bytes(*pem, serialization.BestAvailableEncryption(HIDDEN.encode())).decode(),
        passphrase=HIDDEN,
    )


def test_a_certificate_and_a_federated_assertion_are_sent_as_assertions(certificate):
    login = Login()
    asyncio.run(source(login, credential=certificate).token())
    asyncio.run(source(login, credential=Federated(assertion=lambda: "given")).token())

    key = x509.load_pem_x509_certificate(certificate.certificate.encode()).public_key()
    signed = pyjwt.decode(login.forms[0]["client_assertion"], key, ["PS256"], {"verify_aud": False})
    assert signed["iss"] == signed["sub"] == "client"
    assert login.forms[1]["client_assertion"] == "given"
    assert all("client_secret" not in form for form in login.forms)


def test_credentials_that_cannot_be_used_say_so(certificate):
    wrong = Certificate(
        certificate=certificate.certificate, private_key=certificate.private_key, passphrase="x" + HIDDEN
    )
    missing = Certificate(certificate=certificate.certificate, private_key=certificate.private_key)

    def unreadable():
        raise OSError("no such file")

    for credential in (wrong, missing, Federated(assertion=unreadable)):
        assert refused(source(Login(), credential=credential)).reason_code is R.MISSING_CONFIGURATION


def test_no_repr_shows_a_secret(certificate):
    shown = f"{Secret(value=HIDDEN)!r} {certificate!r} {source(Login())!r}"
    assert HIDDEN not in shown
    assert "PRIVATE KEY" not in shown
