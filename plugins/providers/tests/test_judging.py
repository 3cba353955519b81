"""What permissions, answers and protections come to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from atlas_gql.plugins import (
    CONTRACTS,
    GraphError,
    ProviderCheck,
    ProviderHealth,
    Readiness,
    ReadinessState,
    ReasonCode,
)
from atlas_providers.judging import READY, Grants, health, reading_of, writing_of

S, R = ReadinessState, ReasonCode
APP = CONTRACTS["mobileApps"]
MAY = Grants(
    read=frozenset({"DeviceManagementApps.Read.All"}), write=frozenset({"DeviceManagementApps.ReadWrite.All"})
)
UNLICENSED = Readiness(state=S.NOT_LICENSED, reason_code=R.NOT_LICENSED)
DOWN = Readiness(state=S.UNREACHABLE, reason_code=R.TIMEOUT)
MISSING = Readiness(state=S.MISSING_PERMISSION, permission="P")


@pytest.mark.parametrize(
    ("reason", "missing", "expected"),
    [
        pytest.param(None, False, READY, id="answered"),
        pytest.param(None, True, MISSING, id="not-asked"),
        pytest.param(R.NOT_LICENSED, False, UNLICENSED, id="no-licence"),
        pytest.param(
            R.PERMISSION_DENIED,
            False,
            replace(MISSING, reason_code=R.PERMISSION_DENIED),
            id="refused-all-the-same",
        ),
        pytest.param(R.TIMEOUT, False, DOWN, id="no-answer"),
    ],
)
def test_reading(reason: R | None, missing: bool, expected: Readiness) -> None:
    error = GraphError("No.", reason=reason) if reason else None
    assert reading_of(error, missing, "P") == expected


@pytest.mark.parametrize(
    ("grants", "reading", "expected"),
    [
        pytest.param(MAY, READY, READY, id="ready"),
        pytest.param(MAY, UNLICENSED, UNLICENSED, id="what-has-no-licence-is-not-written"),
        pytest.param(MAY, DOWN, DOWN, id="what-cannot-be-read-is-not-known-to-be-writable"),
        pytest.param(
            replace(MAY, write=frozenset()),
            READY,
            Readiness(state=S.MISSING_PERMISSION, permission="DeviceManagementApps.ReadWrite.All"),
            id="no-permission",
        ),
        pytest.param(
            replace(MAY, approvals=frozenset({"app"})),
            READY,
            Readiness(state=S.NEEDS_APPROVAL, reason_code=R.APPROVAL_REQUIRED),
            id="protected",
        ),
        pytest.param(replace(MAY, approvals=frozenset({"script"})), READY, READY, id="another-is-protected"),
        pytest.param(
            replace(MAY, approvals_refused=R.TIMEOUT), READY, DOWN, id="what-is-protected-is-not-known"
        ),
        pytest.param(replace(MAY, write_refused=R.TIMEOUT), READY, DOWN, id="no-token-to-write-with"),
    ],
)
def test_writing(grants: Grants, reading: Readiness, expected: Readiness) -> None:
    assert writing_of(APP, reading, grants) == expected


def test_what_is_never_written_has_no_answer() -> None:
    assert writing_of(CONTRACTS["roleScopeTags"], READY, MAY) is None


def check(reading: Readiness, writing: Readiness | None = READY, policy: str | None = "p") -> ProviderCheck:
    return ProviderCheck(subject="p", label="P", policy_type=policy, reading=reading, writing=writing)


@pytest.mark.parametrize(
    ("checks", "writes", "expected"),
    [
        pytest.param([check(READY)], True, ProviderHealth.READY, id="ready"),
        pytest.param([check(READY), check(UNLICENSED, UNLICENSED)], True, ProviderHealth.READY, id="licence"),
        pytest.param([check(READY, MISSING)], True, ProviderHealth.DEGRADED, id="cannot-write"),
        pytest.param([check(READY, MISSING)], False, ProviderHealth.READY, id="need-not-write"),
        pytest.param([check(READY), check(DOWN)], False, ProviderHealth.DEGRADED, id="cannot-read"),
        pytest.param([check(READY), check(MISSING, None, None)], False, ProviderHealth.DEGRADED, id="groups"),
        pytest.param([check(DOWN), check(READY, None, None)], True, ProviderHealth.FAILING, id="no-kind"),
        pytest.param([check(UNLICENSED)], True, ProviderHealth.FAILING, id="no-licence-at-all"),
    ],
)
def test_health(checks: list[ProviderCheck], writes: bool, expected: ProviderHealth) -> None:
    assert health(checks, writes_enabled=writes) is expected
