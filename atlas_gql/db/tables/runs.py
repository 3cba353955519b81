"""Operation runs, their items, and the keys that make a retried start the same start.

The run row is the record and its own outbox: `dispatch_after` says when a queued run is due to be rung
again. `attempt` is the fence: every write of a worker names the attempt it claimed.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from atlas_gql.db.tables.metadata import (
    TransactionId,
    created_at,
    instant,
    json,
    metadata,
    newest,
    one_of,
    parent,
    primary_key,
    required,
    tenant_columns,
)
from atlas_gql.reasons import NO_ENTRY

NO_ENTRY_ENDED = (
    "status = 'completed' AND failure_reason IN ("
    + ", ".join(f"'{reason.value}'" for reason in NO_ENTRY)
    + ")"
)
"""The condition of a run that ended because it did not get into its tenant, as its index has it."""

ENDED = "coalesce(finished_at, '9999-12-31 00:00:00+00'::timestamptz)"
"""When a run ended, as its index has it; one that has not ends after all others."""


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=text("0"))


operation_runs = Table(
    "operation_runs",
    metadata,
    primary_key(),
    *tenant_columns(),
    required("type"),
    # What the run works on, for deduplication: an id, or the hash of the input that makes a new thing.
    required("target"),
    Column("subject_kind", Text),
    Column("subject_id", Uuid),
    json("input", "{}"),
    Column("input_hash", LargeBinary, nullable=False),
    Column("writes", Boolean, nullable=False),
    Column("retry_of", Uuid),
    # The run that started it and waits for it, and the schedule that did.
    Column("parent_run_id", Uuid),
    Column("schedule_id", Uuid),
    # Work that follows from another run's end: hidden unless it is asked for, and nothing follows from it.
    Column("internal", Boolean, nullable=False, server_default=text("false")),
    Column("status", Text, nullable=False, server_default=text("'queued'")),
    Column("outcome", Text, nullable=False, server_default=text("'pending'")),
    Column("total", Integer),
    _count("processed"),
    _count("failed"),
    _count("skipped"),
    Column("failure_code", Text),
    Column("failure_reason", Text),
    Column("failure_detail", Text),
    Column("failure_message", Text),
    json("result"),
    # Who started it. A run outlives its initiator's account, so no foreign key.
    required("initiator_kind"),
    Column("initiator_id", Uuid),
    required("initiator_name"),
    Column("token_id", Uuid),
    Column("request_id", Text),
    # Why, in the initiator's words, and what the audit entry at the run's end says; kept here because the
    # entry must be written also when the operation's plugin is gone.
    Column("reason", Text),
    json("audit"),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("crashes", Integer, nullable=False, server_default=text("0")),
    # Whether the attempt had its worker process to itself: only then is a crash held against the run.
    Column("alone", Boolean, nullable=False, server_default=text("false")),
    Column("worker", Text),
    instant("lease_until"),
    # When a queued run is due to be rung again, and before when it must not be claimed.
    instant("dispatch_after"),
    instant("not_before"),
    Column("dispatches", Integer, nullable=False, server_default=text("0")),
    instant("cancel_requested_at"),
    _count("dedupe_hits"),
    created_at(),
    instant("started_at"),
    instant("finished_at"),
    # The transactions that last changed what is seen of it, and that ended it: set by a trigger, which also
    # notifies. The first is not indexed (HOT), the second is set once.
    Column("changed_in", TransactionId),
    Column("ended_in", TransactionId),
    UniqueConstraint("id", "tenant_id", "workspace_id"),
    parent("retry_of", "operation_runs"),
    parent("parent_run_id", "operation_runs"),
    ForeignKeyConstraint(["schedule_id", "workspace_id"], ["schedules.id", "schedules.workspace_id"]),
    one_of("status", ("queued", "running", "completed")),
    one_of("outcome", ("pending", "succeeded", "partially_succeeded", "failed", "cancelled")),
    CheckConstraint("(status = 'completed') = (outcome <> 'pending')", name="outcome_when_completed"),
    CheckConstraint("(status = 'completed') = (finished_at IS NOT NULL)", name="finished_when_completed"),
    CheckConstraint("(status = 'running') = (lease_until IS NOT NULL)", name="lease_while_running"),
    CheckConstraint("(status = 'queued') = (dispatch_after IS NOT NULL)", name="dispatch_while_queued"),
    CheckConstraint(
        "processed >= 0 AND failed >= 0 AND skipped >= 0 AND (processed + failed = 0"
        " OR total IS NOT NULL AND processed + failed <= total)",
        name="counters",
    ),
    CheckConstraint("attempt >= 0 AND crashes >= 0", name="attempt"),
    # A literal predicate: ON CONFLICT can infer it also in a generic plan.
    Index(
        "uq_operation_runs_active",
        "tenant_id",
        "type",
        "target",
        unique=True,
        postgresql_where=text("status <> 'completed'"),
    ),
    Index(
        "ix_operation_runs_unfinished", "status", "dispatch_after",
        postgresql_where=text("status <> 'completed'"),
    ),
    # With what row-level security asks for, so that counting does not go to the rows.
    Index(
        None, "tenant_id", text("created_at DESC"), text("id DESC"),
        postgresql_include=["workspace_id", "internal"],
    ),
    Index(None, "tenant_id", "status", text("created_at DESC"), text("id DESC")),
    Index(None, "tenant_id", "type", text("created_at DESC"), text("id DESC")),
    Index(None, "tenant_id", "outcome", text("created_at DESC"), text("id DESC")),
    newest("tenant_id", "request_id", partly=True),
    newest("tenant_id", "failure_reason", partly=True),
    newest("tenant_id", "initiator_id", partly=True),
    Index("ix_operation_runs_tenant_id_ended", "tenant_id", text(f"{ENDED} DESC"), text("id DESC")),
    Index("ix_operation_runs_workspace_id_ended", "workspace_id", text(f"{ENDED} DESC"), text("id DESC")),
    Index(
        None, "workspace_id", text("created_at DESC"), text("id DESC"),
        postgresql_include=["tenant_id", "internal"],
    ),
    *(
        Index(
            f"ix_operation_runs_{owner}_{name}", owner, text(f"{by} DESC"), text("id DESC"),
            postgresql_where=text("internal"),
        )
        for owner in ("tenant_id", "workspace_id")
        for name, by in (("internal", "created_at"), ("internal_ended", ENDED))
    ),
    Index(None, "workspace_id", "ended_in", postgresql_where=text("ended_in IS NOT NULL")),
    Index(None, "tenant_id", "subject_id", text("created_at DESC"), text("id DESC")),
    Index(None, "retry_of", text("created_at DESC"), postgresql_where=text("retry_of IS NOT NULL")),
    Index(
        None, "parent_run_id", text("created_at DESC"), text("id DESC"),
        postgresql_where=text("parent_run_id IS NOT NULL"),
    ),
    Index(
        None, "schedule_id", text("created_at DESC"), text("id DESC"),
        postgresql_where=text("schedule_id IS NOT NULL"),
    ),
    # Whether something was written to a tenant meanwhile: few runs write.
    Index("ix_operation_runs_writing", "tenant_id", "finished_at", postgresql_where=text("writes")),
    # When Atlas last failed to get into a tenant: how its provider stands, for every tenant of a list.
    Index(
        "ix_operation_runs_no_entry", "tenant_id", text("finished_at DESC"),
        postgresql_where=text(NO_ENTRY_ENDED),
    ),
    # Room on each page: lease, counters and progress are updated often and are not indexed (HOT).
    postgresql_with={"fillfactor": "70"},
)  # fmt: skip

run_items = Table(
    "run_items",
    metadata,
    primary_key(),
    *tenant_columns(),
    Column("run_id", Uuid, nullable=False),
    # What the item is about, unique in the run: a repeated delivery cannot count it twice.
    required("key"),
    required("label"),
    required("state"),
    # What was done, in the operation's words: applied, unchanged, stale, ...
    Column("result", Text),
    Column("code", Text),
    Column("reason", Text),
    Column("detail", Text),
    Column("message", Text),
    Column("graph_request_id", Text),
    json("data"),
    Column("attempt", Integer, nullable=False),
    created_at(),
    instant("finished_at"),
    UniqueConstraint("run_id", "key"),
    parent("run_id", "operation_runs", ondelete="CASCADE"),
    one_of("state", ("intent", "succeeded", "failed", "skipped")),
    CheckConstraint("(state = 'intent') = (finished_at IS NULL)", name="finished_when_final"),
    Index(None, "run_id", "id"),
    Index(None, "run_id", "state", "id"),
    # Requests for approval that a later restore may find approved: few.
    Index(
        "ix_run_items_approvals",
        "tenant_id",
        "finished_at",
        postgresql_where=text("reason = 'APPROVAL_REQUIRED'"),
    ),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    *tenant_columns(),
    required("mutation"),
    required("key"),
    Column("input_hash", LargeBinary, nullable=False),
    Column("run_id", Uuid, nullable=False),
    created_at(),
    PrimaryKeyConstraint("tenant_id", "mutation", "key"),
    # Written before the run it names, in one transaction: checked at its end.
    ForeignKeyConstraint(
        ["run_id", "tenant_id", "workspace_id"],
        ["operation_runs.id", "operation_runs.tenant_id", "operation_runs.workspace_id"],
        ondelete="CASCADE",
        deferrable=True,
        initially="DEFERRED",
    ),
    Index(None, "run_id"),
)

run_log = Table(
    "run_log",
    metadata,
    primary_key(),
    *tenant_columns(),
    Column("run_id", Uuid, nullable=False),
    Column("attempt", Integer, nullable=False),
    # What the handler logged, without secrets: an event, and values that go with it.
    required("event"),
    json("data", "{}"),
    created_at(),
    parent("run_id", "operation_runs", ondelete="CASCADE"),
    Index(None, "run_id", "id"),
)

run_ends = Table(
    "run_ends",
    metadata,
    *tenant_columns(),
    Column("run_id", Uuid, nullable=False),
    created_at(),
    PrimaryKeyConstraint("run_id"),
    parent("run_id", "operation_runs", ondelete="CASCADE"),
    Index(None, "created_at"),
)
"""Runs whose end the listeners have not heard of: an outbox, written with the end, emptied by workers."""
