"""Nothing a value does or holds breaks redaction, or makes it slow, large or impossible to store."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from uuid import UUID

import orjson
import pytest

from atlas_gql.redaction import REDACTED, redact, redact_text, safe_text


def _object(show: Callable[[], Any], base: type = object) -> Any:
    def text(_self: object) -> Any:
        return show()

    return type("Odd", (base,), {"__repr__": text, "__str__": text})()


def _fail() -> Any:
    raise RuntimeError("client_secret=hunter2")


def _exit() -> Any:
    raise SystemExit(3)


def _recurse() -> Any:
    return _recurse()


class OddText(str):
    """A text whose own methods fail."""

    def __getitem__(self, key: object) -> str:
        raise RuntimeError("no")

    strip = lower = __len__ = __iter__ = __getitem__  # type: ignore[assignment]


class OddMapping(dict):
    def items(self) -> Any:
        raise RuntimeError("no")


class OddClass:
    @property
    def __class__(self) -> Any:
        raise RuntimeError("no")


def _cycle() -> Any:
    loop: dict[str, Any] = {}
    loop["again"] = [loop] * 50
    return loop


ODD = [
    pytest.param(_object(_fail), "[unprintable]", id="raises"),
    pytest.param(_object(_exit), "[unprintable]", id="exits"),
    pytest.param(_object(_recurse), "[unprintable]", id="recurses"),
    pytest.param(_object(lambda: 7), "[unprintable]", id="no-text"),
    pytest.param(_object(lambda: "a\x00b\ud800c"), "abc", id="nul-and-surrogate"),
    pytest.param(_object(lambda: "client_secret=hunter2"), f"client_secret={REDACTED}", id="secret"),
    pytest.param(_object(_fail, Exception), "Odd: [unprintable]", id="exception-raises"),
    pytest.param(OddText("pin=1234"), f"pin={REDACTED}", id="text-subclass"),
    pytest.param(OddMapping(a=1), "[unprintable]", id="mapping"),
    pytest.param(OddClass(), "[unprintable]", id="class"),
    pytest.param(ValueError("token: hunter2"), f"ValueError: token: {REDACTED}", id="exception"),
    pytest.param(b"pin=1234 \xff", f"pin={REDACTED} \ufffd", id="bytes"),
    pytest.param(float("nan"), "nan", id="nan"),
    pytest.param(2**70, str(2**70), id="large-number"),
    pytest.param(10**5000, "[unprintable]", id="number-too-large-to-print"),
    pytest.param(UUID(int=7), str(UUID(int=7)), id="uuid"),
    pytest.param(Decimal("1.50"), "1.50", id="decimal"),
    pytest.param(PurePosixPath("/a/b"), "/a/b", id="path"),
    pytest.param(MappingProxyType({"pin": "1"}), {"pin": REDACTED}, id="mapping-proxy"),
    pytest.param({1: 2, None: 3, (4, 5): 6}, {"1": 2, "None": 3, "[4, 5]": 6}, id="odd-keys"),
    pytest.param({"a@b.cd": 1, "e@f.gh": 2}, {REDACTED: 1, f"{REDACTED} 2": 2}, id="keys-that-become-equal"),
]


@pytest.mark.parametrize(("value", "expected"), ODD)
def test_odd_values(value: object, expected: object) -> None:
    result = redact([value, 1])
    assert result == [expected, 1]
    assert redact(result) == result
    assert orjson.loads(orjson.dumps(result)) == result


@pytest.mark.parametrize(("value", "_expected"), ODD)
def test_safe_text_of_odd_values_names_the_type(value: object, _expected: object) -> None:
    text = safe_text(value)
    assert text.startswith(type(value).__name__)
    assert "hunter2" not in text
    assert "1234" not in text


def test_an_interrupt_is_not_swallowed() -> None:
    def interrupt() -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        redact([_object(interrupt)])


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(_object(lambda: "ab c" * 1_250_000), id="long-text"),
        pytest.param(list(range(100_000)), id="long-list"),
        pytest.param({str(n): "x" for n in range(100_000)}, id="long-mapping"),
        pytest.param({"x" * 191 + "password" + "y" * 9: "plain"}, id="key-cut-to-a-sensitive-one"),
        pytest.param({"k" * 5_000_000: "x"}, id="long-key"),
        pytest.param(_cycle(), id="cycle"),
        pytest.param('{"a":' * 500 + "1" + "}" * 500, id="deep-json"),
        pytest.param("[" * 50_000 + "]" * 50_000, id="deeper-json"),
        pytest.param([["x"] * 999, {"password": "y"}], id="allowance-ends-at-a-secret"),
        pytest.param(["1.2.3.4 " * 900], id="grows"),
    ],
)
def test_what_is_too_large_is_cut(value: object) -> None:
    result = redact(value)
    assert len(orjson.dumps(result)) < 30_000
    assert redact(result) == result


def test_the_entry_that_ends_the_allowance_says_so() -> None:
    assert redact(list(range(1_500))) == [*range(999), "[cut]"]
    assert redact({str(n): n for n in range(1_500)}) == {str(n): n for n in range(999)} | {"999": "[cut]"}
    assert redact({"a": list(range(1_500)), "b": 1}) == {"a": [*range(998), "[cut]"]}


def test_json_nested_beyond_the_parser_is_text() -> None:
    text = redact_text("[" * 30_000 + "]" * 30_000)
    assert set(text) == {"[", "…"}


def test_a_text_is_cut_with_a_sign_and_its_secrets_gone_at_both_edges() -> None:
    for length in range(3_960, 4_010):
        assert "2.3.4" not in redact_text("x" * length + " 1.2.3.4")
    # the part that is looked at ends within the address, and most of it is redacted away
    for length in range(63_985, 64_001):
        text = redact_text("pin=" + "x" * (length - 8) + " abc.defg@contoso.example tail" * 99)
        assert "abc" not in text
        assert text.endswith("…")


@pytest.mark.parametrize(
    "piece",
    [
        "a", "eyJ", "@", "%", "a@", "%40", "%41", "%2B", "token=", "\\", '"', "token='", ":", "1.", "://a:",
        "://", "-----BEGIN ", "-----BEGIN A-----", "version ", "[", '{"a":', "Bearer ", " ", "a ", "key=",
        "('token',", "token:(", "%3A%2F%2F", "0.A", "Q~1Q~", "cookie: a;", "authorization: a ", "\\'",
        "token=\\'", "\\u0040",
    ],
)  # fmt: skip
def test_a_megabyte_of_anything_is_quick(piece: str) -> None:
    """No pattern backtracks over the whole text; a quadratic one would need minutes."""
    text = piece * (1_000_000 // len(piece))
    before = time.process_time()
    result = redact_text(text)
    assert time.process_time() - before < 5
    assert len(result) <= 4_000
    assert redact_text(result) == result
