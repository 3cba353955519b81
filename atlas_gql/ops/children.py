"""Runs that another run starts, and waits for.

The process that carries a run carries what it started as well, in the same slot: whoever waits keeps nobody
from working whom it waits for, however few slots and places there are. Where another process has taken such
a run up, its end is awaited.
"""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields
from typing import Any, TypeVar
from uuid import UUID

import orjson
import psycopg
import structlog
from pydantic import ValidationError
from sqlalchemy import LargeBinary, bindparam, select, text

from atlas_gql.db.database import Database
from atlas_gql.db.tables import operation_runs as runs
from atlas_gql.errors import DomainError, NotFound, OperationFailure, RunConflict
from atlas_gql.ops.inputs import adapter, dump
from atlas_gql.ops.items import stop_if_cancelled
from atlas_gql.ops.leases import Claim
from atlas_gql.ops.rights import check_start
from atlas_gql.ops.start import Attempt, Parent
from atlas_gql.plugins.api import EndedRun, Operation
from atlas_gql.reasons import ReasonCode

log = structlog.get_logger("atlas.runs")

Given = TypeVar("Given")
LONGEST_CHAIN = 5
"""Runs of which each started the next."""
LOOK_EVERY = 0.5
"""Seconds between two looks at the waiting run's claim."""
LOOKS = 3
"""After so many of them, a look at a run that is not carried here."""
NO_TEXT = "its input holds what no text can hold"

_BEFORE = select(runs.c.id).where(
    runs.c.parent_run_id == bindparam("parent"),
    runs.c.type == bindparam("of_type"),
    runs.c.input_hash == bindparam("hash", type_=LargeBinary),
)
_CHAIN = text(
    """
    WITH RECURSIVE up AS (
        SELECT parent_run_id FROM operation_runs WHERE id = :run_id
        UNION ALL
        SELECT run.parent_run_id FROM operation_runs AS run JOIN up ON run.id = up.parent_run_id
    )
    SELECT count(*) AS length FROM up
    """
)
_CHILD = select(
    runs.c.id, runs.c.status, runs.c.outcome, runs.c.result, runs.c.failure_reason, runs.c.failure_message
).where(runs.c.id == bindparam("run_id"))


class Children:
    """What one attempt of a run starts; `carry` carries a run in this process if nobody else does."""

    def __init__(
        self,
        database: Database,
        claim: Claim,
        operations: Mapping[str, Operation[Any]],
        carry: Callable[[UUID], Awaitable[None]],
    ) -> None:
        self._database = database
        self._claim = claim
        self._operations = operations
        self._carry = carry
        self._parent = Parent(
            run_id=claim.run_id, attempt=claim.attempt, initiator_kind=claim.row.initiator_kind
        )
        self._under_way: set[asyncio.Task[None]] = set()

    async def start(
        self, type: str, given: Mapping[str, Any] | None = None, *, result: builtins.type[Given]
    ) -> EndedRun[Given]:
        """As `RunContext.start`."""
        operation = self._operation(type)
        value = _read(operation, given or {})
        stop_if_cancelled(self._claim)
        known = await self._database.scope(self._claim.scope).one(
            _BEFORE, parent=self._claim.run_id, of_type=type, hash=self._parent.hash(dump(value))
        )
        row = await self._ended(known.id if known else await self._started(operation, value))
        return EndedRun(
            id=row.id,
            outcome=row.outcome,
            result=None if row.result is None else _as(result, row.result, type),
            failure_reason=ReasonCode(row.failure_reason) if row.failure_reason else None,
            failure_message=row.failure_message,
        )

    async def settled(self) -> None:
        """Come back when nothing that was started is carried here any more."""
        stopped = False
        while self._under_way:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                for each in self._under_way:
                    each.cancel()
            try:
                await asyncio.wait(self._under_way)
            except asyncio.CancelledError:
                stopped = True
        if stopped:
            raise asyncio.CancelledError

    def _operation(self, type_: str) -> Operation[Any]:
        operation = self._operations.get(type_)
        if operation is None:
            raise _refused(type_, "no installed plugin offers it", ReasonCode.UNKNOWN_OPERATION)
        if operation.writes:
            raise _refused(type_, "what writes to Microsoft is started by people", ReasonCode.UNSUPPORTED)
        if self._claim.row.internal:
            raise _refused(type_, "what follows from a run starts nothing", ReasonCode.UNSUPPORTED)
        return operation

    async def _started(self, operation: Operation[Any], value: Any) -> UUID:
        """A new run; or that of an attempt that went on without this one having noticed yet."""
        claim, type_ = self._claim, operation.type
        chain = await self._database.scope(claim.scope).one(_CHAIN, run_id=claim.run_id)
        if chain is None or chain.length >= LONGEST_CHAIN:
            raise _refused(type_, f"at most {LONGEST_CHAIN} runs start each other", ReasonCode.UNSUPPORTED)
        actor = await check_start(self._database, claim, operation, value)
        try:
            async with self._database.scope(actor.scope).begin() as tx:
                started = await Attempt(
                    tx,
                    actor,
                    operation,
                    claim.tenant_id,
                    claim.workspace_id,
                    value,
                    # One for each input: its hash is kept with the key.
                    f"{type_}:{self._parent.hash(dump(value)).hex()}",
                    claim.row.request_id,
                    parent=self._parent,
                ).run()
        except RunConflict as exc:
            raise _refused(type_, "another run works on the same", ReasonCode.CONFLICT) from exc
        except psycopg.DataError as exc:
            raise _refused(type_, NO_TEXT, ReasonCode.INVALID_REQUEST) from exc
        except (DomainError, NotFound) as exc:
            raise _refused(type_, exc.message, ReasonCode.INVALID_REQUEST) from exc
        if not started.deduplicated:
            # Nobody is rung for it: it is carried here, or found in the queue by the dispatcher.
            log.info(
                "run accepted",
                run=str(started.run_id),
                operation=type_,
                tenant=str(claim.tenant_id),
                request=claim.row.request_id,
                started_by=str(claim.run_id),
            )
        return started.run_id

    async def _ended(self, run_id: UUID) -> Any:
        """The run's row, once it has ended. Raises what stops the run that waits."""
        while True:
            carrying = asyncio.create_task(self._carried(run_id), name=f"child {run_id}")
            self._under_way.add(carrying)
            carrying.add_done_callback(self._under_way.discard)
            while not carrying.done():
                await asyncio.wait({carrying}, timeout=LOOK_EVERY)
                stop_if_cancelled(self._claim)
            row = await self._database.scope(self._claim.scope).one(_CHILD, run_id=run_id)
            assert row is not None  # it stays for as long as this one
            if row.status == "completed":
                return row
            # Another process has it, or it waits for Microsoft.
            for _ in range(LOOKS):
                await asyncio.sleep(LOOK_EVERY)
                stop_if_cancelled(self._claim)

    async def _carried(self, run_id: UUID) -> None:
        try:
            await self._carry(run_id)
        except Exception as exc:
            # Its row still says that it is queued or leased.
            log.exception("run could not be carried", run=str(run_id), exc_info=exc)


def _read(operation: Operation[Any], given: Mapping[str, Any]) -> Any:
    """An operation's input. Raises OperationFailure naming the fields that do not fit."""
    wrong = given.keys() - {field.name for field in fields(operation.input)}
    try:
        value = adapter(operation.input).validate_python(dict(given))
        orjson.dumps(dump(value))
    except ValidationError as exc:
        # Its text quotes the input.
        wrong |= {str(error["loc"][0]) for error in exc.errors() if error["loc"]}
        raise _refused(operation.type, _misfits(wrong), ReasonCode.INVALID_REQUEST) from None
    except DomainError as exc:
        raise _refused(operation.type, exc.message, ReasonCode.INVALID_REQUEST) from exc
    except TypeError as exc:
        raise _refused(operation.type, NO_TEXT, ReasonCode.INVALID_REQUEST) from exc
    if wrong:
        raise _refused(operation.type, _misfits(wrong), ReasonCode.INVALID_REQUEST)
    return value


def _misfits(names: set[str]) -> str:
    return f"its input does not fit: {', '.join(sorted(names)) or 'the whole of it'}"


def _as(of: type[Given], stored: Any, type_: str) -> Given:
    try:
        value: Given = adapter(of).validate_python(stored)
    except (ValidationError, DomainError) as exc:
        raise OperationFailure(
            f"What {type_} returned could not be read.",
            reason=ReasonCode.UNSUPPORTED,
            code="result_unreadable",
        ) from exc
    return value


def _refused(type_: str, why: str, reason: ReasonCode) -> OperationFailure:
    said = f"{type_} cannot be started: {why.removesuffix('.')}."
    return OperationFailure(said, reason=reason, code="start_refused")
