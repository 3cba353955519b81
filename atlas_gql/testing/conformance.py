"""`assert_plugin_conforms`: what every plugin has to keep to, tried on a running installation."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from types import ModuleType
from typing import Any, get_args, get_type_hints

from atlas_gql.ops.references import metadata
from atlas_gql.plugins.api import Doc, Operation
from atlas_gql.plugins.loading import Loaded, discover, load_plugins
from atlas_gql.schema.offering import misfit
from atlas_gql.testing.installation import Place, start_document
from atlas_gql.testing.operations import arguments, run_operation
from atlas_gql.testing.outcomes import REFUSED, Outcome
from atlas_gql.testing.staging import Interruption, cancelled, worker_lost

Given = Any
"""An operation's input; or a function that is given the tenant and gives the input."""


def assert_plugin_conforms(
    plugin: str | ModuleType,
    new_tenant: Callable[[], Place],
    *,
    inputs: Mapping[str, Given] | None = None,
) -> None:
    """Assert that an installed plugin, a name or its module, keeps to what `docs/plugins.md` asks of it.

    Names and documentation are looked at. Then each operation is run in tenants of its own: as it is; with
    two starts for one key; lost behind its first item and taken up again; cancelled there; and with a Graph
    that only fails. `inputs` holds what to run an operation with, by type: an input, or a function that is
    given a fresh tenant and gives one. Without one an operation is run with its defaults.

    Raises AssertionError with everything that is wrong.
    """
    chosen = [(name, found) for name, found in discover() if plugin in (name, found)]
    assert chosen, f"{plugin} is no installed plugin"
    loaded = load_plugins(chosen, fits=misfit)
    assert not loaded.refused, "\n".join(loaded.refused.values())
    wrong = list(undocumented(loaded))
    for operation in loaded.operations.values():
        given = (inputs or {}).get(operation.type)
        wrong += [f"{operation.type} {what}" for what in _Trial(operation, given, new_tenant).wrong()]
    assert not wrong, "\n".join([f"{chosen[0][0]} does not conform:", *wrong])


def undocumented(loaded: Loaded) -> Iterator[str]:
    """What nothing describes, or not in a sentence."""
    for operation in loaded.operations.values():
        yield from _sentence(operation.description, f"{operation.type}: its description")
        yield from _undocumented_class(operation.input, operation.type)
        if operation.result is not None and not _of_atlas(operation.result):
            yield from _undocumented_class(operation.result, operation.type)
        for error in operation.errors:
            if not _of_atlas(error):
                yield from _sentence(_own_doc(error), f"{operation.type}: the docstring of {error.__name__}")
    for listener in loaded.listeners.values():
        yield from _sentence(listener.description, f"{listener.type}: its description")
    for capability in loaded.capabilities:
        yield from _sentence(capability.description, f"the description of {capability.name}")
    for plugin, details in loaded.reason_details.items():
        for detail in details:
            yield from _sentence(detail.description, f"the description of {plugin}.{detail.name}")


def _undocumented_class(cls: type, where: str) -> Iterator[str]:
    yield from _sentence(_own_doc(cls), f"{where}: the docstring of {cls.__name__}")
    for name, hint in get_type_hints(cls, include_extras=True).items():
        doc = metadata(hint, Doc)
        yield from _sentence(doc.text if doc else "", f"{where}: the Doc of {cls.__name__}.{name}")
        for part in _parts(hint):
            if _of_atlas(part):
                continue
            if issubclass(part, StrEnum):
                yield from _undocumented_enum(part, where)
            elif dataclasses.is_dataclass(part):
                yield from _undocumented_class(part, where)


def _undocumented_enum(enum: type[StrEnum], where: str) -> Iterator[str]:
    yield from _sentence(_own_doc(enum), f"{where}: the docstring of {enum.__name__}")
    for member in enum:
        doc = vars(member).get("__doc__") or ""
        yield from _sentence(doc, f"{where}: the __doc__ of {enum.__name__}.{member.name}")


def _parts(hint: Any) -> Iterator[type]:
    if isinstance(hint, type) and not get_args(hint):
        yield hint
    for argument in get_args(hint):
        yield from _parts(argument)


def _of_atlas(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == "atlas_gql"


def _own_doc(cls: type) -> str:
    """A class's own docstring; nothing for the one that dataclasses write themselves."""
    text = cls.__dict__.get("__doc__") or ""
    return "" if text.startswith(f"{cls.__name__}(") else text


def _sentence(text: str, what: str) -> Iterator[str]:
    first = " ".join(text.strip().split("\n\n")[0].split())
    if not (first[:1].isupper() or first[:1] == "`") or not first.endswith("."):
        yield f"{what} is no sentence: {first!r}"


class _Trial:
    """One operation, tried."""

    def __init__(self, operation: Operation[Any], given: Given, new_tenant: Callable[[], Place]) -> None:
        self._operation = operation
        self._given = given
        self._new_tenant = new_tenant

    def wrong(self) -> Iterator[str]:
        """What is wrong with it, behind its type."""
        if self._given is None and (hint := self._needs_input()):
            yield hint
            return
        tenant = self._new_tenant()
        whole = self._run(tenant)
        if whole.outcome == REFUSED or whole.failure is not None:
            yield f"does not run: {whole.failure}"
            return
        written = _written(tenant)
        yield from self._started_twice()
        yield from self._taken_up_again(whole, written)
        yield from self._cancelled(whole)
        yield from self._without_graph()

    def _needs_input(self) -> str | None:
        try:
            self._operation.input()
        except TypeError:
            return "has an input without defaults: give `inputs` one for it"
        return None if self._operation.target.is_new else "works on something: give `inputs` one for it"

    def _input(self, tenant: Place) -> Any:
        if self._given is None:
            return self._operation.input()
        return self._given(tenant) if callable(self._given) else self._given

    def _run(self, tenant: Place, interrupted: Interruption | None = None) -> Outcome:
        return run_operation(tenant, self._operation, self._input(tenant), interrupted=interrupted)

    def _started_twice(self) -> Iterator[str]:
        tenant = self._new_tenant()
        variables = arguments(self._operation, self._input(tenant), tenant, key=secrets.token_hex(8))
        document = start_document(self._operation.mutation)
        runs = []
        for _ in range(2):
            answer = tenant.ask(document, input=variables)["data"][self._operation.mutation]
            runs.append(answer.get("run", {}).get("id"))
        if runs[0] is None or runs[0] != runs[1]:
            yield "starts twice for one idempotency key"
        if runs[0]:
            tenant.wait(runs[0], within=60)

    def _taken_up_again(self, whole: Outcome, written: list[tuple[str, str]]) -> Iterator[str]:
        """Lost behind its first item, it comes to the same end, and does nothing twice."""
        tenant = self._new_tenant()
        again = self._run(tenant, worker_lost(after=min(1, len(whole.items))))
        for field, one, other in zip(_COMPARED, _compared(again), _compared(whole), strict=True):
            if one != other:
                yield (
                    f"ends with other {field} when its worker is lost behind its first item:"
                    f" {one} instead of {other}"
                )
        assert tenant.atlas.stage is not None
        said: dict[str, Any] = {}
        for recorded in tenant.atlas.stage.seen(tenant.tenant).recorded:
            if said.setdefault(recorded.key, recorded.said) != recorded.said:
                yield f"does the item {recorded.key} again, which ctx.done() names, and says otherwise of it"
        if sorted(_written(tenant)) != sorted(written):
            yield f"writes other things when it is taken up again: {_written(tenant)} instead of {written}"

    def _cancelled(self, whole: Outcome) -> Iterator[str]:
        ended = self._run(self._new_tenant(), cancelled(after=min(1, len(whole.items))))
        if ended.outcome != "cancelled":
            yield f"does not stop when it is cancelled behind its first item, and ends {ended.outcome}"

    def _without_graph(self) -> Iterator[str]:
        """Without Graph it ends with a code, and shows nothing of what an exception says."""
        word = f"canary{secrets.token_hex(8)}"
        tenant = self._new_tenant()
        error = RuntimeError(f"{word} Bearer {secrets.token_urlsafe(40)}")
        ended = run_operation(tenant, self._operation, self._input(tenant), graph_raises=error)
        if word in repr(ended):
            yield f"shows the text of an exception: {ended}"
        tenant = self._new_tenant()
        given = self._input(tenant)
        tenant.atlas.graph.fails("^/(beta|v1.0)/", 403)
        ended = run_operation(tenant, self._operation, given)
        tenant.atlas.graph.works()
        failures = [ended.failure, *(item.failure for item in ended.items)]
        if any(failure and failure.code.endswith("failed_unexpectedly") for failure in failures):
            yield f"does not expect that Graph fails: {ended}"


_COMPARED = ("outcome", "counters", "items", "failure", "audit")


def _compared(outcome: Outcome) -> tuple[Any, ...]:
    """What two runs of the same work have in common: keys may be those of what the start made."""
    items = sorted(repr(dataclasses.replace(item, key="")) for item in outcome.items)
    return outcome.outcome, outcome.counters, items, outcome.failure, outcome.audit


def _written(tenant: Place) -> list[tuple[str, str]]:
    """What was written to Microsoft."""
    return [
        call
        for call in tenant.atlas.graph.calls("POST", "PATCH", "PUT", "DELETE")
        if not call[1].endswith(("/$batch", "/token"))
    ]
