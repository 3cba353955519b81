"""A handful of the faults, as `make faults` does them all; and the control, which must fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from atlas_gql.testing.postgres import fresh_database
from faults import killing, plugin_faults, sharing  # noqa: F401 - each enters its faults
from faults.registry import FAULTS, Fault
from faults.stage import Stage, stage
from faults.subjects import Subjects
from support.paths import DATA_DIR

SHORT = (
    ("kill -9 after Graph write", "autopilot"),
    ("kill -9 with a child, before finish", "drift"),
    ("kill -9 of web before ring", "restore"),
    ("cancel, and the asker dies", "restore"),
    ("SIGSTOP after intent, SIGCONT", "autopilot"),
    ("a plugin exits the process", "restore"),
    ("CONTROL: no fence, SIGSTOP", "autopilot"),
)

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def where() -> Iterator[Stage]:
    with fresh_database(DATA_DIR) as database, stage(database) as where:
        yield where


@pytest.fixture(scope="module")
def subjects(where: Stage) -> Subjects:
    return Subjects(where, ahead=1)


@pytest.mark.parametrize(
    "fault",
    [pytest.param(f, id=f"{f.name} / {f.operation}") for f in FAULTS if (f.name, f.operation) in SHORT],
)
def test_the_invariants_hold(where: Stage, subjects: Subjects, fault: Fault) -> None:
    seen = fault.run(where, subjects)
    if fault.control:
        assert seen.doubled or seen.lost_writes, "without its fence a run must do harm"
    else:
        assert seen.problems == []
