"""What a plugin's failure leaves: a code, a reason code, a clean message - and no secret anywhere."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import pytest

from atlas_gql import logs
from atlas_gql.plugins import Doc, Operation, OperationFailure, ReasonCode, RunContext, new
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.dump import dump_of
from support.paths import DATA_DIR

SECRET = "eyJ" + secrets.token_urlsafe(24) + "." + secrets.token_urlsafe(24) + "." + secrets.token_urlsafe(24)


@dataclass(frozen=True, kw_only=True)
class MisbehaveInput:
    """How to fail."""

    how: Annotated[str, Doc("Which way.")]


class Hostile(Exception):
    def __str__(self) -> str:
        raise RuntimeError(SECRET)

    __repr__ = __str__


async def misbehave(ctx: RunContext, given: MisbehaveInput) -> None:
    match given.how:
        case "raise":
            raise RuntimeError(f"token={SECRET}")
        case "log":
            ctx.log("about to fail", token=SECRET, header=f"Bearer {SECRET}")
            raise OperationFailure(f"It said Bearer {SECRET}", reason=ReasonCode.CONFLICT, code="said_it")
        case "item":
            await ctx.failed("one", "One thing", ValueError(f"access_token={SECRET}"))
            await ctx.succeeded("two", "Another")
        case "exit":
            raise SystemExit(SECRET)
        case "hostile":
            raise Hostile
        case "chain":
            try:
                {}[SECRET]
            except KeyError as exc:
                raise RuntimeError("no luck") from exc
        case "group":
            raise ExceptionGroup(SECRET, [ValueError(SECRET)])
        case "long":
            raise RuntimeError("x" * 5_000_000 + "\x00\ud800" + SECRET)


MISBEHAVE = Operation(
    type="tests.misbehave",
    mutation="misbehave",
    label="Misbehave",
    description="Fails as asked.",
    input=MisbehaveInput,
    target=new(),
    capability="policies.view",
    handler=misbehave,
)


@pytest.fixture(scope="module")
def database() -> Iterator[TestDatabase]:
    """A database of its own: another installation's workers do not know these operations."""
    with fresh_database(DATA_DIR) as database:
        yield database


@pytest.fixture(scope="module")
def atlas(database: TestDatabase) -> Iterator[Installation]:
    with installation(database, operations={MISBEHAVE.type: MISBEHAVE}, tenant_runs=8) as running:
        yield running


@pytest.fixture(scope="module")
def place(atlas: Installation) -> Place:
    return atlas.new_place()


@pytest.fixture
def log_lines(capfd: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    logs.configure(format_="json", level="debug")
    yield capfd
    root.handlers[:] = before[0]
    root.setLevel(before[1])


@pytest.mark.parametrize(
    ("how", "code", "reason"),
    [
        ("raise", "failed_unexpectedly", "UNKNOWN_ERROR"),
        ("log", "said_it", "CONFLICT"),
        ("exit", "failed_unexpectedly", "UNKNOWN_ERROR"),
        ("hostile", "failed_unexpectedly", "UNKNOWN_ERROR"),
        ("chain", "failed_unexpectedly", "UNKNOWN_ERROR"),
        ("group", "failed_unexpectedly", "UNKNOWN_ERROR"),
        ("long", "failed_unexpectedly", "UNKNOWN_ERROR"),
    ],
)
def test_a_failing_handler_gives_a_failed_run_without_its_secret(
    place: Place,
    log_lines: pytest.CaptureFixture[str],
    database: TestDatabase,
    how: str,
    code: str,
    reason: str,
) -> None:
    started = place.start("misbehave", {"tenantId": place.tenant_id, "how": how})
    run = place.wait(started["run"]["id"])
    (failure,) = run["failures"]
    assert (run["outcome"], failure["code"], failure["reasonCode"]) == (
        "FAILED",
        f"tests.misbehave.{code}",
        reason,
    )
    assert failure["message"]
    time.sleep(0.05)
    written = log_lines.readouterr()
    assert run["uuid"] in written.err
    assert SECRET not in written.err + written.out + str(run)
    assert dump_of(database.admin_url).count(SECRET) == 0


def test_a_failed_item_leaves_the_rest_and_the_run_is_partial(place: Place) -> None:
    run = place.run("misbehave", {"tenantId": place.tenant_id, "how": "item"})
    (failure,) = run["failures"]
    assert (run["outcome"], failure["item"]["label"], SECRET in str(run)) == (
        "PARTIALLY_SUCCEEDED",
        "One thing",
        False,
    )
    assert run["counters"] == {"total": 2, "processed": 1, "failed": 1, "skipped": 0}
