"""The tripwire: it trips where a resolver gives a tenant's data and nobody asked, and only there."""

from __future__ import annotations

import asyncio
from collections import namedtuple
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

import pytest
import strawberry

from atlas_gql.access.actors import Actor
from atlas_gql.access.capabilities import Capability
from atlas_gql.schema.context import Context, Info
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.permissions import Guard, HasCapability, ReachesTenant
from atlas_gql.simulator import Running
from atlas_gql.testing import tripwire
from atlas_gql.testing.installation import installation
from atlas_gql.testing.postgres import TestDatabase

W, T, OTHER = (UUID(int=n) for n in range(1, 4))
Row = namedtuple("Row", "workspace_id tenant_id name subject_kind other", defaults=("here", None, OTHER))
READER = Actor(
    user_id=UUID(int=9),
    name="reader",
    token_id=UUID(int=8),
    plane="workspace",
    memberships={W: "member"},
    grants={T: "readonly"},
)


class Lax(Guard):
    """A guard that is there, and lets everybody pass."""

    async def resolve_async(self, next_: Any, source: Any, info: Any, **kwargs: Any) -> Any:
        return await next_(source, info, **kwargs)


@strawberry.type
class Policy:  # of a kind that the real schema has
    name: str
    subject_kind: str | None

    @resolved("Unguarded.")
    def again(self) -> Policy | None:
        return Row(W, T)  # type: ignore[return-value] # rows, not entities

    @strawberry.field(extensions=[Lax(HasCapability(Capability.POLICIES_VIEW))])
    async def lax(self) -> Policy | None:
        return Row(W, T)  # type: ignore[return-value]

    @strawberry.field(extensions=[Lax(HasCapability(Capability.POLICIES_VIEW))])
    async def secret(self) -> str | None:
        return "told"

    @resolved("Of one kind of subject.", HasCapability("runs.purge", when=("subject_kind", "Policy")))
    async def never_asked(self) -> Policy | None:
        return Row(W, T)  # type: ignore[return-value]

    @resolved("Guarded here, given from elsewhere.", ReachesTenant("tenant_id"))
    def strayed(self) -> list[Policy] | None:
        return [Row(W, T), Row(W, OTHER)]  # type: ignore[list-item]

    @resolved("Guarded.", HasCapability(Capability.POLICIES_VIEW))
    async def guarded(self) -> Policy | None:
        return Row(W, T)  # type: ignore[return-value]

    @resolved("Refused.", ReachesTenant("other"), silently=True)
    async def refused(self) -> Policy | None:
        return Row(W, T)  # type: ignore[return-value]

    @resolved("Nothing.")
    def nothing(self) -> Policy | None:
        return None


@strawberry.type
class Query:
    @resolved("The beginning.", ReachesTenant("tenant_id"))
    def policy(self, info: Info) -> Policy:
        return Row(W, T)  # type: ignore[return-value]


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def told(self) -> AsyncGenerator[Policy, None]:
        yield Row(W, T)  # type: ignore[misc]


def schema() -> strawberry.Schema:
    made = strawberry.Schema(query=Query, subscription=Subscription)
    tripwire.lay(made)
    return made


def context() -> Context:
    nothing: Any = None
    return Context(actor=READER, database=nothing, engine=nothing, sealer=nothing, request_id="r")


def ask(query: str) -> Any:
    return asyncio.run(schema().execute(query, root_value=Row(W, T), context_value=context()))


@pytest.mark.parametrize(
    ("field", "said"),
    [
        pytest.param("again { name }", "no guard had let anybody pass", id="no guard"),
        pytest.param("lax { name }", "no guard had let anybody pass", id="a guard that is passed by"),
        pytest.param("secret", "no guard had let anybody pass", id="passed by on the way to a value"),
        pytest.param("neverAsked { name }", "no guard had let anybody pass", id="a guard that asks nothing"),
        pytest.param("strayed { name }", "out of the caller's reach", id="another tenant's row"),
    ],
)
def test_what_is_given_without_asking_trips_the_wire(field: str, said: str) -> None:
    with tripwire.expected() as found:
        result = ask(f"{{ policy {{ guarded {{ name }} {field} }} }}")
    assert [said in line and line.startswith(f"Policy.{field.split()[0]} ") for line in found] == [True]
    assert [type(error.original_error) for error in result.errors] == [tripwire.Tripped]


def test_what_a_guard_let_pass_or_refused_does_not() -> None:
    result = ask("{ policy { guarded { guarded { name } } refused { name } nothing { name } } }")
    assert result.errors is None
    assert result.data["policy"]["guarded"] == {"guarded": {"name": "here"}}


def test_the_wire_is_around_subscriptions_too() -> None:
    async def run() -> Any:
        events: Any = await schema().subscribe("subscription { told { name } }", context_value=context())
        return [event async for event in events]

    with tripwire.expected() as found:
        (event,) = asyncio.run(run())
    assert type(event.errors[0].original_error) is tripwire.Tripped
    assert len(found) == 1


def test_a_test_fails_in_which_it_trips() -> None:
    with tripwire.expected(), pytest.raises(tripwire.Tripped, match=r"Policy\.again"), tripwire.watched():
        ask("{ policy { again { name } } }")


def test_the_whole_api_fails_a_test_when_its_guards_are_passed_by(
    monkeypatch: pytest.MonkeyPatch, test_database: TestDatabase, simulator: Running
) -> None:
    monkeypatch.setattr(Guard, "resolve_async", Lax.resolve_async)
    query = "query Q($id: ID!) { tenant(id: $id) { runs { nodes { id } } } }"
    atlas = installation(test_database, simulator=simulator, worker=False)
    with tripwire.expected() as found:
        place = atlas.__enter__().new_place(provider=False)
        answer = place.ask(query, id=place.tenant_id)
        with pytest.raises(tripwire.Tripped, match=r"Query\.tenant"):
            atlas.__exit__(None, None, None)
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert len(found) == 1
