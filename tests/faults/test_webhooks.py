"""A receiver of webhooks hears of each run, and once by its id, whatever is killed or fails meanwhile."""

from __future__ import annotations

import base64
import os
import secrets
import signal
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from atlas_gql.ops import crash
from atlas_gql.testing.postgres import fresh_database
from faults.stage import Stage, stage
from support.paths import DATA_DIR
from support.receiver import Answer, Receiver, Told, hang_up, receiver, status

pytestmark = pytest.mark.faults

ALLOW = 'mutation { setWebhooksSettings(input: {privateNetworks: ["127.0.0.0/8"]}) { __typename } }'
SET = "mutation Set($input: SetWebhooksSettingsInput!) { setWebhooksSettings(input: $input) { __typename } }"
RUNS = 2


@pytest.fixture(scope="module")
def where() -> Iterator[Stage]:
    with fresh_database(DATA_DIR) as database, stage(database) as where:
        operator = where.home.member("owner", plane="platform")
        where.atlas.post(ALLOW, token=operator, path="/system/graphql").raise_for_status()
        yield where


@pytest.fixture
def hooks() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def kill_its_worker(where: Stage) -> Answer:
    """An answer that never comes: whoever asks is killed."""

    def answer(told: Told, handler: BaseHTTPRequestHandler) -> None:
        (row,) = where.sql("SELECT worker FROM operation_runs WHERE internal AND status = 'running' LIMIT 1")
        os.kill(int(row["worker"].split(":")[1]), signal.SIGKILL)
        hang_up(told, handler)

    return answer


@pytest.mark.parametrize("point", [crash.INSIDE_SWEEP, crash.AFTER_RESULT, None])
def test_each_run_is_heard_of_once(where: Stage, hooks: Receiver, point: str | None) -> None:
    place = where.atlas.new_place(provider=False)
    urls = [hooks.url(path) for path in ("/one", "/two")]
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    given = {"tenantId": place.tenant_id, "secret": secret, "endpoints": [{"url": url} for url in urls]}
    assert place.ask(SET, input=given)["data"]["setWebhooksSettings"]["__typename"] == "TenantPayload"
    if point is None:
        hooks.plan("/one", kill_its_worker(where), status(500), hang_up)
    runs = [
        place.start("fetchAssignments", {"tenantId": place.tenant_id, "policyTypes": [kind]})["run"]["uuid"]
        for kind in ("mobileApps", "deviceConfigurations")
    ]
    if point is not None:
        doomed = where.worker(ATLAS_CRASH_AT=point)
        where.until(lambda: doomed.process.poll() is not None)
        assert doomed.process.returncode == -signal.SIGKILL
    with where.crew():
        where.until(lambda: ended(where, runs) == RUNS, within=60)
    where.end_workers()
    assert set(hooks.confirmed) == {(path, run) for path in ("/one", "/two") for run in runs}
    # What was confirmed at the kill, and not written down, is told again: by the same id, and once more only.
    assert max(hooks.confirmed.values()) <= 2
    assert where.sql("SELECT FROM run_ends") == []
    assert outcomes(where, runs) == ["succeeded"] * RUNS


def ended(where: Stage, runs: list[str]) -> int:
    return len([one for one in outcomes(where, runs) if one != "pending"])


def outcomes(where: Stage, runs: list[str]) -> list[str]:
    """How the listener's runs stand that follow from these."""
    rows = where.sql("SELECT outcome FROM operation_runs WHERE internal AND target = ANY (%s)", runs)
    return [row["outcome"] for row in rows]
