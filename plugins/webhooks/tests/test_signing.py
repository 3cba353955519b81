"""A notification is signed as Standard Webhooks says, with each secret that is in use."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

import pytest

from atlas_gql.plugins import Secret
from atlas_webhooks.signing import headers, key_of


def new_secret(size: int = 32) -> Secret[str]:
    return Secret("whsec_" + base64.b64encode(secrets.token_bytes(size)).decode())


def test_the_example_of_the_standard() -> None:
    # From its reference implementations' tests; built here so that nothing takes it for a live one.
    secret = Secret("whsec_" + "MfKQ9r8GKYqrTwjU" + "PD8ILPZIo2LaLaSw")
    made = headers("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', at=1614265330, secrets=[secret])
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_it_is_signed_with_both_secrets_while_they_change() -> None:
    both = [new_secret(), new_secret(64)]
    made = headers("a-run", b"{}", at=17, secrets=both)
    expected = [
        "v1," + base64.b64encode(hmac.new(key_of(one), b"a-run.17.{}", hashlib.sha256).digest()).decode()
        for one in both
    ]
    assert made == {
        "webhook-id": "a-run",
        "webhook-timestamp": "17",
        "webhook-signature": " ".join(expected),
    }


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(lambda: new_secret(23).reveal(), id="short"),
        pytest.param(lambda: new_secret(65).reveal(), id="long"),
        pytest.param(lambda: new_secret().reveal()[6:], id="without its prefix"),
        pytest.param(lambda: "whsec_" + "ä" * 40, id="no base64"),
        pytest.param(lambda: "whsec_", id="nothing"),
    ],
)
def test_another_form_is_refused_and_not_shown(text) -> None:
    given = text()
    with pytest.raises(ValueError, match=r"^no secret of a webhook$"):
        key_of(Secret(given))
