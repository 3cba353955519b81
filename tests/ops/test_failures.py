"""The classifier: whatever a handler raises becomes a reason code and a text that may be shown."""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
from msal.exceptions import MsalError, MsalServiceError
from psycopg_pool import PoolTimeout

from atlas_gql.errors import (
    BadUserInput,
    ConfigurationError,
    Forbidden,
    GraphError,
    NotFound,
    OperationFailure,
    ValidationError,
)
from atlas_gql.ops.control import LeaseLost, RunCancelled, RunReleased, meant
from atlas_gql.ops.failures import classify
from atlas_gql.ops.inputs import load
from atlas_gql.reasons import DESCRIPTIONS, ReasonCode

SECRET = secrets.token_urlsafe(32)
REQUEST = httpx.Request("GET", f"https://graph.microsoft.com/?token={SECRET}")


@dataclass(frozen=True, kw_only=True)
class SampleInput:
    number: int


def cannot_say() -> Exception:
    class Silent(Exception):
        def __str__(self) -> str:
            raise RuntimeError(SECRET)

        __repr__ = __str__

    return Silent()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(httpx.ReadTimeout(SECRET, request=REQUEST), "TIMEOUT", id="read timeout"),
        pytest.param(httpx.ConnectTimeout(SECRET), "TIMEOUT", id="connect timeout"),
        pytest.param(httpx.PoolTimeout(SECRET), "TIMEOUT", id="no connection free"),
        pytest.param(httpx.ConnectError(SECRET), "DEPENDENCY_UNREACHABLE", id="no connection"),
        pytest.param(httpx.ReadError(SECRET), "DEPENDENCY_UNREACHABLE", id="connection lost"),
        pytest.param(httpx.ProxyError(SECRET), "DEPENDENCY_UNREACHABLE", id="proxy"),
        pytest.param(httpx.RemoteProtocolError(SECRET), "INVALID_RESPONSE", id="no HTTP"),
        pytest.param(httpx.DecodingError(SECRET), "INVALID_RESPONSE", id="bad encoding"),
        pytest.param(
            MsalServiceError(error=SECRET, error_description=SECRET), "DEPENDENCY_UNREACHABLE", id="login"
        ),
        pytest.param(MsalError(SECRET), "AUTHENTICATION_FAILED", id="msal"),
        pytest.param(psycopg.OperationalError(SECRET), "DEPENDENCY_UNREACHABLE", id="no database"),
        pytest.param(psycopg.InterfaceError(SECRET), "DEPENDENCY_UNREACHABLE", id="connection closed"),
        pytest.param(PoolTimeout(SECRET), "TIMEOUT", id="no database connection free"),
        pytest.param(psycopg.errors.QueryCanceled(SECRET), "TIMEOUT", id="statement timeout"),
        pytest.param(psycopg.errors.LockNotAvailable(SECRET), "TIMEOUT", id="lock timeout"),
        pytest.param(psycopg.errors.UniqueViolation(SECRET), "UNKNOWN_ERROR", id="a mistake of ours"),
        pytest.param(TimeoutError(SECRET), "TIMEOUT", id="timeout"),
        pytest.param(ConnectionResetError(SECRET), "DEPENDENCY_UNREACHABLE", id="reset"),
        pytest.param(socket.gaierror(SECRET), "DEPENDENCY_UNREACHABLE", id="no such name"),
        pytest.param(RuntimeError(SECRET), "UNKNOWN_ERROR", id="anything"),
        pytest.param(SystemExit(SECRET), "UNKNOWN_ERROR", id="exit"),
        pytest.param(cannot_say(), "UNKNOWN_ERROR", id="cannot be printed"),
        pytest.param(ExceptionGroup(SECRET, [httpx.ReadTimeout(SECRET)]), "TIMEOUT", id="group of one"),
        pytest.param(
            ExceptionGroup(SECRET, [ValueError(SECRET), KeyError(SECRET)]), "UNKNOWN_ERROR", id="group"
        ),
    ],
)
def test_what_others_raise(error: BaseException, reason: str) -> None:
    failure = classify(error, "tests.work")
    assert (failure.code, failure.reason) == ("tests.work.failed_unexpectedly", reason)
    assert failure.message
    assert SECRET not in repr(failure)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(ConfigurationError("No key."), "MISSING_CONFIGURATION", id="configuration"),
        pytest.param(NotFound(), "NOT_FOUND", id="not found"),
        pytest.param(Forbidden("runs.view"), "PERMISSION_DENIED", id="forbidden"),
        pytest.param(ValidationError("Too long.", field="name"), "INVALID_REQUEST", id="validation"),
        pytest.param(BadUserInput("No id."), "INVALID_REQUEST", id="bad input"),
    ],
)
def test_what_atlas_raises_keeps_its_public_text(error: Any, reason: str) -> None:
    failure = classify(error, "tests.work")
    assert (failure.reason, failure.message) == (reason, error.message)


@pytest.mark.parametrize("reason", list(ReasonCode))
def test_what_an_operation_says_is_kept(reason: ReasonCode) -> None:
    error = GraphError("It went wrong.", reason=reason, request_id="r-1", detail="d")
    failure = classify(error, "tests.work")
    detail = "tests.d" if reason is ReasonCode.EXTENSION else "d"
    assert (failure.code, failure.reason, failure.message, failure.detail, failure.request_id) == (
        "tests.work.failed",
        reason,
        "It went wrong.",
        detail,
        "r-1",
    )


def test_the_first_that_explains_itself_speaks_for_a_group() -> None:
    known = OperationFailure("Known.", reason=ReasonCode.CONFLICT)
    group = ExceptionGroup("", [ValueError(SECRET), ExceptionGroup("", [known, TimeoutError()])])
    assert classify(group, "tests.work").message == "Known."


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        pytest.param([ValueError(), RunCancelled()], RunCancelled, id="cancelled"),
        pytest.param([RunCancelled(), RunReleased()], RunReleased, id="released"),
        pytest.param([RunCancelled(), LeaseLost()], LeaseLost, id="lease lost"),
    ],
)
def test_the_word_to_stop_is_heard_through_a_task_group(
    inner: list[BaseException], expected: type[BaseException]
) -> None:
    assert type(meant(BaseExceptionGroup("", inner))) is expected


def test_a_stored_input_that_no_longer_fits_is_told_without_quoting_it() -> None:
    with pytest.raises(OperationFailure) as caught:
        load(SampleInput, {"number": SECRET})
    failure = classify(caught.value, "tests.work")
    assert (failure.code, failure.reason) == ("tests.work.input_unreadable", ReasonCode.INVALID_REQUEST)
    assert SECRET not in repr(failure)


def test_every_reason_code_has_a_sentence() -> None:
    assert [code for code in ReasonCode if not DESCRIPTIONS[code].endswith(".")] == []
