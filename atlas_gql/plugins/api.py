"""The plugin API: all that a plugin needs, in one file to read.

The shortest whole plugin - a module named by an entry point of the group `atlas_gql`:

    from dataclasses import dataclass
    from atlas_gql.plugins import Operation, RunContext, contract_of, hookimpl, new

    @dataclass(frozen=True, kw_only=True)
    class CountInput:
        policy_type: str = "deviceConfigurations"

    async def count(ctx: RunContext, given: CountInput) -> None:
        async for policy in ctx.graph.policies(contract_of(given.policy_type)):
            await ctx.succeeded(policy.id, policy.name)

    @hookimpl
    def atlas_operations():
        return [
            Operation(
                type="example.count", mutation="exampleCount", label="Count policies",
                description="Counts the policies of a kind.", input=CountInput, target=new(),
                capability="policies.view", handler=count,
            )
        ]

The host wraps every operation: it becomes a typed mutation, its executions become runs, its failures
are classified and cleaned, its rights are checked at the start and again when a worker claims the run.
A handler may be called again for the same run after a worker was lost: `ctx.done()` tells which items
are final. It never sees a database session, the queue, or another tenant's data.
"""

from __future__ import annotations

import builtins
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeAlias, TypeVar
from uuid import UUID

import pluggy

from atlas_gql.errors import DomainError, OperationFailure
from atlas_gql.graph.client import GraphClient
from atlas_gql.graph.contract import PolicyContract
from atlas_gql.graph.model import Assignment, Policy
from atlas_gql.plugins.verification import Provider

PROJECT = "atlas_gql"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a plugin's implementation of a hook."""

Input = TypeVar("Input")
Result = TypeVar("Result")
Thing = TypeVar("Thing")
Step: TypeAlias = "Callable[[Start, Any], Awaitable[None]]"
"""A step of a start: it is given what the start offers, and the typed input."""


@hookspec
def atlas_operations() -> Iterable[Operation[Any]]:
    """Return the operations that this plugin offers.

    Called once in each process (web, worker, commands) when it loads its plugins.

    .. versionadded:: 0.1
    """
    raise NotImplementedError  # pluggy calls implementations, never the specification


@hookspec
def atlas_policy_types() -> Iterable[PolicyContract]:
    """Return the kinds of policy that this plugin adds to those that Atlas knows.

    Called once in each process (web, worker, commands) when it loads its plugins. What is added is backed
    up, planned and restored like any other kind.

    .. versionadded:: 0.1
    """
    raise NotImplementedError  # pluggy calls implementations, never the specification


@hookspec
def atlas_capabilities() -> Iterable[Capability]:
    """Return the capabilities that this plugin adds to those that roles have.

    Called once in each process (web, worker, commands) when it loads its plugins. The plugin's operations,
    and the `Ref`s in their inputs, may ask for them.

    .. versionadded:: 0.1
    """
    raise NotImplementedError  # pluggy calls implementations, never the specification


@dataclass(frozen=True, kw_only=True)
class Capability:
    """Something that may be allowed: `name` is `<plugin>.<verb>`, as `viewerCapabilities` shows it.

    `least` is the least of the roles that hold it: `readonly`, `operator`, `manager` or `owner`; the greater
    ones hold it, too.

    .. versionadded:: 0.1
    """

    name: str
    description: str
    least: str


# --- What an operation is -----------------------------------------------------------------------


@dataclass(frozen=True)
class Doc:
    """A GraphQL description for an input field: `name: Annotated[str, Doc("What it is.")]`.

    .. versionadded:: 0.1
    """

    text: str


@dataclass(frozen=True)
class Ref:
    """Says that an input field is the id of a thing: `Annotated[UUID, Ref("BackupSet", "backups.view")]`.

    In GraphQL the field is an `ID`. The host decodes it and checks, before the operation sees it, that
    the thing exists in the tenant's workspace and that the caller holds `capability` on its tenant.

    .. versionadded:: 0.1
    """

    kind: str
    capability: str


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a run works on; made by `existing` or `new`.

    .. versionadded:: 0.1
    """

    kind: str | None
    field: str | None
    check: Step | None
    create: Step | None
    whole: bool = False

    @property
    def is_new(self) -> bool:
        return self.field is None


def existing(kind: str, *, field: str, check: Step | None = None, create: Step | None = None) -> Target:
    """A thing that is there, named by the input's `field` (which carries a `Ref`).

    `check` and `create` run in the start's transaction. `check` runs at every start and raises a
    DomainError to refuse it; `create` runs only when the run is new.

    .. versionadded:: 0.1
    """
    return Target(kind=kind, field=field, check=check, create=create)


def new(
    kind: str | None = None,
    *,
    check: Step | None = None,
    create: Step | None = None,
    whole: bool = False,
) -> Target:
    """A thing that the start makes, or none at all: the run's identity is then the hash of its input.

    `check` and `create` are as for `existing`. A retry goes on with the thing that the first run made, and
    `create` is not called again; unless half of it is of no use (`whole`): then a retry makes another one,
    from the beginning.

    .. versionadded:: 0.1
    """
    return Target(kind=kind, field=None, check=check, create=create, whole=whole)


@dataclass(frozen=True, kw_only=True)
class Operation(Generic[Input]):
    """A kind of work, as data. The host makes everything else from it.

    .. versionadded:: 0.1
    """

    type: str
    """`plugin.verb`, unique: stored with every run, so never change it."""
    mutation: str
    """The GraphQL mutation's name, in camel case."""
    label: str
    description: str
    input: builtins.type[Input]
    """A frozen dataclass; the host builds the GraphQL input type from it."""
    target: Target
    capability: str
    handler: Callable[[RunContext, Input], Awaitable[None]]
    errors: tuple[builtins.type[DomainError], ...] = ()
    """Domain errors, beyond the host's own, that `check` or `create` may raise."""
    audit_action: str | None = None
    """Past tense. An operation that writes is audited once, with its run's end (`restore.executed`); any
    other when it starts (`backup.started`)."""
    audit_details: Callable[[Start, Input], Awaitable[Mapping[str, Any]]] | None = None
    """What the audit entry keeps; runs in the start's transaction. The host adds the counts, and an input
    field `reason` becomes the entry's reason."""
    writes: bool = False
    """Whether it changes anything at Microsoft: then an idempotency key is required."""
    confirmed: tuple[str, ...] = ()
    """Text fields of the input that a person must give again to retry a run; what the rest of the input
    says is taken from that run."""
    time_limit: timedelta = timedelta(hours=2)


# --- What an operation is given -------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Run:
    """The run that is being executed."""

    id: UUID
    type: str
    attempt: int
    subject_id: UUID | None
    initiator: str


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """The tenant that the run belongs to."""

    id: UUID
    name: str
    primary_domain: str
    entra_tenant_id: UUID


@dataclass(frozen=True, kw_only=True)
class CapturedPolicy:
    """One policy as a backup keeps it; `key` is its key among the items of the run.

    `assignments` are Graph's own objects, verbatim. `groups` and `filters` say, by id, what is known of
    what the assignments refer to: `{"name", "kind", "rule", "orphaned"}` and `{"name", "platform",
    "rule", "orphaned"}`; `orphaned` is what is gone, and a group that can still be brought back has
    `deletedAt` besides. `error` set means that the assignments are not known. `suspicious` are those of the
    assignments whose settings came back empty, each as the last backup that had its settings gave it.
    """

    policy_type: str
    id: str
    name: str
    platform: str | None = None
    scope_tag_ids: tuple[str, ...] = ()
    assignments: tuple[Mapping[str, Any], ...] = ()
    groups: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    filters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    suspicious: tuple[Mapping[str, Any], ...] = ()
    error: OperationFailure | None = None

    @property
    def key(self) -> str:
        return policy_key(self.policy_type, self.id)


def policy_key(policy_type: str, policy_id: str) -> str:
    """The key of a captured policy among the items of the run that captures it.

    .. versionadded:: 0.1
    """
    return f"{policy_type}/{policy_id}"


class Backups(Protocol):
    """The tenant's backup set that this run captures.

    The last backup of a kind is the newest complete or partial set that was to hold all its policies.
    """

    async def had(self, policy_type: str) -> bool:
        """Whether the last backup of a kind holds policies of it whose assignments are known."""
        ...

    async def last(self, policy_type: str, ids: Collection[str]) -> Mapping[str, CapturedPolicy]:
        """Those of the policies, by id, whose assignments the last backup of their kind holds."""
        ...

    async def save(self, captured: Sequence[CapturedPolicy]) -> None:
        """Keep policies in the set, and count each as an item of the run; one transaction.

        Those already kept, by an earlier attempt or by a run that this one retries, stay as they are.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class SourceItem:
    """A selected policy of the backup, as copied into the restore run when it was started."""

    id: UUID
    position: int
    policy: CapturedPolicy
    assignments_state: str
    """`fetched`, `failed` or `unsupported`; only `fetched` may be restored."""
    left_behind: tuple[str, ...] | None = None
    """In an undo, the fingerprints of what the execution may have left in the tenant; else None."""


@dataclass(frozen=True, kw_only=True)
class PlannedPolicy:
    """What a restore would do to one policy.

    `action` is `write`, `none` (already as wanted) or `blocked` (with reason and public message).
    `changes` has one entry per assignment, `warnings` one per warning; see `docs/plugins.md`.
    """

    item_id: UUID
    action: str
    target_id: str | None = None
    target_name: str | None = None
    matched_by: str | None = None
    blocked: OperationFailure | None = None
    base: tuple[Mapping[str, Any], ...] | None = None
    """The live assignments that the plan was made from, verbatim."""
    base_hash: str | None = None
    desired: tuple[Mapping[str, Any], ...] | None = None
    """The whole set that would be written, as bodies for Graph."""
    changes: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class PlannedWrite:
    """One policy of a finished plan, as execution sees it; `key` is its key among the run's items."""

    item_id: UUID
    policy_type: str
    action: str
    target_id: str
    label: str
    base_hash: str
    desired: tuple[Assignment, ...]
    """What a policy that is to be written is assigned to then; empty for the others."""
    blocked_reason: str | None = None
    blocked_message: str | None = None

    @property
    def key(self) -> str:
        return str(self.item_id)


@dataclass(frozen=True, kw_only=True)
class RestoreOptions:
    """What the caller chose for a restore run, and whether it goes to another tenant."""

    mode: str
    options: Mapping[str, Any]
    same_tenant: bool
    covers: frozenset[str] | None = None
    """The kinds that the backup set was to hold all policies of; None for all kinds."""
    against: bool = False
    """Whether it is compared with a backup set, and not with the tenant as it is."""
    planned: bool = False
    """Whether an earlier attempt closed the plan: it does not change any more."""


class Restores(Protocol):
    """The restore run that this run plans or executes."""

    async def options(self) -> RestoreOptions: ...

    async def source(self) -> list[SourceItem]:
        """The selected policies of the backup, in order of `position`."""
        ...

    async def against(self) -> list[SourceItem]:
        """The policies of the backup set that a comparison compares with."""
        ...

    async def save(self, planned: Sequence[PlannedPolicy]) -> None:
        """Keep plans of policies, and count each as an item of the run; one transaction."""
        ...

    async def complete(
        self,
        *,
        mappings: Sequence[Mapping[str, Any]],
        summary: Mapping[str, Any],
        others: Sequence[Policy] = (),
    ) -> None:
        """Close the plan: its digest and its end of life are set, and it can be executed.

        `others` are policies that are in the tenant and not in the backup: they are listed, never touched.
        """
        ...

    async def plan(self) -> list[PlannedWrite]:
        """The finished plan's policies, in order."""
        ...

    async def apply(self, write: PlannedWrite, *, justification: str | None = None) -> None:
        """Carry out one policy of the plan through the safe assignment write, and count it as an item.

        Nothing is written when the policy is as wanted already, or is no longer as the plan saw it.
        """
        ...

    async def confirm(self, writes: Sequence[PlannedWrite]) -> None:
        """See that policies for which the plan had nothing to write are still so; count each as an item.

        Twenty of one kind share a call.
        """
        ...


class Start(Protocol):
    """What a target's `check` and `create` may use, inside the start's transaction."""

    tenant: Tenant
    subject_id: UUID

    async def new_backup_set(self, *, policy_types: Sequence[str], policies: Sequence[str] = ()) -> None:
        """Make the backup set `subject_id`, to be filled by the run.

        With all policies of these kinds, and with single ones named by their keys; without either, with
        the whole tenant.
        """
        ...

    async def new_restore_run(
        self,
        *,
        backup_set_id: UUID,
        mode: str,
        policy_types: Sequence[str] = (),
        policy_ids: Sequence[str] = (),
        options: Mapping[str, Any] | None = None,
        purpose: str = "restore",
        against_set_id: UUID | None = None,
    ) -> None:
        """Make the restore run `subject_id` and copy the selected backup items into it.

        `purpose` is `restore`, or `compare` for one that is never executed; that one may be compared with
        another set of the tenant. Raises ValidationError for a set still being captured, and for a selection
        that is empty or names a policy that the backup does not hold.
        """
        ...

    async def new_undo(
        self, *, run_id: UUID, mode: str, policy_ids: Sequence[str] = (), options: Mapping[str, Any]
    ) -> None:
        """Make the restore run `subject_id` from the state before an execution, for all that it wrote or
        for chosen policies.

        Raises ValidationError for a run that is no ended execution of the tenant, or that wrote none of them.
        """
        ...

    async def mentioned(self) -> Mentioned:
        """What the policies name that were copied into the new restore run."""
        ...

    async def restore_plan(self) -> RestorePlan:
        """The plan of the restore run that the input names."""
        ...

    async def before_restore(self) -> None:
        """Make the backup set that keeps the state before this execution (`origin: before_restore`)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Mentioned:
    """Groups and filters, by their ids in lower case."""

    groups: frozenset[str]
    filters: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class RestorePlan:
    """A restore run's plan as the start of an execution checks it."""

    state: str
    purpose: str
    """`restore`, `undo`, or `compare`, which is never executed."""
    executed: bool
    """Whether it was executed before, and this is not the retry of that."""
    digest: str | None
    expires_at: datetime | None
    expired: bool
    source_tenant_id: UUID
    backup_set_id: UUID | None
    """None once the set is deleted."""
    writes: int
    fetched: bool
    """Whether anything in it is not blocked."""
    warnings: tuple[Mapping[str, Any], ...]
    """Every warning of the plan: `{"id", "code", "policy", "message"}`."""


class RunContext(Protocol):
    """What a handler works with: the run, its tenant, and everything bound to them.

    .. versionadded:: 0.1
    """

    @property
    def run(self) -> Run: ...

    @property
    def tenant(self) -> Tenant: ...

    @property
    def graph(self) -> GraphClient:
        """Microsoft Graph for this tenant. Writing assignments through it is refused: use `restores`."""
        ...

    @property
    def backups(self) -> Backups: ...

    @property
    def restores(self) -> Restores: ...

    @property
    def provider(self) -> Provider:
        """How Atlas reaches this tenant, to verify it."""
        ...

    @property
    def again(self) -> frozenset[str] | None:
        """In a retry, the keys of the items that are left, where all of them are known; else None.

        They are known when the run that is retried came to its end and some of its items failed. Whoever
        goes by `done()` alone does the right thing too; this spares looking for what else there may be.
        """
        ...

    async def total(self, count: int) -> None:
        """Say how many items there are, before the first of them ends; may grow, never shrinks."""
        ...

    async def succeeded(self, key: str, label: str = "", *, result: str | None = None) -> None:
        """Record that the item `key` ended well. An item that is final already stays as it is."""
        ...

    async def failed(self, key: str, label: str, error: BaseException) -> None:
        """Record that the item `key` failed; the run goes on and ends partially succeeded, or failed."""
        ...

    async def skipped(self, key: str, label: str, error: OperationFailure) -> None:
        """Record that the item `key` was left out on purpose, and why; it is not part of `total`."""
        ...

    async def done(self) -> frozenset[str]:
        """The keys of the items that need not be done: final in this run, in this or an earlier attempt,
        and those that a run which this one retries did, left out, or found to need a new plan."""
        ...

    async def check(self) -> None:
        """Let a cancellation or a lost lease take effect here. Call it between items."""
        ...

    async def each(
        self, things: Iterable[Thing], work: Callable[[Thing], Awaitable[None]], *, at_once: int
    ) -> None:
        """Do `work` on each thing, some at once. After an error what is under way is still completed,
        nothing new is begun, and the error is raised.
        """
        ...

    async def in_thread(self, function: Callable[..., Result], *args: Any) -> Result:
        """Run blocking code without stopping other runs; gives what it returns."""
        ...

    def log(self, event: str, **values: Any) -> None:
        """Write one line to the log, with the run's ids; secrets are taken out."""
        ...
