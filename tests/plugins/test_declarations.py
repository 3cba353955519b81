"""What plugins declare is judged when they are loaded: one that is wrong is refused by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import pytest

from atlas_gql.plugins import (
    DomainError,
    Family,
    Listener,
    Operation,
    ReasonDetail,
    Ref,
    ValidationError,
    existing,
    hookimpl,
    new,
)
from atlas_gql.plugins.loading import Loaded, load_plugins
from atlas_gql.schema.offering import misfit


@dataclass(frozen=True, kw_only=True)
class Nothing:
    """Nothing."""


@dataclass(kw_only=True)
class Loose:
    """Not frozen."""


class Depth(StrEnum):
    """How deep."""

    LOW = "low"


class BadGröße(StrEnum):
    """Not ASCII."""

    ONE = "one"


class BadEmpty(StrEnum):
    """Without values."""


class BadWord(StrEnum):
    """With a value that GraphQL keeps to itself."""

    true = "true"


class BadOverlap(StrEnum):
    """A name that two classes have."""

    ONE = "one"


Overlapping = StrEnum("BadOverlap", {"TWO": "two"})
RunStatus = StrEnum("RunStatus", {"ODD": "odd"})


@dataclass(frozen=True, kw_only=True)
class BadNode:
    """Holds itself."""

    below: BadNode | None = None


class NotPrefixed(DomainError):
    """No."""

    code = "NO"


class BadShown(DomainError):
    """Shows what GraphQL cannot."""

    code = "BAD"
    what: complex


async def work(_ctx: Any, _given: Any) -> None:
    raise NotImplementedError


def blocking(_ctx: Any, _given: Any) -> None:
    raise NotImplementedError


async def lonely(_ctx: Any) -> None:
    raise NotImplementedError


class Working:
    async def __call__(self, _ctx: Any, _given: Any) -> None:
        raise NotImplementedError


def having(**annotations: Any) -> type:
    """An input or a result with these fields."""
    made = type("BadGiven", (), {"__annotations__": annotations, "__module__": __name__, "__doc__": "Given."})
    return dataclass(frozen=True, kw_only=True)(made)


WORK: Operation[Any] = Operation(
    type="bad.work",
    mutation="badWork",
    label="Work",
    description="Works.",
    input=Nothing,
    target=new(),
    capability="policies.view",
    handler=work,
)
LISTENER = Listener(type="bad.listen", label="Listen", description="Listens.", handler=work)


def plugin(**hooks: Callable[[], Any]) -> Any:
    return type("Plugin", (), {name: staticmethod(hookimpl(hook)) for name, hook in hooks.items()})()


def offering(*operations: Any) -> Any:
    return plugin(atlas_operations=lambda: operations)


GOOD = ("good", offering(replace(WORK, type="good.work", mutation="goodWork")))


def loaded(bad: Any, name: str = "bad") -> Loaded:
    """What is loaded of a bad plugin among good ones."""
    return load_plugins([(name, bad), GOOD], fits=fits)


def fits(seen: Loaded) -> str | None:
    """What the good plugin offers alone is not tried again for each case."""
    return misfit(seen) if seen.operations.keys() - {"good.work"} else None


def problem(bad: Any) -> str:
    """Why a plugin is refused; it takes nothing else down with it."""
    seen = loaded(bad)
    assert (list(seen.operations), list(seen.refused)) == (["good.work"], ["bad"])
    return seen.refused["bad"]


WRONG: dict[str, tuple[Any, str]] = {
    "no-operation": ("bad.work", "The operation str of the plugin bad cannot be used: it is no Operation"),
    "type": (replace(WORK, type="Work"), "its type is not like plugin.verb"),
    "type-number": (replace(WORK, type=7), "its type is not like plugin.verb"),
    "type-of-another": (replace(WORK, type="good.work"), "does not begin with the plugin's name"),
    "mutation": (replace(WORK, mutation="bad_work"), "its mutation is no name like exampleFetch"),
    "mutation-number": (replace(WORK, mutation=None), "its mutation is no name like exampleFetch"),
    "mutation-of-nobody": (replace(WORK, mutation="work"), "like badFetch"),
    "mutation-alone": (replace(WORK, mutation="bad"), "like badFetch"),
    "mutation-alike": (replace(WORK, mutation="badge"), "like badFetch"),
    "label": (replace(WORK, label=" "), "it has no label"),
    "description": (replace(WORK, description=""), "nothing describes it"),
    "description-none": (replace(WORK, description=None), "nothing describes it"),
    "no-time": (replace(WORK, time_limit=timedelta(0)), "between a second and seven days"),
    "much-time": (replace(WORK, time_limit=timedelta(days=8)), "between a second and seven days"),
    "time-number": (replace(WORK, time_limit=60), "between a second and seven days"),
    "handler-none": (replace(WORK, handler=None), "its handler is no async function"),
    "handler-blocking": (replace(WORK, handler=blocking), "its handler is no async function"),
    "handler-lonely": (replace(WORK, handler=lonely), "its handler does not take two arguments"),
    "input-none": (replace(WORK, input=None), "its input is no dataclass"),
    "input-instance": (replace(WORK, input=Nothing()), "its input is no dataclass"),
    "input-str": (replace(WORK, input=str), "its input is no dataclass"),
    "input-loose": (replace(WORK, input=Loose), "Loose is a dataclass that is not frozen"),
    "result-str": (replace(WORK, result=str), "its result is no dataclass"),
    "result-instance": (replace(WORK, result=Nothing()), "its result is no dataclass"),
    "result-loose": (replace(WORK, result=Loose), "Loose is a dataclass that is not frozen"),
    "result-name": (replace(WORK, result=Nothing), "class Nothing does not begin with Bad"),
    "result-type": (replace(WORK, result=having(when=complex)), "the field when of its result has a type"),
    "result-class-name": (replace(WORK, result=having(what=Depth)), "class Depth does not begin with Bad"),
    "result-recursive": (replace(WORK, result=BadNode), "BadNode holds itself, in its field below"),
    "target": (replace(WORK, target="BackupSet"), "neither new nor existing"),
    "target-check": (replace(WORK, target=new(check=blocking)), "its check is no async function"),
    "target-create": (replace(WORK, target=new(create=lonely)), "its create does not take two"),
    "target-field": (
        replace(WORK, target=existing("BackupSet", field="backup_set_id")),
        "the target's field backup_set_id needs a Ref",
    ),
    "capability": (replace(WORK, capability="bad.view"), "neither Atlas's nor the plugin's"),
    "capability-list": (replace(WORK, capability=["policies.view"]), "neither Atlas's nor the plugin's"),
    "writes": (replace(WORK, writes="yes"), "its writes is neither True nor False"),
    "writes-unaudited": (replace(WORK, writes=True), "it writes, and has no audit_action"),
    "graph-writes": (replace(WORK, graph_writes=["/beta/x"]), "its graph_writes is no tuple of paths"),
    "graph-writes-reading": (
        replace(WORK, graph_writes=("/beta/x/y",)),
        "it has graph_writes, and does not say that it writes",
    ),
    "graph-writes-assigning": (
        replace(WORK, writes=True, audit_action="bad.done", graph_writes=("/beta/deviceManagement/*",)),
        "which is one of assignments, or of a kind of policy",
    ),
    "audit": (replace(WORK, audit_action="Worked"), "its audit_action is not like backup.started"),
    "audit-details": (replace(WORK, audit_details=blocking), "its audit_details is no async function"),
    "confirmed": (replace(WORK, confirmed=("reason",)), "no tuple of fields of its input"),
    "confirmed-str": (replace(WORK, confirmed="reason"), "no tuple of fields of its input"),
    "errors": (replace(WORK, errors=(ValueError,)), "its errors are no tuple of DomainError"),
    "errors-instance": (replace(WORK, errors=ValidationError), "its errors are no tuple of DomainError"),
    "error-name": (replace(WORK, errors=(NotPrefixed,)), "class NotPrefixed does not begin with Bad"),
    "error-shown": (replace(WORK, errors=(BadShown,)), "a type that GraphQL cannot show"),
    "field-type": (replace(WORK, input=having(when=complex)), "the field when of its input has a type"),
    "field-any": (replace(WORK, input=having(what=Any)), "the field what of its input has a type"),
    "field-union": (replace(WORK, input=having(what=int | str)), "the field what of its input has a type"),
    "field-dict": (replace(WORK, input=having(what=dict[str, int])), "the field what of its input"),
    "field-unreadable": (replace(WORK, input=having(what="Missing")), "cannot be read (NameError)"),
    "field-reserved": (replace(WORK, input=having(tenant_id=str)), "a name that the host uses"),
    "field-name": (replace(WORK, input=having(größe=str)), "GraphQL"),
    "field-uuid": (replace(WORK, input=having(what=UUID)), "the field what of its input"),
    "ref-kind": (
        replace(WORK, input=having(what=Annotated[UUID, Ref("Moon", "policies.view")])),
        "no Ref can name a Moon",
    ),
    "field-class-name": (replace(WORK, input=having(what=Depth)), "class Depth does not begin with Bad"),
    "field-recursive": (
        replace(WORK, input=having(what=BadNode)),
        "BadNode holds itself, in its field below",
    ),
    "enum-name": (replace(WORK, input=having(what=BadGröße)), "GraphQL"),
    "enum-empty": (replace(WORK, input=having(what=BadEmpty)), "GraphQL"),
    "enum-word": (replace(WORK, input=having(what=BadWord)), "GraphQL"),
    "default": (
        replace(
            WORK,
            input=dataclass(frozen=True, kw_only=True)(
                type(
                    "G",
                    (),
                    {"__annotations__": {"n": int}, "n": field(default=2**40), "__module__": __name__},
                )
            ),
        ),
        "GraphQL",
    ),
    "names-in-it": (
        replace(WORK, input=having(one=BadOverlap, two=Overlapping)),
        "Two GraphQL types would have the same name",
    ),
}


@pytest.mark.parametrize(("bad", "why"), [pytest.param(*case, id=name) for name, case in WRONG.items()])
def test_a_bad_operation_refuses_its_plugin_and_no_other(bad: Any, why: str) -> None:
    said = problem(offering(replace(WORK, type="bad.fine", mutation="badFine"), bad))
    assert ("bad" in said, why in said) == (True, True), said


def test_a_handler_may_be_an_object_and_inputs_may_use_what_the_api_has() -> None:
    fine = replace(WORK, handler=Working(), input=having(family=Family), errors=(ValidationError,))
    assert loaded(offering(fine)).refused == {}


def test_a_class_named_as_one_of_atlas_is_refused_where_the_plugins_name_allows_it() -> None:
    odd = replace(WORK, type="run.work", mutation="runWork", input=having(status=RunStatus))
    seen = loaded(offering(odd), name="run")
    assert list(seen.operations) == ["good.work"]
    assert "Two GraphQL types would have the same name" in seen.refused["run"]


def test_two_plugins_with_one_graphql_type_are_both_named() -> None:
    made = [
        (name, offering(replace(WORK, type=f"{name}.do", mutation=mutation, input=having(what=depth))))
        for name, mutation, depth in (
            ("my", "myDo", StrEnum("MyOwnDepth", {"A": "a"})),
            ("my_own", "myOwnDo", StrEnum("MyOwnDepth", {"B": "b"})),
        )
    ]
    seen = load_plugins(made, fits=misfit)
    assert (list(seen.operations), seen.refused) == (
        ["my.do"],
        {"my_own": "The GraphQL type MyOwnDepth is offered by both my and my_own."},
    )


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        pytest.param("bad.listen", "The listener str of the plugin bad cannot be used: it is no", id="none"),
        pytest.param(replace(LISTENER, type="listen"), "not like plugin.verb", id="type"),
        pytest.param(replace(LISTENER, type="good.listen"), "the plugin's name", id="type-of-another"),
        pytest.param(replace(LISTENER, type="bad.fine"), "both bad and bad", id="type-of-an-operation"),
        pytest.param(replace(LISTENER, handler=blocking), "no async function", id="handler"),
        pytest.param(replace(LISTENER, types="bad.fine"), "no tuple of operation types", id="types"),
        pytest.param(replace(LISTENER, where_set=True), "nothing can be set for a tenant", id="where-set"),
        pytest.param(replace(LISTENER, label=""), "it has no label", id="label"),
    ],
)
def test_a_bad_listener_refuses_its_plugin(bad: Any, why: str) -> None:
    fine = replace(WORK, type="bad.fine", mutation="badFine")
    said = problem(plugin(atlas_operations=lambda: [fine], atlas_listeners=lambda: [bad]))
    assert ("bad" in said, why in said) == (True, True), said


LATE = ReasonDetail(name="late", description="It came late.")


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        pytest.param("late", "The reason detail str of the plugin bad cannot be used: it is no", id="none"),
        pytest.param(replace(LATE, name="Too late"), "not in lower case", id="name"),
        pytest.param(replace(LATE, description=" "), "nothing describes it", id="description"),
        pytest.param(LATE, "The reason detail bad.late is offered by both bad and bad.", id="twice"),
    ],
)
def test_a_bad_reason_detail_refuses_its_plugin(bad: Any, why: str) -> None:
    said = problem(plugin(atlas_reason_details=lambda: [LATE, bad]))
    assert why in said, said


def raising(error: BaseException) -> Callable[[], Any]:
    def hook() -> Any:
        raise error

    return hook


def broken_generator() -> Any:
    yield WORK
    raise LookupError("secret")


@pytest.mark.parametrize(
    ("hook", "kind"),
    [
        pytest.param(raising(ValueError("secret")), "ValueError", id="raises"),
        pytest.param(raising(SystemExit(3)), "SystemExit", id="exits"),
        pytest.param(raising(BaseExceptionGroup("secret", [GeneratorExit()])), "Group", id="group"),
        pytest.param(broken_generator, "LookupError", id="half-way"),
        pytest.param(lambda: 7, "TypeError", id="no-list"),
    ],
)
@pytest.mark.parametrize(
    "name", ["atlas_operations", "atlas_policy_types", "atlas_capabilities", "atlas_reason_details"]
)
def test_a_hook_that_raises_refuses_its_plugin(name: str, hook: Any, kind: str) -> None:
    said = problem(plugin(**{name: hook}))
    assert (kind in said, f"in its hook {name}" in said, "secret" in said) == (True, True, False), said


def test_a_person_who_interrupts_is_obeyed() -> None:
    with pytest.raises(KeyboardInterrupt):
        loaded(plugin(atlas_operations=raising(KeyboardInterrupt())))


def test_a_plugin_that_cannot_be_looked_at_is_refused() -> None:
    class Strange:
        @property
        def __class__(self) -> type:
            raise LookupError("secret")

    said = problem(offering(Strange()))
    assert said == "The plugin bad raises LookupError when it is looked at."
