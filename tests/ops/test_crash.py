"""Crash points: a closed list, one pass counted at a time."""

from __future__ import annotations

import pytest

from atlas_gql.errors import ConfigurationError
from atlas_gql.ops.crash import AFTER_CLAIM, AFTER_INTENT, CrashPlan


def test_it_is_the_named_pass_of_the_named_point() -> None:
    plan = CrashPlan("after_intent:2")
    passes = [plan.passes(point) for point in (AFTER_INTENT, AFTER_CLAIM, AFTER_INTENT, AFTER_INTENT)]
    assert passes == [False, False, True, False]


@pytest.mark.parametrize("told", ["after_lunch", "after_intent:soon", ":1"])
def test_a_point_that_is_not_there_is_refused(told: str) -> None:
    with pytest.raises(ConfigurationError, match="ATLAS_CRASH_AT"):
        CrashPlan(told)
