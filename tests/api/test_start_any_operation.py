"""Operations of plugins over many tenants: a step may refuse one of them, or want a start by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID, uuid4

import psycopg
import pytest

from atlas_gql.errors import DomainError
from atlas_gql.ops.together import Starts
from atlas_gql.plugins import Doc, Operation, RunContext, Start, ValidationError, new
from atlas_gql.schema import ids
from atlas_gql.simulator import Running
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase

START = """
mutation Start($input: StartOnTenantsInput!) {
  startOnTenants(input: $input) {
    __typename
    ... on StartOnTenantsPayload {
      results { run { id } error { __typename code message ... on ValidationError { field } } }
    }
    ... on Error { code message }
    ... on ValidationError { field }
  }
}
"""


class TooSmall(DomainError):
    """The tenant is too small for this."""

    code = "TOO_SMALL"


class Undeclared(DomainError):
    """Something that the operation does not say it raises."""

    code = "UNDECLARED"


@dataclass(frozen=True, kw_only=True)
class PickyInput:
    """What to be picky about."""

    depth: Annotated[int, Doc("How deep.")] = 1


async def nothing(_ctx: RunContext, _given: PickyInput) -> None:
    pass


async def check(start: Start, given: PickyInput) -> None:
    if given.depth > 3:
        raise ValidationError("Not so deep.", field="depth")
    if start.tenant.name == "small":
        raise TooSmall
    if start.tenant.name == "odd":
        raise Undeclared
    if start.tenant.name == "broken":
        raise RuntimeError("a mistake in a plugin")


async def by_itself(start: Start, _given: PickyInput) -> None:
    await start.mentioned()


def operation(name: str, **more: Any) -> Operation[PickyInput]:
    return Operation(
        type=f"tests.{name}", mutation=f"{name}It", label=name, description="Tests.", input=PickyInput,
        capability="policies.view", handler=nothing, errors=(TooSmall,), **more,
    )  # fmt: skip


OPERATIONS = {
    made.type: made
    for made in (
        operation("pick", target=new(check=check)),
        operation("alone", target=new(check=check, create=by_itself)),
        operation("write", target=new(), writes=True),
    )
}


@pytest.fixture(scope="module")
def picky(test_database: TestDatabase, simulator: Running) -> Iterator[Installation]:
    with installation(test_database, simulator=simulator, worker=False, operations=OPERATIONS) as running:
        yield running


@pytest.fixture
def place(picky: Installation) -> Place:
    return picky.new_place(provider=False)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The tenants that are tried by themselves from now on."""
    seen: list[UUID] = []
    original = Starts.alone

    async def noted(self: Starts, actor: Any, operation: Any, tenant_id: UUID, **asked: Any) -> Any:
        seen.append(tenant_id)
        return await original(self, actor, operation, tenant_id, **asked)

    monkeypatch.setattr(Starts, "alone", noted)
    return seen


def tenants(place: Place, admin_url: str, *names: str) -> list[str]:
    keys = [uuid4() for _ in names]
    with psycopg.connect(admin_url) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO tenants (id, workspace_id, name, entra_tenant_id, primary_domain)"
            " VALUES (%s, %s, %s, %s, 'any.example')",
            [(key, place.workspace, name, uuid4()) for key, name in zip(keys, names, strict=True)],
        )
    return [ids.encode("Tenant", key) for key in keys]


def start(place: Place, type_: str, tenant_ids: list[str], **given: Any) -> Any:
    wanted = {"workspaceId": place.workspace_id, "operationType": f"tests.{type_}", "tenantIds": tenant_ids}
    answer = place.ask(START, input={**wanted, **given})
    assert "errors" not in answer, answer
    return answer["data"]["startOnTenants"]


def said(result: Any) -> list[tuple[str, str] | None]:
    return [
        (one["error"]["__typename"], one["error"]["code"]) if one["error"] else None
        for one in result["results"]
    ]


REFUSED = [
    None,
    ("TooSmall", "TOO_SMALL"),
    ("StartRefused", "INTERNAL_SERVER_ERROR"),
    None,
]


def test_a_step_refuses_one_tenant_in_its_own_words(place: Place, admin_url: str, alone: list[UUID]) -> None:
    """An error that the operation does not declare is an internal one, as in a start by itself."""
    found = start(place, "pick", tenants(place, admin_url, "a", "small", "odd", "b"), idempotencyKey="k")
    assert said(found) == REFUSED
    assert found["results"][2]["error"]["message"] == "Internal error."
    assert alone == []


def test_a_step_that_needs_a_start_by_itself_gets_it(place: Place, admin_url: str, alone: list[UUID]) -> None:
    found = start(place, "alone", tenants(place, admin_url, "a", "small", "odd", "b"), idempotencyKey="k")
    assert said(found) == REFUSED
    assert len(alone) == 4


def test_a_step_that_breaks_harms_its_own_tenant(place: Place, admin_url: str) -> None:
    found = start(place, "pick", tenants(place, admin_url, "a", "broken", "b"))
    assert said(found) == [None, ("StartRefused", "INTERNAL_SERVER_ERROR"), None]


@pytest.mark.parametrize("type_", ["pick", "alone"])
def test_what_every_tenant_refuses_of_the_input_is_the_inputs(
    place: Place, admin_url: str, type_: str
) -> None:
    found = start(place, type_, tenants(place, admin_url, "a", "small"), input={"depth": 4})
    assert (found["__typename"], found["field"]) == ("ValidationError", "input.depth")


def test_what_writes_is_not_for_many(place: Place, admin_url: str) -> None:
    found = start(place, "write", tenants(place, admin_url, "a"))
    assert (found["__typename"], found["code"]) == ("NotForMany", "NOT_FOR_MANY")
