"""Planted anywhere, secrets go, and what support needs stays."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_gql.redaction import redact, redact_text

ALNUM = string.ascii_letters + string.digits
URLSAFE = ALNUM + "-_"


def _chars(alphabet: str, least: int, most: int) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=least, max_size=most)


jwt = st.builds(
    "eyJ{}.eyJ{}.{}".format, _chars(URLSAFE, 10, 40), _chars(URLSAFE, 10, 60), _chars(URLSAFE, 20, 60)
)
refresh = st.builds("{}.A{}".format, st.sampled_from("01"), _chars(URLSAFE, 20, 60))
entra = st.builds("{}{}Q~{}".format, _chars(ALNUM, 3, 3), st.integers(0, 9), _chars(URLSAFE + ".~", 34, 34))
atlas = st.builds("atlas_{}".format, _chars(URLSAFE, 20, 60))
mail = st.builds(
    "{}.{}@{}.example".format, _chars(ALNUM, 8, 12), _chars(ALNUM + "_+", 3, 9), _chars(ALNUM, 8, 12)
)
guest = st.builds(
    "{}_{}.example#EXT#@contoso.example".format, _chars(ALNUM, 8, 12), _chars(string.ascii_lowercase, 8, 12)
)
ipv4 = st.ip_addresses(v=4).map(str)
ipv6 = st.ip_addresses(v=6, network="2001:db8::/32").map(str)
shaped = st.one_of(jwt, refresh, entra, atlas, mail, guest, ipv4, ipv6)
"""Known by its looks alone."""

opaque = st.builds("x{}".format, _chars(ALNUM, 12, 30))
names = st.sampled_from(
    ["client_secret", "clientSecret", "Password", "refresh_token", "preSharedKey", "api-key", "sig"]
)
announced = st.tuples(names, opaque)
"""Known by its name: (name, secret)."""

kept = st.one_of(
    st.uuids().map(str),
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.times().map(lambda moment: moment.isoformat()),
    st.integers(10_000, 9_999_999).map("AADSTS{}".format),
    st.builds("10.0.{}.{}".format, st.integers(10_000, 30_000), st.integers(1000, 9999)),
    st.sampled_from(["#microsoft.graph.groupAssignmentTarget", "/deviceManagement/configurationPolicies"]),
)

SHAPED_PLACES: list[Callable[[str], Any]] = [
    lambda secret: secret,
    lambda secret: f"it was {secret}, and failed",
    lambda secret: {secret: "as a key"},
    lambda secret: [{"deep": ({"value": secret},)}],
    lambda secret: secret.encode(),
    lambda secret: json.dumps({"text": secret}),
    lambda secret: json.dumps({"text": json.dumps([f"<{secret}>"])}, indent=2),
    lambda secret: repr({"text": secret, "n": 1}),
    lambda secret: f"https://host.example/a?x={quote(secret, safe='')}&y=1",
    lambda secret: ValueError(f"bad: {secret}"),
    lambda secret: f'cut {{"a": "{secret}", "b": {{',
]
ANNOUNCED_PLACES: list[Callable[[str, str], Any]] = [
    lambda name, secret: {name: secret},
    lambda name, secret: {name: {"a": [secret]}},
    lambda name, secret: (name, secret),
    lambda name, secret: [{"name": name, "value": secret}],
    lambda name, secret: json.dumps({name: secret, "n": 1}),
    lambda name, secret: json.dumps({"text": json.dumps({name: secret})}),
    lambda name, secret: "log: " + json.dumps({"text": json.dumps({name: secret})}),
    lambda name, secret: repr({name: secret, "n": 1}),
    lambda name, secret: repr({name: secret.encode()}),
    lambda name, secret: f"a=1&{name}={secret}&b=2",
    lambda name, secret: quote(f"https://h.example/?a=1&{name}={secret}&b=2", safe=""),
    lambda name, secret: f"{name}: {secret}",
    lambda name, secret: f"Thing({name}='{secret}', n=1)",
    lambda name, secret: f"Authorization: Bearer {secret}",
    lambda name, secret: f"Proxy-Authorization: Basic {secret}",
    lambda name, secret: f"postgresql://user:{secret}@host.example/db",
    lambda name, secret: f"Cookie: a=1; {name}={secret}; b=2",
    lambda name, secret: f"-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----",
]

planted = st.one_of(
    st.tuples(shaped, st.sampled_from(SHAPED_PLACES)).map(lambda it: (it[0], it[1](it[0]))),
    st.tuples(announced, st.sampled_from(ANNOUNCED_PLACES)).map(lambda it: (it[0][1], it[1](*it[0]))),
)
wrappers = st.lists(
    st.sampled_from(
        [
            lambda value: [value, 1],
            lambda value: {"a": value, "b": None},
            lambda value: ("x", value),
            lambda value: {"list": [[value]]},
        ]
    ),
    max_size=3,
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | shaped
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | names | shaped, inner, max_size=4)
    ),
    max_leaves=12,
)
noise = st.lists(
    st.one_of(
        st.text(max_size=5),
        st.text("\"'\\=:&;,%@. []{}()<>-#\n", max_size=6),
        shaped,
        names,
        kept,
        st.sampled_from(
            ["Bearer ", "Authorization: ", "Cookie: ", "://", "%40", "%3D", "[redacted]", "key", "version "]
        ),
    ),
    max_size=14,
).map("".join)


def _wrapped(value: Any, layers: list[Callable[[Any], Any]]) -> Any:
    for layer in layers:
        value = layer(value)
    return value


@settings(max_examples=400, deadline=None)
@given(planted, kept, wrappers)
def test_no_planted_secret_survives_and_what_stands_beside_does(
    plant: tuple[str, Any], fact: str, layers: list[Callable[[Any], Any]]
) -> None:
    secret, carrier = plant
    shown = orjson.dumps(
        redact(_wrapped({"fact": fact, "text": f"see {fact}.", "carrier": carrier}, layers))
    ).decode()
    forms = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
    assert [form for form in forms if form in shown] == []
    assert shown.count(fact) == 2


@settings(max_examples=200, deadline=None)
@given(shaped, kept)
def test_in_one_sentence_too(secret: str, fact: str) -> None:
    text = redact_text(f"{fact} {secret} {fact}\n{secret}")
    assert secret not in text
    assert text.count(fact) == 2


@settings(max_examples=200, deadline=None)
@given(anything)
def test_redacting_again_changes_nothing(value: Any) -> None:
    once = redact(value)
    assert redact(once) == once
    assert orjson.loads(orjson.dumps(once)) == once


@settings(max_examples=400, deadline=None)
@given(noise)
def test_redacting_a_text_again_changes_nothing(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once
