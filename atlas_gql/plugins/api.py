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
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Protocol, TypeAlias, TypeVar
from uuid import UUID

import pluggy

from atlas_gql.errors import DomainError, OperationFailure
from atlas_gql.graph.client import GraphClient
from atlas_gql.graph.contract import PolicyContract
from atlas_gql.plugins.backups import Backups
from atlas_gql.plugins.restores import Mentioned, RestorePlan, Restores
from atlas_gql.reasons import ReasonCode

if TYPE_CHECKING:
    from atlas_gql.plugins.verification import Provider

PROJECT = "atlas_gql"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a plugin's implementation of a hook."""

Input = TypeVar("Input")
Result = TypeVar("Result")
Thing = TypeVar("Thing")
Given = TypeVar("Given")
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


@hookspec
def atlas_reason_details() -> Iterable[ReasonDetail]:
    """Return the words of this plugin's own that say more than `EXTENSION`: what `detail` can be.

    Called once in each process (web, worker, commands) when it loads its plugins.

    .. versionadded:: 0.1
    """
    raise NotImplementedError  # pluggy calls implementations, never the specification


@hookspec
def atlas_settings() -> PluginSettings:
    """Return what can be set of this plugin: for the whole installation, for each tenant, or both.

    Called once in each process (web, worker, commands) when it loads its plugins.

    .. versionadded:: 0.1
    """
    raise NotImplementedError  # pluggy calls implementations, never the specification


@hookspec
def atlas_listeners() -> Iterable[Listener]:
    """Return what this plugin does when a run has ended.

    Called once in each process (web, worker, commands) when it loads its plugins.

    .. versionadded:: 0.1
    """
    raise NotImplementedError  # pluggy calls implementations, never the specification


@dataclass(frozen=True, kw_only=True)
class ReasonDetail:
    """A cause of the plugin's own, shown as `reasonDetail` behind the plugin's name: `<plugin>.<name>`.

    .. versionadded:: 0.1
    """

    name: str
    """In lower case, as an `OperationFailure` has it as its `detail`."""
    description: str


@dataclass(frozen=True, kw_only=True)
class PluginSettings:
    """What can be set of a plugin: a frozen dataclass each, whose fields all have defaults.

    Fields are as those of inputs, or `Secret[str]`; they name no things. The host makes a mutation for each,
    and `await ctx.settings(TheDataclass)` gives what is set. A `__post_init__` that raises a ValidationError
    refuses what does not go together.

    .. versionadded:: 0.1
    """

    installation: builtins.type[Any] | None = None
    """Set on the platform, by whoever runs the installation."""
    tenant: builtins.type[Any] | None = None
    """Set for a tenant, by whoever holds `plugins.configure` there."""


@dataclass(frozen=True, kw_only=True)
class FinishedRun:
    """A run that has ended, as listeners are told of it.

    .. versionadded:: 0.1
    """

    id: UUID
    type: str
    outcome: str
    """`succeeded`, `partially_succeeded`, `failed` or `cancelled`."""
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime
    total: int | None
    processed: int
    failed: int
    skipped: int
    failure_code: str | None
    failure_reason: str | None
    failure_message: str | None
    subject_kind: str | None
    subject_id: UUID | None
    initiator: str


@dataclass(frozen=True, kw_only=True)
class Listener:
    """Work that follows from the end of a run; it cannot delay or fail that run.

    It is carried out as a run of its own, which is hidden unless it is asked for: `handler` is called with
    the context of that run, in the tenant of the one that ended, and by Atlas itself and no user. It never
    writes to Microsoft, starts nothing, and no listener hears of its end. It may be called again, as every
    handler.

    .. versionadded:: 0.1
    """

    type: str
    """`plugin.verb`, unique among all operations and listeners: stored with every run, so never change it."""
    label: str
    description: str
    handler: Callable[[RunContext, FinishedRun], Awaitable[None]]
    types: tuple[str, ...] = ()
    """The operations whose runs it hears of; all when empty."""
    where_set: bool = False
    """Whether it hears only of runs in tenants for which something is set of the plugin."""
    time_limit: timedelta = timedelta(hours=24)


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
    """A GraphQL description for a field of an input or a result: `name: Annotated[str, Doc("What it is.")]`.

    .. versionadded:: 0.1
    """

    text: str


@dataclass(frozen=True)
class Ref:
    """Says what a UUID in an input is the id of: `Annotated[UUID, Ref("BackupSet", "backups.delete")]`.

    In GraphQL it is an `ID`. The host decodes it and checks, before the operation sees it, that the thing
    exists in the tenant's workspace and that the caller holds `capability` on its tenant; None for any
    right there. Where looking at the thing is enough, `Id[BackupSet]` says the same. A field of a result is
    shown as the thing's id; `node` asks for the rights.

    .. versionadded:: 0.1
    """

    kind: str
    capability: str | None = None


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
    """A thing that is there, named by the input's `field` (an `Id`, or a UUID with a `Ref`).

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
    handler: Callable[[RunContext, Input], Awaitable[Any]]
    """The work; what it returns is the run's result."""
    result: builtins.type[Any] | None = None
    """A frozen dataclass: what the handler returns, kept with the run and readable in GraphQL."""
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
    graph_writes: tuple[str, ...] = ()
    """Where `ctx.graph.send` may write, for an operation that `writes`: paths such as
    `/beta/deviceManagement/managedDevices/*/syncDevice`, `*` for one segment. Those of policies and of
    assignments are refused."""
    confirmed: tuple[str, ...] = ()
    """Text fields of the input that a person must give again to retry a run; what the rest of the input
    says is taken from that run."""
    time_limit: timedelta = timedelta(hours=2)


# --- What an operation is given -------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Run:
    """The run that is being executed.

    .. versionadded:: 0.1
    """

    id: UUID
    type: str
    attempt: int
    subject_id: UUID | None
    initiator: str


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """The tenant that the run belongs to.

    .. versionadded:: 0.1
    """

    id: UUID
    name: str
    primary_domain: str
    entra_tenant_id: UUID


class Start(Protocol):
    """What a target's `check` and `create` may use, inside the start's transaction.

    .. versionadded:: 0.1
    """

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
class EndedRun(Generic[Given]):
    """A run that was started by another one, at its end.

    .. versionadded:: 0.1
    """

    id: UUID
    outcome: str
    """`succeeded`, `partially_succeeded`, `failed` or `cancelled`."""
    result: Given | None
    """What it returned; None where it ended before that."""
    failure_reason: ReasonCode | None
    failure_message: str | None


class Documents(Protocol):
    """JSON documents by key, of one plugin and one tenant: what a plugin knows from one run to the next.

    A document is whatever JSON can say, at most 256 KB of it; a key is 1 to 200 printable characters; there
    are at most 1,000. Each call is a transaction of its own, and changes nothing once the run is another
    attempt's. Raises ValueError for what does not fit.

    .. versionadded:: 0.1
    """

    async def get(self, key: str) -> Any:
        """The document; None where there is none."""
        ...

    async def put(self, key: str, body: Any) -> None:
        """Keep a document, in place of what was there."""
        ...

    async def delete(self, key: str) -> None:
        """Forget a document; nothing happens where there is none."""
        ...

    async def all(self, prefix: str = "") -> Mapping[str, Any]:
        """The documents whose keys begin so, by key, in the order of their keys."""
        ...


class RunContext(Protocol):
    """What a handler works with: the run, its tenant, and everything bound to them.

    .. versionadded:: 0.1
    """

    @property
    def run(self) -> Run:
        """The run itself."""
        ...

    @property
    def tenant(self) -> Tenant:
        """The tenant that the run belongs to."""
        ...

    @property
    def graph(self) -> GraphClient:
        """Microsoft Graph for this tenant, to read; `send` writes where the operation's `graph_writes` say.

        Assignments are written through `restores` only.
        """
        ...

    @property
    def backups(self) -> Backups:
        """The tenant's backups, and the set that this run fills."""
        ...

    @property
    def restores(self) -> Restores:
        """The restore run that is this run's target: its plan, and the way to write assignments."""
        ...

    @property
    def provider(self) -> Provider:
        """How Atlas reaches this tenant, to verify it."""
        ...

    async def start(
        self, type: str, given: Mapping[str, Any] | None = None, *, result: builtins.type[Given]
    ) -> EndedRun[Given]:
        """Start another operation in this tenant, for the user whom this run is for, and wait for its end.

        `given` is its input, as the run's own mutation takes it, by Python's names; `result` a dataclass
        that what it returns is read into, field by field. Called again with the same, also by a later
        attempt, it gives the same run. Raises OperationFailure when it cannot be started: it writes to
        Microsoft, the user may not, its input does not fit, or nothing of that type is installed; and when
        what it returned does not fit `result`.

        .. versionadded:: 0.1
        """
        ...

    async def later(self, after: timedelta) -> NoReturn:
        """Give the run back to the queue: the handler is called again after a while, from its beginning.

        A while is 1 second to 24 hours, else ValueError. It is none of the attempts after which a run is
        given up; the operation's time limit goes on.

        .. versionadded:: 0.1
        """
        ...

    @property
    def documents(self) -> Documents:
        """What this plugin keeps for this tenant."""
        ...

    async def settings(self, of: builtins.type[Given]) -> Given:
        """What is set of this plugin: `of` is one of the two dataclasses of its `PluginSettings`.

        As it is now, with the dataclass's defaults where nothing is set. Raises OperationFailure when what
        is set cannot be read any more.
        """
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

    def log(self, event: str, /, **values: Any) -> None:
        """Write one line to the log, with the run's ids; secrets are taken out.

        The first thousand lines of a run, up to 256 KB, are kept with it and shown.
        """
        ...
