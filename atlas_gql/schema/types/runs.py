"""Operation runs: every execution of an operation, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import strawberry
from strawberry.scalars import JSON
from strawberry.utils.str_converters import to_camel_case

from atlas_gql.access.capabilities import Capability
from atlas_gql.errors import BadUserInput
from atlas_gql.reasons import ReasonCode
from atlas_gql.schema import lists
from atlas_gql.schema.connections import After, Connection, First, check_first
from atlas_gql.schema.context import Info
from atlas_gql.schema.enums import OperationRunOrderField, OrderDirection, RunItemState, RunOutcome, RunStatus
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.filters import given
from atlas_gql.schema.live.moments import MOMENT, cursor_of
from atlas_gql.schema.lookahead import attributes, selected
from atlas_gql.schema.maps import KINDS, OPERATION_RUN, RUN_ITEM, SUBJECTS
from atlas_gql.schema.pages import Extra
from atlas_gql.schema.permissions import HasCapability, MaySeeResult, ReachesTenant, linked, looked_up
from atlas_gql.schema.rows import ALWAYS, Identity
from atlas_gql.schema.types.actors import Actor
from atlas_gql.schema.types.audit import AuditEntry
from atlas_gql.schema.types.nodes import Node
from atlas_gql.schema.types.results import OperationResult, result_of
from atlas_gql.schema.types.run_filters import OperationRunFilter
from atlas_gql.schema.types.verification import ProviderVerification, verification

if TYPE_CHECKING:
    from atlas_gql.schema.types.schedules import Schedule
    from atlas_gql.schema.types.tenants import Tenant


@strawberry.type(description="How far a run is. `processed` and `failed` add up to `total` at the end.")
class RunCounters:
    total: int | None = strawberry.field(description="How many items there are; null until that is known.")
    processed: int = strawberry.field(description="How many succeeded.")
    failed: int = strawberry.field(description="How many failed.")
    skipped: int = strawberry.field(description="How many were left out on purpose; not part of `total`.")


@strawberry.type(description="Why a run, or an item of it, failed.")
class Failure:
    code: str = strawberry.field(description="The operation's own code: `assignments.restore.item_failed`.")
    reason_code: ReasonCode | None = strawberry.field(description="The normalised cause.")
    reason_detail: str | None = strawberry.field(description="The operation's own word on the cause.")
    message: str | None = strawberry.field(description="What happened, for people.")
    request_id: str | None = strawberry.field(description="Microsoft's id of the request that failed.")
    item: RunItem | None = strawberry.field(description="The item that failed; null for the run itself.")


def _failure_of_item(row: Any) -> Failure | None:
    if row.code is None:
        return None
    return Failure(
        code=row.code,
        reason_code=row.reason,
        reason_detail=row.detail,
        message=row.message,
        request_id=row.graph_request_id,
        item=row,
    )


@strawberry.type(description="One item of a run: a policy captured, planned or written.")
class RunItem(Node):
    key: str = strawberry.field(description="What the item is about; unique in its run.")
    label: str = strawberry.field(description="What the item is about, for people.")
    state: RunItemState = strawberry.field(description="Where it stands.")
    result: str | None = strawberry.field(description="What was done, in the operation's words.")
    created_at: datetime = strawberry.field(description="When it was begun.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")

    @resolved("Why it failed or was left out.")
    def failure(self) -> Failure | None:
        return _failure_of_item(self)


@strawberry.input(description="Which items of a run to list; all conditions must hold.")
class RunItemFilter:
    state: list[RunItemState] | None = strawberry.field(description="In one of these states.", default=None)
    reason_code: list[ReasonCode] | None = strawberry.field(
        description="Failed or left out for one of these reasons.", default=None
    )
    result: list[str] | None = strawberry.field(
        description="One of these was done, in the operation's words.", default=None
    )

    def where(self) -> dict[str, Any]:
        return given(state=self.state, reason_code=self.reason_code, result=self.result)


@strawberry.type(description="A line of a run's log.")
class RunLogEntry(Node):
    at: datetime = strawberry.field(description="When it was logged.")
    event: str = strawberry.field(description="What happened, in the operation's words.")
    data: JSON = strawberry.field(description="What goes with it, by name, without secrets.")
    attempt: int = strawberry.field(description="Which attempt of the run logged it, from 1.")


@strawberry.type(description="One execution of an operation.")
class OperationRun(Node):
    type: str = strawberry.field(description="The type of its operation, such as `assignments.fetch`.")
    status: RunStatus = strawberry.field(description="Where it stands.")
    outcome: RunOutcome = strawberry.field(description="How it ended.")
    target: str = strawberry.field(
        description="What it works on, as runs are told apart by: a key, or a hash of the input."
    )
    attempt: int = strawberry.field(description="How often a worker has taken it up.")
    reason: str | None = strawberry.field(description="Why, in the words of whoever started it.")
    request_id: str | None = strawberry.field(description="The id of the request that started it.")
    internal: bool = strawberry.field(
        description="Whether it follows from the end of another run, its `target`: what a plugin does then."
    )
    dedupe_hits: int = strawberry.field(description="How many further starts were given this run.")
    created_at: datetime = strawberry.field(description="When it was accepted.")
    started_at: datetime | None = strawberry.field(description="When a worker first took it up.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")
    cancel_requested_at: datetime | None = strawberry.field(description="When somebody asked it to stop.")
    failure_code: strawberry.Private[str | None]
    failure_reason: strawberry.Private[ReasonCode | None]
    failure_detail: strawberry.Private[str | None]
    failure_message: strawberry.Private[str | None]
    initiator_kind: strawberry.Private[str]
    initiator_name: strawberry.Private[str]
    initiator_uuid: strawberry.Private[str | None]
    subject_kind: strawberry.Private[str | None]
    subject_id: strawberry.Private[Any]
    subject_there: strawberry.Private[bool]
    retry_of_id: strawberry.Private[Any]
    parent_id: strawberry.Private[Any]
    schedule_id: strawberry.Private[Any]
    verified: strawberry.Private[Any]
    returned: strawberry.Private[Any]
    moment: strawberry.Private[str]

    @resolved("How far it is.")
    def counters(self) -> RunCounters:
        return self  # type: ignore[return-value] # the row has the counters' columns

    @resolved("Where the stream of its events goes on from here: give it as `after` to `runEvents`.")
    def event_cursor(self) -> str:
        return cursor_of(self.moment)

    @resolved("Who started it.")
    def initiator(self) -> Actor:
        return Actor(kind=self.initiator_kind, name=self.initiator_name, uuid=self.initiator_uuid)

    @resolved(
        "Why it failed, then why its first items failed, in their order.", HasCapability(Capability.RUNS_VIEW)
    )
    async def failures(
        self,
        info: Info,
        first: Annotated[
            int, strawberry.argument(description="How many failed items to tell of, from 0 to 100.")
        ] = 100,
    ) -> list[Failure] | None:
        check_first(first)
        names = RUN_ITEM.needed([*selected(info, ("item",)), "failure"])
        rows = await lists.RUN_ITEMS.load(
            info.context, (self.uuid,), names, limit=first, where={"state": ("failed",)}
        )
        items = [failure for row in rows if (failure := _failure_of_item(row))]
        if self.failure_code is None:
            return items
        whole = Failure(
            code=self.failure_code,
            reason_code=self.failure_reason,
            reason_detail=self.failure_detail,
            message=self.failure_message,
            request_id=None,
            item=None,
        )
        return [whole, *items]

    @resolved(
        "The thing that it works on.",
        *(HasCapability(KINDS[kind].capability or "", when=("subject_kind", kind)) for kind in SUBJECTS),
    )
    async def subject(self, info: Info) -> Node | None:
        # It may be gone; and what is another tenant's is never shown through this run.
        if self.subject_kind is None or not self.subject_there:
            return None
        rows = KINDS[self.subject_kind]
        if set(attributes(info, rows, [()])) == set(ALWAYS):
            return Identity(  # type: ignore[return-value] # as good as a row for who asks no more
                rows.kind, str(self.subject_id), self.tenant_id, self.workspace_id
            )
        row: Any = await looked_up(info, rows, self.subject_id)
        return row if row is not None and row.tenant_id == self.tenant_id else None

    @resolved(
        "What it found out about the tenant's provider; null for a run that verifies none, or has not yet.",
        HasCapability(Capability.PROVIDERS_VIEW),
    )
    def verification(self) -> ProviderVerification | None:
        return verification(self.verified, self.finished_at)

    @resolved(
        "What it returned; null for a run that has not ended, ended before that, or returns nothing.",
        MaySeeResult(),
    )
    def result(self, info: Info) -> OperationResult | None:
        return result_of(info.context.engine.operations.get(self.type), self.returned)

    @resolved("The tenant it belongs to.", ReachesTenant("tenant_id"))
    async def tenant(
        self, info: Info
    ) -> Annotated[Tenant, strawberry.lazy("atlas_gql.schema.types.tenants")] | None:
        row: Tenant | None = await linked(info, self, "tenant", OPERATION_RUN)
        return row

    @resolved("The run that it repeats for what failed there.", HasCapability(Capability.RUNS_VIEW))
    async def retry_of(self, info: Info) -> OperationRun | None:
        row: OperationRun | None = await linked(info, self, "retryOf", OPERATION_RUN)
        return row if row is not None and row.tenant_id == self.tenant_id else None

    @resolved(
        "The schedule that started it, also when that was deleted since.", HasCapability(Capability.RUNS_VIEW)
    )
    async def schedule(
        self, info: Info
    ) -> Annotated[Schedule, strawberry.lazy("atlas_gql.schema.types.schedules")] | None:
        row: Schedule | None = await linked(info, self, "schedule", OPERATION_RUN)
        return row

    @resolved(
        "The runs that repeat it for what failed here, the newest first.", HasCapability(Capability.RUNS_VIEW)
    )
    async def retries(self, info: Info, first: First = 25, after: After = None) -> RunConnection | None:
        return await lists.RUN_RETRIES.page(
            info, self.tenant_id, self.uuid, first=first, after=after, connection=RunConnection
        )

    @resolved("The run that started it and waits for it, if one did.", HasCapability(Capability.RUNS_VIEW))
    async def parent(self, info: Info) -> OperationRun | None:
        row: OperationRun | None = await linked(info, self, "parent", OPERATION_RUN)
        return row if row is not None and row.tenant_id == self.tenant_id else None

    @resolved("The runs that it started, the newest first.", HasCapability(Capability.RUNS_VIEW))
    async def children(self, info: Info, first: First = 25, after: After = None) -> RunConnection | None:
        return await lists.RUN_CHILDREN.page(
            info, self.tenant_id, self.uuid, first=first, after=after, connection=RunConnection
        )

    @resolved("Its items, in the order they were begun.", HasCapability(Capability.RUNS_VIEW))
    async def items(
        self,
        info: Info,
        first: First = 25,
        after: After = None,
        filter: Annotated[
            RunItemFilter | None, strawberry.argument(description="Which items; all when absent.")
        ] = None,
    ) -> Connection[RunItem] | None:
        where = filter.where() if filter else None
        return await lists.RUN_ITEMS.page(info, self.uuid, first=first, after=after, where=where)

    @resolved(
        "What its operation logged, in order; the last line says so where there was more than is kept.",
        HasCapability(Capability.RUNS_VIEW),
    )
    async def log(self, info: Info, first: First = 25, after: After = None) -> Connection[RunLogEntry] | None:
        return await lists.RUN_LOG.page(info, self.uuid, first=first, after=after)

    @resolved("What it left in the audit trail, the newest first.", HasCapability(Capability.AUDIT_VIEW))
    async def audit_entries(
        self, info: Info, first: First = 25, after: After = None
    ) -> Connection[AuditEntry] | None:
        return await lists.RUN_AUDIT.page(info, self.tenant_id, self.uuid, first=first, after=after)


@strawberry.type(name="OperationRunConnection", description="A page of a list of runs.")
class RunConnection(Connection[OperationRun]):
    # By the statement that reads the page: what it does not see is told later, and nothing is left out.
    EXTRAS: ClassVar[Mapping[str, Extra]] = {
        **Connection.EXTRAS,
        "now": Extra(fields=frozenset({"eventCursor"}), column=MOMENT),
    }

    @resolved("Where the stream of changes goes on from this page: give it as `after` to `runsChanged`.")
    def event_cursor(self) -> str | None:
        return cursor_of(self.extras["now"])


@strawberry.type(description="Something that names a run.")
class WithRun:
    """What mutations answer with: a run, and where it belongs."""

    run_id: strawberry.Private[Any]
    workspace_id: strawberry.Private[Any]
    tenant_id: strawberry.Private[Any]

    @resolved("The run concerned.", HasCapability(Capability.RUNS_VIEW))
    async def run(self, info: Info) -> OperationRun | None:
        row: OperationRun | None = await looked_up(info, OPERATION_RUN, self.run_id)
        return row if row is not None and row.tenant_id == self.tenant_id else None


@strawberry.input(description="How to order runs.")
class OperationRunOrder:
    field: OperationRunOrderField = strawberry.field(description="By what.")
    direction: OrderDirection = strawberry.field(description="Which way.")


RunFilter = Annotated[
    OperationRunFilter | None, strawberry.argument(description="Which runs; all when absent.")
]
RunOrder = Annotated[
    OperationRunOrder | None,
    strawberry.argument(
        name="orderBy",
        description="In which order; the newest first when absent, and the last to end where the filter asks"
        " for when they ended.",
    ),
]


async def page_of_runs(
    info: Info,
    runs: lists.Runs,
    *parent: Any,
    first: int,
    after: str | None,
    where: Mapping[str, Any],
    order: OperationRunOrder | None,
) -> RunConnection:
    """A page of the list of runs that the conditions and the order ask for.

    Raises BadUserInput for an order that cannot go with the conditions.
    """
    listings, where = runs.chosen(where)
    ended = [field for field in ("finished_after", "finished_before") if field in where]
    if order is not None and ended and order.field != OperationRunOrderField.FINISHED_AT:
        field = to_camel_case(ended[0])
        raise BadUserInput(f"`{field}` goes with the order by FINISHED_AT only.", field)
    by_end = bool(ended) or (order is not None and order.field == OperationRunOrderField.FINISHED_AT)
    return await listings[by_end].page(
        info,
        *parent,
        first=first,
        after=after,
        where=where,
        descending=order is None or order.direction == OrderDirection.DESC,
        connection=RunConnection,
    )
