"""What answers mean: a reason code and words of our own, never Microsoft's."""

from __future__ import annotations

import json

import pytest

from atlas_gql.graph.answers import refusal
from atlas_gql.reasons import ReasonCode as R

SECRET_TEXT = "somebody@contoso.example from 203.0.113.7"


def plain(code, message=SECRET_TEXT):
    return {"error": {"code": code, "message": message, "innerError": {"request-id": "r"}}}


def nested(code, message, **more):
    inner = {
        "_version": 3,
        "Message": f"{message} - Operation ID (for customer support): 0000 - Activity ID: 1 - Url: "
        "https://fef.example/license/approval",
        "CustomApiErrorPhrase": "",
        "RetryAfter": None,
        **more,
    }
    return plain(code, json.dumps(inner, indent=2).replace("\n", "\r\n"))


def judge(status, body, *, headers=None, **more):
    return refusal(status, headers or {}, body, now=0, **more)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        pytest.param(400, plain("BadRequest"), R.INVALID_REQUEST, id="400"),
        pytest.param(400, nested("BadRequest", "Invalid GroupId"), R.INVALID_REQUEST, id="400-nested"),
        pytest.param(401, plain("InvalidAuthenticationToken"), R.AUTHENTICATION_FAILED, id="401"),
        pytest.param(
            401, nested("UnknownError", "no", ErrorCode="Forbidden"), R.PERMISSION_DENIED, id="401-forbidden"
        ),
        pytest.param(402, None, R.NOT_LICENSED, id="402"),
        pytest.param(403, plain("Authorization_RequestDenied"), R.PERMISSION_DENIED, id="403"),
        pytest.param(403, nested("Forbidden", "not authorized"), R.PERMISSION_DENIED, id="403-nested"),
        pytest.param(403, nested("Forbidden", "The tenant has no license"), R.NOT_LICENSED, id="403-licence"),
        pytest.param(404, plain("ResourceNotFound"), R.NOT_FOUND, id="404"),
        pytest.param(405, plain("Request_BadRequest"), R.INVALID_REQUEST, id="405"),
        pytest.param(408, None, R.TIMEOUT, id="408"),
        pytest.param(409, plain("Conflict"), R.CONFLICT, id="409"),
        pytest.param(412, plain("PreconditionFailed"), R.CONFLICT, id="412"),
        pytest.param(413, None, R.INVALID_REQUEST, id="413"),
        pytest.param(423, None, R.CONFLICT, id="423"),
        pytest.param(424, None, R.DEPENDENCY_UNREACHABLE, id="424"),
        pytest.param(429, plain("TooManyRequests"), R.THROTTLED, id="429"),
        pytest.param(500, nested("InternalError", "x"), R.DEPENDENCY_UNREACHABLE, id="500"),
        pytest.param(503, None, R.DEPENDENCY_UNREACHABLE, id="503-no-json"),
        pytest.param(504, None, R.TIMEOUT, id="504"),
        pytest.param(509, None, R.THROTTLED, id="509"),
        pytest.param(599, [], R.DEPENDENCY_UNREACHABLE, id="599-list"),
        pytest.param(400, {"error": "text"}, R.INVALID_REQUEST, id="error-is-text"),
        pytest.param(400, plain(None, "{broken"), R.INVALID_REQUEST, id="broken-nested"),
        pytest.param(304, None, R.INVALID_RESPONSE, id="304"),
    ],
)
def test_each_refusal_has_its_reason_and_none_of_microsofts_words(status, body, reason):
    error = judge(status, body)
    assert (error.reason_code, error.status) == (reason, status)
    assert "contoso" not in error.message
    assert error.message.endswith(".")


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        pytest.param(403, nested("Forbidden", "requires Multi Admin Approval"), {}, id="said"),
        pytest.param(
            400, plain("BadRequest", "Header 'x-msft-approval-justification' is required"), {}, id="header"
        ),
        pytest.param(409, nested("Conflict", "An active Approval Request already exists."), {}, id="open"),
        pytest.param(412, plain("BadRequest", ""), {"X-Msft-Approval-Code": "c"}, id="request-filed"),
    ],
)
def test_a_change_held_for_approval_is_told_apart_and_did_not_happen(status, body, headers):
    error = judge(status, body, writing=True, headers=headers)
    assert (error.reason_code, error.may_have_happened) == (R.APPROVAL_REQUIRED, False)
    assert judge(status, body, headers=headers).reason_code is not R.APPROVAL_REQUIRED, "reads are never held"


@pytest.mark.parametrize(
    ("code", "detail"),
    [
        pytest.param("0a1b-77", "approval_request.0a1b-77", id="number"),
        pytest.param("<script>\n" + "x" * 999, "approval_request.", id="garbage"),
        pytest.param(None, None, id="nothing-filed"),
    ],
)
def test_the_request_for_approval_that_was_filed_is_named(code, detail):
    headers = {} if code is None else {"X-MSFT-Approval-Code": code}
    error = judge(403, plain("Forbidden", "approval"), writing=True, headers=headers)
    assert (error.reason_code, error.detail) == (R.APPROVAL_REQUIRED, detail)
    assert ("A request was filed" in error.message) == (detail is not None)


def test_a_missing_permission_is_named():
    error = judge(403, plain("Forbidden"), permission="DeviceManagementApps.Read.All")
    assert error.message.endswith("Permission: DeviceManagementApps.Read.All.")


@pytest.mark.parametrize(
    ("status", "body", "sent", "reason"),
    [
        pytest.param(403, nested("Forbidden", "An error has occurred"), {}, R.NOT_LICENSED, id="licence"),
        pytest.param(
            403,
            nested("Forbidden", "An error has occurred"),
            {"permitted": False},
            R.PERMISSION_DENIED,
            id="no-permission",
        ),
        pytest.param(
            403,
            nested("Forbidden", "Application is not authorized to perform this operation"),
            {},
            R.PERMISSION_DENIED,
            id="not-authorized",
        ),
        pytest.param(
            403,
            nested("Forbidden", "An error has occurred"),
            {"writing": True},
            R.PERMISSION_DENIED,
            id="a-write",
        ),
        pytest.param(403, plain("Forbidden"), {}, R.PERMISSION_DENIED, id="not-from-intune"),
        pytest.param(403, None, {}, R.PERMISSION_DENIED, id="no-body"),
    ],
)
def test_intune_refuses_a_permitted_read_for_want_of_a_licence(status, body, sent, reason):
    assert judge(status, body, **{"permitted": True, **sent}).reason_code is reason
