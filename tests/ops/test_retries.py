"""What a family of runs left: by the order of its runs and what became of their items."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import pytest

from atlas_gql.ops.retries import Left, _added_up

Item = namedtuple("Item", "key state reason ours", defaults=(None, None))

ENDED, BROKE_OFF = False, True


def done(*keys: str) -> list[Item]:
    return [Item(key, "succeeded") for key in keys]


def failed(*keys: str, reason: str = "TIMEOUT") -> list[Item]:
    return [Item(key, "failed", reason) for key in keys]


def left(*settled: str, again: set[str] | None) -> Left:
    return Left(settled=frozenset(settled), again=None if again is None else frozenset(again))


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        pytest.param([(ENDED, done("a") + failed("b"))], left("a", again={"b"}), id="one failed"),
        pytest.param([(BROKE_OFF, done("a") + failed("b"))], left("a", again=None), id="who knows"),
        pytest.param(
            [(ENDED, failed("a", reason="STALE_PLAN"))], left("a", again=set()), id="stale needs a plan"
        ),
        pytest.param([(ENDED, [Item("a", "skipped", "UNSUPPORTED")])], left("a", again=set()), id="left out"),
        pytest.param(
            [(ENDED, failed("a", "b")), (ENDED, done("a") + failed("b"))],
            left("a", again={"b"}),
            id="the retry did a part",
        ),
        pytest.param(
            [(ENDED, failed("a", "b")), (BROKE_OFF, done("a"))],
            left("a", again={"b"}),
            id="a retry that broke off leaves what the first one said",
        ),
        pytest.param(
            [(BROKE_OFF, done("a")), (ENDED, done("b") + failed("c"))],
            left("a", "b", again={"c"}),
            id="a retry that came to its end knows more than the first",
        ),
        pytest.param(
            [(ENDED, failed("kind")), (ENDED, done("kind/1") + failed("kind/2"))],
            left("kind/1", again={"kind/2"}),
            id="a whole kind, then a part of it",
        ),
        pytest.param(
            [(ENDED, failed("kind")), (BROKE_OFF, done("kind/1") + failed("kind/2"))],
            left("kind/1", again={"kind", "kind/2"}),
            id="a whole kind, then a retry that broke off",
        ),
        pytest.param([(ENDED, failed("a")), (ENDED, done("a"))], left("a", again=set()), id="nothing"),
        pytest.param([(BROKE_OFF, [])], left(again=None), id="nothing was begun"),
    ],
)
def test_what_is_left(family: Any, expected: Left) -> None:
    assert _added_up(family) == expected


def test_what_unfinished_writes_may_have_left_is_remembered() -> None:
    family = [
        (ENDED, [Item("a", "failed", "WRITE_UNCERTAIN", ["f1", "f2"])]),
        (BROKE_OFF, [Item("a", "failed", "WRITE_UNCERTAIN", ["f3"]), Item("b", "succeeded")]),
    ]
    assert _added_up(family).ours == {"a": ("f1", "f2", "f3")}
