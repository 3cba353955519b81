"""Bearer tokens of OpenID Connect: which prove something, and how seldom the issuer is asked."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.warnings import InsecureKeyLengthWarning

from atlas_gql.access import keysets
from atlas_gql.access.logins import Login, Logins
from atlas_gql.settings import Issuer as IssuerSettings
from support.issuers import AUDIENCE, DISCOVERY, Issuer, issuing

OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK = rsa.generate_private_key(public_exponent=65537, key_size=1024)
CURVE = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


def verified(issuer: Issuer, *tokens: str, **settings: Any) -> list[Login | None]:
    """What each token proves, one after the other."""

    async def run() -> list[Login | None]:
        logins = Logins([IssuerSettings(issuer=issuer.url, audience=AUDIENCE, **settings)])
        try:
            return [await logins.verified(token) for token in tokens]
        finally:
            await logins.aclose()

    return asyncio.run(run())


def test_a_token_proves_who_somebody_is(issuer: Issuer) -> None:
    (login,) = verified(issuer, issuer.token(name="Maria", email="Maria@Example.com", email_verified=True))
    assert login is not None
    assert (login.issuer, login.subject, login.name, login.email) == (
        issuer.url,
        "somebody",
        "Maria",
        "maria@example.com",
    )
    assert 655 < login.ends_at.timestamp() - time.time() <= 661


NOW = int(time.time())
BAD = [
    pytest.param({"iss": "https://other.example"}, id="other-issuer"),
    pytest.param({"iss": None}, id="no-issuer"),
    pytest.param({"aud": "api://other"}, id="other-audience"),
    pytest.param({"aud": None}, id="no-audience"),
    pytest.param({"exp": NOW - 3600}, id="expired"),
    pytest.param({"exp": None}, id="no-end"),
    pytest.param({"exp": 10**20}, id="no-such-time"),
    pytest.param({"iat": None}, id="no-beginning"),
    pytest.param({"iat": NOW + 3600}, id="from-the-future"),
    pytest.param({"nbf": NOW + 3600}, id="not-yet-valid"),
    pytest.param({"sub": None}, id="nobody"),
    pytest.param({"sub": ""}, id="empty-subject"),
    pytest.param({"sub": "a\x00b"}, id="unprintable-subject"),
    pytest.param({"key": OTHER}, id="other-key"),
    pytest.param({"key_id": "unknown"}, id="unknown-key"),
    pytest.param({"algorithm": "RS384"}, id="algorithm-not-allowed"),
]


@pytest.mark.parametrize("changes", BAD)
def test_what_proves_nothing(issuer: Issuer, changes: dict[str, Any]) -> None:
    assert verified(issuer, issuer.token(**changes)) == [None]


def test_a_clock_may_be_a_little_off(issuer: Issuer) -> None:
    late = issuer.token(exp=int(time.time()) - 20)
    assert verified(issuer, late)[0] is not None
    assert verified(issuer, late, skew_seconds=0) == [None]


def part(value: Any) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


def test_neither_the_public_key_as_a_secret_nor_no_signature_at_all(issuer: Issuer) -> None:
    ((key_id, key),) = issuer.keys.items()
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    payload = issuer.token().split(".")[1].encode()
    forged = []
    for algorithm in ("HS256", "none", "None", "NONE"):
        head = part({"alg": algorithm, "typ": "JWT", "kid": key_id}) + b"." + payload
        mac = base64.urlsafe_b64encode(hmac.digest(public, head, hashlib.sha256)).rstrip(b"=")
        forged.append((head + b"." + (mac if algorithm == "HS256" else b"")).decode())
    assert verified(issuer, *forged) == [None] * 4


@pytest.mark.parametrize("algorithm", ["HS256", "none"])
def test_no_setting_allows_a_symmetric_algorithm(algorithm: str) -> None:
    with pytest.raises(ValueError, match="algorithms"):
        IssuerSettings(issuer="https://i.example", audience="a", algorithms=(algorithm,))


@pytest.mark.parametrize(
    "url", ["http://i.example", "ftp://i.example", "i.example", "http://127.0.0.1.evil.example"]
)
def test_an_issuer_is_asked_over_https(url: str) -> None:
    with pytest.raises(ValueError, match="issuer"):
        IssuerSettings(issuer=url, audience="a")


def test_a_weak_key_and_one_of_another_kind_verify_nothing(issuer: Issuer) -> None:
    issuer.publish("weak", WEAK)
    issuer.publish("encrypts", OTHER, use="enc")
    issuer.publish("other", OTHER, alg="RS512")
    issuer.publish("secret", OTHER)
    issuer.published["secret"] = {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"}
    with pytest.warns(InsecureKeyLengthWarning):
        weak = issuer.token(key=WEAK, key_id="weak")
    others = [issuer.token(key=OTHER, key_id=kid) for kid in ("encrypts", "other", "secret")]
    assert verified(issuer, weak, *others) == [None] * 4


def test_elliptic_keys_are_for_those_who_allow_them(issuer: Issuer) -> None:
    issuer.publish("curve", CURVE)
    token = issuer.token(algorithm="ES256")
    assert verified(issuer, token) == [None]
    assert verified(issuer, token, algorithms=("RS256", "ES256"))[0] is not None


@pytest.mark.parametrize("said", [None, False, "false", 0, "yes"])
def test_an_address_that_nobody_verified_is_none(issuer: Issuer, said: Any) -> None:
    (login,) = verified(issuer, issuer.token(email="a@example.com", email_verified=said))
    assert login is not None
    assert login.email is None


def test_a_required_claim(issuer: Issuer) -> None:
    required = {"required_claims": {"scp": "Atlas.Access"}}
    tokens = [issuer.token(scp=scp) for scp in ("openid Atlas.Access", ["Atlas.Access"], "Atlas", None)]
    assert [login is not None for login in verified(issuer, *tokens, **required)] == [
        *(True, True),
        *(False, False),
    ]


class TestAskingTheIssuer:
    def test_many_at_once_ask_once(self, issuer: Issuer) -> None:
        async def run() -> list[Login | None]:
            logins = Logins([IssuerSettings(issuer=issuer.url, audience=AUDIENCE)])
            try:
                token = issuer.token()
                return await asyncio.gather(*(logins.verified(token) for _ in range(50)))
            finally:
                await logins.aclose()

        assert None not in asyncio.run(run())
        assert issuer.asked == [DISCOVERY, "/keys"]

    def test_a_flood_of_unknown_keys_is_not_passed_on(self, issuer: Issuer) -> None:
        flood = [issuer.token(key=OTHER, key_id=f"unknown {n}") for n in range(30)]
        assert verified(issuer, issuer.token(), *flood)[1:] == [None] * 30
        assert issuer.asked == [DISCOVERY, "/keys"]

    def test_a_new_key_is_found_and_the_old_one_forgotten(
        self, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(keysets, "BETWEEN", 0.0)
        old = issuer.token()

        async def run() -> list[Login | None]:
            logins = Logins([IssuerSettings(issuer=issuer.url, audience=AUDIENCE)])
            try:
                before = await logins.verified(old)
                issuer.rotate()
                return [before, await logins.verified(issuer.token()), await logins.verified(old)]
            finally:
                await logins.aclose()

        assert [login is not None for login in asyncio.run(run())] == [True, True, False]

    def test_known_keys_serve_while_the_issuer_is_away_but_not_for_ever(
        self, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(keysets, "BETWEEN", 0.0)
        monkeypatch.setattr(keysets, "FRESH", 0.0)

        async def run() -> list[Login | None]:
            logins = Logins([IssuerSettings(issuer=issuer.url, audience=AUDIENCE)])
            try:
                token = issuer.token()
                found = [await logins.verified(token)]
                issuer.down = True
                for _ in range(3):
                    found.append(await logins.verified(token))
                    await asyncio.sleep(0.05)
                monkeypatch.setattr(keysets, "KEPT", 0.0)
                return [*found, await logins.verified(token)]
            finally:
                await logins.aclose()

        assert [login is not None for login in asyncio.run(run())] == [*([True] * 4), False]

    def test_an_issuer_that_is_down_from_the_start_proves_nothing(self, issuer: Issuer) -> None:
        issuer.down = True
        assert verified(issuer, *[issuer.token()] * 5) == [None] * 5
        assert issuer.asked == [DISCOVERY]

    def test_one_that_says_that_it_is_another_is_not_believed(self, issuer: Issuer) -> None:
        issuer.says = "https://other.example"
        assert verified(issuer, issuer.token()) == [None]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_NAMES = ("iss", "aud", "sub", "exp", "iat", "nbf", "name", "email", "email_verified", "scp")


@settings(max_examples=150, deadline=None)
@given(claims=st.dictionaries(st.sampled_from(_NAMES), _JSON, max_size=4))
def test_no_claim_of_a_signed_token_breaks_anything(claims: dict[str, Any]) -> None:
    """Signed by the issuer, and odd all the same: proved or not, and never an exception."""
    issuer, loop, logins = _shared()
    key_id, key = next(iter(issuer.keys.items()))
    now = int(time.time())
    whole = {
        "iss": issuer.url,
        "aud": AUDIENCE,
        "sub": "s",
        "iat": now,
        "exp": now + 600,
        **claims,
    }
    head = part({"alg": "RS256", "kid": key_id}) + b"." + part(whole)
    signature = base64.urlsafe_b64encode(key.sign(head, padding.PKCS1v15(), hashes.SHA256())).rstrip(b"=")
    found = loop.run_until_complete(logins.verified((head + b"." + signature).decode()))
    assert found is None or (found.issuer, type(found.subject)) == (issuer.url, str)


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.hex()), dots=st.booleans())
def test_no_text_breaks_anything(text: str, dots: bool) -> None:
    _, loop, logins = _shared()
    shown = f"{text}.{text}.{text}" if dots else text
    assert loop.run_until_complete(logins.verified(shown)) is None


_SHARED: list[Any] = []


def _shared() -> tuple[Issuer, asyncio.AbstractEventLoop, Logins]:
    issuer, loop, logins = _SHARED
    return issuer, loop, logins


@pytest.fixture(scope="module", autouse=True)
def shared() -> Iterator[None]:
    """One issuer and one event loop for all examples of a property."""
    with issuing() as issuer:
        loop = asyncio.new_event_loop()
        logins = Logins([IssuerSettings(issuer=issuer.url, audience=AUDIENCE)])
        _SHARED[:] = [issuer, loop, logins]
        yield
        loop.run_until_complete(logins.aclose())
        loop.close()
