"""The mutation `retryRun`: one for all operations, with each operation's own rights, input and errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional, get_args, get_type_hints

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from atlas_gql.access.capabilities import Capability
from atlas_gql.errors import (
    ConfigurationError,
    DomainError,
    NothingToRetry,
    OperationFailure,
    RunNotFinished,
)
from atlas_gql.ops.inputs import load
from atlas_gql.ops.references import named
from atlas_gql.plugins.api import Operation
from atlas_gql.schema.context import Info
from atlas_gql.schema.errors import ErrorTypes
from atlas_gql.schema.inputs import KEY, check_key, plain_text
from atlas_gql.schema.maps import OPERATION_RUN
from atlas_gql.schema.mutations import (
    HOST_ERRORS,
    StartRunPayload,
    Target,
    demand,
    may_name,
    mutation_field,
)
from atlas_gql.schema.names import places
from atlas_gql.schema.permissions import OWN, Permission
from atlas_gql.schema.rows import load_row

NAME = "retryRun"
TARGET = Target("OperationRun", "run_id")


class MayRetry(Permission):
    """What starting the run's operation takes: its capability, and those on whatever its input names."""

    capability = OWN
    on = to_camel_case(TARGET.field)

    async def has_permission(self, source: Any, info: Info, **arguments: Any) -> bool:  # noqa: ARG002 # Strawberry's signature
        context, given = info.context, arguments["input"]
        place = await TARGET.place(info, given)
        names = OPERATION_RUN.needed((), "type", "input")
        run = await load_row(context, OPERATION_RUN, TARGET.uuid(given), names)
        assert run is not None  # it has a place
        operation = context.engine.operations.get(run.type)
        await demand(context, NAME, operation.capability if operation else Capability.RUNS_VIEW, place)
        try:
            stored = load(operation.input, run.input) if operation else None
        except OperationFailure:
            stored = None  # and so there is nothing that could be retried
        if operation is None or stored is None:
            return True
        found = named(operation.input, stored)
        for one, lies in zip(found, await places(context, found), strict=True):
            if not await may_name(context, NAME, one.ref.capability, [lies], place.workspace_id):
                return False
        return True


def retry_field(operations: Sequence[Operation[Any]], errors: ErrorTypes) -> StrawberryField:
    """The mutation that retries a run of any of these operations.

    Raises ConfigurationError for a `confirmed` field that is no text.
    """
    mutations = _confirmed(operations)
    own = dict.fromkeys(error for operation in operations for error in operation.errors)
    allowed: tuple[type[DomainError], ...] = (*HOST_ERRORS, RunNotFinished, NothingToRetry, *own)

    async def resolve(info: Any, input: Any) -> Any:
        place = await TARGET.place(info, input)
        context = info.context
        try:
            started = await context.engine.retry(
                context.actor,
                run_id=TARGET.uuid(input),
                tenant_id=place.tenant_id,
                workspace_id=place.workspace_id,
                confirmed={
                    name: plain_text(value, to_camel_case(name))
                    for name in mutations
                    if (value := getattr(input, name)) is not None
                },
                idempotency_key=check_key(input.idempotency_key),
                request_id=context.request_id,
            )
        except DomainError as exc:
            return errors.present(exc, allowed, place)
        finally:
            context.forget()
        return StartRunPayload(
            run_id=started.run_id,
            workspace_id=place.workspace_id,
            tenant_id=place.tenant_id,
            deduplicated=started.deduplicated,
        )

    return mutation_field(
        NAME,
        resolve,
        _input(mutations),
        (StartRunPayload, *map(errors.of, dict.fromkeys(allowed))),
        description="Does what an ended run left undone, as a new run: items that succeeded, or need a new"
        " plan, are left out.",
        guards=[MayRetry()],
    )


def _confirmed(operations: Sequence[Operation[Any]]) -> dict[str, list[str]]:
    """The fields that any operation wants given again, with the mutations that have them."""
    found: dict[str, list[str]] = {}
    for operation in operations:
        hints = get_type_hints(operation.input, include_extras=True)
        for name in operation.confirmed:
            hint = hints.get(name)
            if hint is not str and (get_args(hint) or (None,))[0] is not str:
                raise ConfigurationError(f"{operation.type}: its input has no text field {name} to confirm.")
            found.setdefault(name, []).append(operation.mutation)
    return found


def _input(confirmed: Mapping[str, list[str]]) -> type:
    optional: Any = Optional[str]  # noqa: UP045 # a value
    annotations: dict[str, Any] = {"run_id": strawberry.ID, "idempotency_key": optional}
    namespace: dict[str, Any] = {
        "run_id": strawberry.field(description="The run's id. It must have ended."),
        "idempotency_key": strawberry.field(
            description=f"{KEY} Needed where the operation writes to Microsoft.", default=None
        ),
    }
    for name, mutations in confirmed.items():
        of = ", ".join(f"`{mutation}`" for mutation in mutations)
        annotations[name] = optional
        namespace[name] = strawberry.field(
            description=f"Given again as for {of}; needed to retry such a run.", default=None
        )
    made = type("RetryRunInput", (), {**namespace, "__annotations__": annotations, "__module__": __name__})
    return strawberry.input(made, description="Which run to retry, and what must be confirmed anew.")
