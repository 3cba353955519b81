"""Running one operation whole: start, worker, end, and what became of it."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import delete, select
from strawberry.utils.str_converters import to_camel_case

from atlas_gql.db.database import Transaction
from atlas_gql.db.tables import memberships, tenant_grants
from atlas_gql.db.tables import operation_runs as runs
from atlas_gql.ops.references import references
from atlas_gql.plugins.api import Operation, Ref
from atlas_gql.schema import ids
from atlas_gql.testing.installation import Place, start_document
from atlas_gql.testing.outcomes import REFUSED, Failure, Outcome, outcome_of
from atlas_gql.testing.staging import Interruption, Staged

CANCEL = """
mutation Cancel($id: ID!) {
  cancelRun(input: {runId: $id}) { __typename }
}
"""


class RunOperation(Protocol):
    """The fixture `run_operation`."""

    def __call__(
        self,
        operation: Operation[Any] | str,
        given: Any = None,
        *,
        by: str | None = "owner",
        key: str | None = None,
        interrupted: Interruption | None = None,
        graph_raises: Exception | None = None,
        within: float = 60,
    ) -> Outcome: ...


def run_operation(
    tenant: Place,
    operation: Operation[Any] | str,
    given: Any = None,
    *,
    by: str | None = "owner",
    key: str | None = None,
    interrupted: Interruption | None = None,
    graph_raises: Exception | None = None,
    within: float = 60,
) -> Outcome:
    """Run an operation, or the one of that type, in a tenant, and give what became of it.

    `given` is an instance of its input class, or a mapping by the names in GraphQL; `by` the role of whoever
    starts it, None for a member to whom nothing was granted; `key` the idempotency key; `graph_raises` what
    each call of `ctx.graph` raises. Raises AssertionError when it does not end `within` so many seconds, and
    for an interruption that did not take place.
    """
    offered = _offered(tenant, operation)
    leaving = interrupted is not None and interrupted.kind == "rights lost"
    # Whoever leaves cannot look at what became of it.
    token = tenant.token if by == "owner" and not leaving else tenant.member(by)
    staged = Staged(
        type=offered.type,
        interruption=interrupted,
        graph_raises=graph_raises,
        happen=lambda run_id: _happen(tenant, interrupted, run_id),
    )
    assert tenant.atlas.stage is not None, "the installation was not made with `staged=True`"
    tenant.atlas.stage.set(tenant.tenant, staged)
    variables = arguments(offered, given, tenant, key=key)
    answer = tenant.ask(start_document(offered.mutation), token, input=variables)
    if refusal := _refusal(answer, offered.mutation):
        return Outcome(outcome=REFUSED, failure=refusal)
    run_id = answer["data"][offered.mutation]["run"]["id"]
    tenant.wait(run_id, within=within)
    if interrupted is not None and not staged.happened:
        raise AssertionError(f"the run ended before its item {interrupted.after}: it was never interrupted")
    return outcome_of(tenant, run_id)


def _offered(tenant: Place, operation: Operation[Any] | str) -> Operation[Any]:
    type_ = operation if isinstance(operation, str) else operation.type
    operations = tenant.atlas.plugins.operations
    if type_ not in operations:
        raise AssertionError(f"no loaded plugin offers {type_}; there are {', '.join(operations)}")
    return operations[type_]


def arguments(operation: Operation[Any], given: Any, tenant: Place, *, key: str | None) -> dict[str, Any]:
    """An operation's input as GraphQL takes it, with what the host adds."""
    variables = dict(given) if isinstance(given, Mapping) else as_graphql(given)
    if operation.target.is_new:
        variables.setdefault("tenantId", tenant.tenant_id)
    if key is not None or operation.writes:
        variables.setdefault("idempotencyKey", key or secrets.token_hex(8))
    return variables


def as_graphql(given: Any) -> dict[str, Any]:
    """An input's fields as GraphQL takes them; nothing for None."""
    if given is None:
        return {}
    refs = references(type(given))
    return {
        to_camel_case(field.name): _value(plain, refs.get(field.name))
        for field in dataclasses.fields(given)
        if (plain := getattr(given, field.name)) is not None
    }


def _value(plain: Any, ref: Ref | None) -> Any:
    if isinstance(plain, UUID) and ref is not None:
        return ids.encode(ref.kind, plain)
    if isinstance(plain, StrEnum):
        return plain.name
    if dataclasses.is_dataclass(plain):
        return as_graphql(plain)
    if isinstance(plain, list | tuple):
        return [_value(one, ref) for one in plain]
    return plain


def _refusal(answer: Mapping[str, Any], mutation: str) -> Failure | None:
    if answer.get("errors"):
        error = answer["errors"][0]
        return Failure(code=error["extensions"]["code"], message=error["message"])
    result = answer["data"][mutation]
    if result["__typename"] == "StartRunPayload":
        return None
    return Failure(code=result["code"], message=result["message"])


def _happen(tenant: Place, interruption: Interruption | None, run_id: UUID) -> None:
    kind = interruption.kind if interruption else None
    if kind == "cancelled":
        tenant.ask(CANCEL, id=ids.encode("OperationRun", run_id))
    elif kind == "rights lost":
        tenant.atlas.call(lambda tx: _leave(tx, tenant.workspace, run_id))


async def _leave(tx: Transaction, workspace: UUID, run_id: UUID) -> None:
    """Whoever started the run is no member any more."""
    initiator = select(runs.c.initiator_id).where(runs.c.id == run_id).scalar_subquery()
    for table in (tenant_grants, memberships):
        await tx.execute(delete(table).where(table.c.workspace_id == workspace, table.c.user_id == initiator))
