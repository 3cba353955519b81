"""Log events pass redaction right before they are rendered."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from atlas_gql.redaction import REDACTED, redact_event


def _raised() -> BaseException:
    raised = ValueError("user adele.v@contoso.example")
    raised.__cause__ = KeyError("client_secret=hunter2")
    return raised


def test_every_value_of_an_event_is_redacted() -> None:
    event = {"event": "login of adele.v@contoso.example", "token": "abc", "run": {"id": 7}}
    assert redact_event(None, "info", event) == {
        "event": f"login of {REDACTED}",
        "token": REDACTED,
        "run": {"id": 7},
    }
    assert event["token"] == "abc"


@pytest.mark.parametrize("form", ["exception", "triple", "true"])
def test_exception_info_becomes_text_with_its_causes(form: str) -> None:
    raised = _raised()
    try:
        raise raised
    except ValueError:
        given: Any = {"exception": raised, "triple": sys.exc_info(), "true": True}[form]
        event = redact_event(None, "error", {"event": "failed", "exc_info": given})
    assert event.keys() == {"event", "exception"}
    text = event["exception"]
    assert "Traceback" in text
    assert "KeyError: 'client_secret=" in text
    assert f"ValueError: user {REDACTED}" in text
    assert "hunter2" not in text
    assert "adele" not in text


@pytest.mark.parametrize("nothing", [None, False, (None, None, None)])
def test_no_exception_leaves_no_trace(nothing: object) -> None:
    assert redact_event(None, "info", {"event": "x", "exc_info": nothing}) == {"event": "x"}


def test_a_formatted_exception_is_redacted_in_either_form() -> None:
    long = "frame\n" * 1_000 + "ValueError: pin=1234"
    assert redact_event(None, "e", {"exception": long})["exception"] == long.replace("1234", REDACTED)
    assert redact_event(None, "e", {"exception": [{"pin": 1}]}) == {"exception": [{"pin": REDACTED}]}


def test_an_exception_that_cannot_be_formatted_is_still_named() -> None:
    class Odd(Exception):
        @property
        def __traceback__(self) -> Any:
            raise RuntimeError("no")

    assert redact_event(None, "e", {"exc_info": Odd("pin=1234")}) == {"exception": f"Odd: pin={REDACTED}"}
