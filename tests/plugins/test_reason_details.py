"""What a plugin says beside EXTENSION: declared, or told to its author by the log."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from atlas_gql.ops import failures
from atlas_gql.plugins import OperationFailure, ReasonCode, ReasonDetail, details

LATE = ReasonDetail(name="late", description="It came late.")


@pytest.fixture(autouse=True)
def declared() -> Iterator[None]:
    before = details.offer({"example": (LATE,)})
    failures._told.cache_clear()
    yield
    details.offer(before)
    failures._told.cache_clear()


def failed(detail: str | None, reason: ReasonCode = ReasonCode.EXTENSION) -> str | None:
    return failures.classify(OperationFailure("No.", reason=reason, detail=detail), "example.work").detail


def test_a_declared_detail_is_kept_and_nothing_is_said():
    with capture_logs() as said:
        assert (failed("late"), failed(None), failed("Early", ReasonCode.CONFLICT)) == (
            "example.late",
            None,
            "Early",
        )
    assert said == []


def test_an_undeclared_detail_is_kept_and_the_log_warns_once():
    with capture_logs() as said:
        assert [failed("early") for _ in range(3)] == ["example.early"] * 3
    # Workers of other tests may say something meanwhile.
    assert [one for one in said if "detail" in one] == [
        {"event": "reason detail not declared", "log_level": "warning", "detail": "example.early"}
    ]


def test_what_was_offered_before_comes_again():
    before = details.offer({})
    assert (before, details.DETAILS) == ({"example": (LATE,)}, {})
    details.offer(before)
    assert [one.description for one in details.of_plugin("example")] == ["It came late."]
