"""Operations that write to Graph where they declared it, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import uuid4

import pytest

from atlas_gql.plugins import Doc, GraphError, MaxLen, Operation, RunContext, new
from atlas_gql.simulator import DEMO_TENANT, Running
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import fresh_database
from support.loopback import loopback
from support.paths import DATA_DIR

DEVICES = "/beta/deviceManagement/managedDevices"
ONE = f"{DEVICES}/d-1"


@dataclass(frozen=True, kw_only=True)
class SendInput:
    """What to send, and where."""

    method: str = "POST"
    path: Annotated[str, MaxLen(200), Doc("Where to.")] = f"{ONE}/syncDevice"
    name: str | None = None
    odd: bool = False


async def send(ctx: RunContext, given: SendInput) -> None:
    body = {"managedDeviceName": given.name} if given.name else object() if given.odd else None
    try:
        answer = await ctx.graph.send(given.method, given.path, body)
    except GraphError as exc:
        await ctx.failed(f"{exc.status} {exc.may_have_happened}", "", exc)
    else:
        await ctx.succeeded("answer", result=None if answer is None else answer["managedDeviceName"])


async def read(ctx: RunContext, given: SendInput) -> None:
    await ctx.graph.send(given.method, given.path)


def operation(verb: str, **more: Any) -> Operation[SendInput]:
    return Operation(
        type=f"tests.{verb}", mutation=f"tests{verb.title()}", label=verb, description="Tests.",
        input=SendInput, target=new(), capability="restores.execute", **{"handler": send, **more},
    )  # fmt: skip


WRITES = {"writes": True, "audit_action": "device.written"}
OPERATIONS = {
    made.type: made
    for made in (
        operation("send", graph_writes=(f"{DEVICES}/*/syncDevice", f"{DEVICES}/*"), **WRITES),
        operation("silent", **WRITES),
        operation("read", handler=read),
    )
}


@pytest.fixture(scope="module")
def sending(simulator: Running) -> Iterator[Installation]:
    """In a database of its own: other workers do not know these operations."""
    with (
        fresh_database(DATA_DIR) as database,
        installation(database, simulator=simulator, operations=OPERATIONS) as running,
    ):
        yield running


@pytest.fixture
def place(sending: Installation, simulator: Running, pristine: Any) -> Iterator[Place]:
    devices = {"value": [{"id": "d-1", "deviceName": "LAPTOP-1", "managedDeviceName": "one"}]}
    tenants = {DEMO_TENANT.id: {**pristine[DEMO_TENANT.id], "deviceManagement/managedDevices.json": devices}}
    loopback.post(f"{simulator.url}/_simulator/load", json={**pristine, **tenants}).raise_for_status()
    yield sending.new_place()
    loopback.delete(f"{simulator.url}/_simulator/faults").raise_for_status()


def run(place: Place, mutation: str = "testsSend", **given: Any) -> Any:
    key = {} if mutation == "testsRead" else {"idempotencyKey": uuid4().hex}
    return place.run(mutation, {"tenantId": place.tenant_id, **key, **given})


ITEMS = """
query I($id: ID!) { node(id: $id) { ... on OperationRun {
  items(first: 5) { nodes { key result failure { reasonCode } } }
} } }
"""


def items(place: Place, ended: Any) -> list[tuple[Any, ...]]:
    found = place.ask(ITEMS, id=ended["id"])
    return [
        (one["key"], one["result"], (one["failure"] or {}).get("reasonCode"))
        for one in found["data"]["node"]["items"]["nodes"]
    ]


def sent(place: Place) -> list[tuple[str, str]]:
    """The writes that reached Graph."""
    return [
        (entry["method"], entry["path"])
        for entry in place.atlas.simulator.journal
        if entry["method"] != "GET" and entry["path"].startswith(("/beta/device", "/v1.0/device"))
    ]


def test_what_is_declared_is_written_once(place: Place) -> None:
    place.atlas.simulator.journal.clear()
    ended = run(place)
    assert (ended["outcome"], items(place, ended)) == ("SUCCEEDED", [("answer", None, None)])
    assert sent(place) == [("POST", f"{ONE}/syncDevice")]
    assert [entry["action"] for entry in ended["auditEntries"]["nodes"]] == ["device.written"]


def test_an_answer_is_given_as_json(place: Place) -> None:
    ended = run(place, method="PATCH", path=ONE, name="two")
    assert items(place, ended) == [("answer", "two", None)]


@pytest.mark.parametrize(
    ("mutation", "given"),
    [
        pytest.param("testsRead", {}, id="an operation that only reads"),
        pytest.param("testsSilent", {}, id="nothing declared"),
        pytest.param("testsSend", {"path": f"{ONE}/wipe"}, id="not declared"),
        pytest.param(
            "testsSend", {"path": "/beta/deviceManagement/deviceConfigurations/x/assign"}, id="assign"
        ),
        pytest.param("testsSend", {"path": f"{DEVICES}/../deviceConfigurations"}, id="dots"),
        pytest.param("testsSend", {"path": f"{ONE}/syncDevice?a=b"}, id="query"),
        pytest.param("testsSend", {"path": f"{DEVICES}/d%2d1/syncDevice"}, id="encoded"),
        pytest.param("testsSend", {"path": f"https://graph.microsoft.com{ONE}/syncDevice"}, id="absolute"),
        pytest.param("testsSend", {"path": "/beta/$batch"}, id="batch"),
        pytest.param("testsSend", {"method": "GET"}, id="method"),
        pytest.param("testsSend", {"odd": True}, id="no JSON"),
    ],
)
def test_everything_else_is_refused_without_a_call(place: Place, mutation: str, given: Any) -> None:
    place.atlas.simulator.journal.clear()
    ended = run(place, mutation, **given)
    assert (ended["outcome"], ended["failures"][0]["code"].partition(".")[2].partition(".")[2]) == (
        "FAILED",
        "write_refused",
    )
    assert sent(place) == []


@pytest.mark.parametrize(
    ("fault", "item", "times"),
    [
        pytest.param({"status": 404}, ("404 False", None, "NOT_FOUND"), 1, id="refused"),
        pytest.param({"status": 503}, ("503 True", None, "WRITE_UNCERTAIN"), 1, id="perhaps done"),
        pytest.param({"reset": True}, ("None True", None, "WRITE_UNCERTAIN"), 1, id="no answer"),
        pytest.param(
            {"status": 429, "retryAfter": 1}, ("429 True", None, "THROTTLED"), 1, id="told to slow down"
        ),
    ],
)
def test_a_write_whose_effect_is_unknown_is_not_sent_again(
    place: Place, fault: dict[str, Any], item: Any, times: int
) -> None:
    faults = [{"path": f"^{ONE}/syncDevice", "method": "POST", **fault}]
    loopback.post(f"{place.atlas.simulator.url}/_simulator/faults", json=faults).raise_for_status()
    place.atlas.simulator.journal.clear()
    ended = run(place)
    assert items(place, ended) == [item]
    assert len(sent(place)) == times


def test_a_tenant_that_may_not_be_written_to_starts_nothing(sending: Installation) -> None:
    place = sending.new_place(writes_enabled=False)
    answer = place.start("testsSend", {"tenantId": place.tenant_id, "idempotencyKey": "k"})
    assert answer["__typename"] == "WritesNotEnabled"
