"""`atlas_gql.testing` as the authors of plugins use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import pytest

from atlas_gql.plugins import OperationFailure, ReasonCode
from atlas_gql.plugins.loading import load_plugins
from atlas_gql.testing import (
    Audited,
    Counters,
    Failure,
    Installation,
    Item,
    Logged,
    Outcome,
    Place,
    assert_plugin_conforms,
    cancelled,
    conformance,
    fresh_database,
    installation,
    rights_lost,
    run_operation,
    worker_lost,
)
from support import sample
from support.paths import DATA_DIR
from support.sample import SampleHow, WorkInput

LATE = Failure("sample.work.late", ReasonCode.EXTENSION, "It is late.", "sample.late")
WHOLE = Outcome(
    "succeeded",
    Counters(total=3, processed=3),
    items=tuple(Item(key, key.upper(), result="fine") for key in sample.KEYS),
    audit=(Audited("sample.worked"),),
    log=(Logged("work begun", {"items": 3}),),
)


@pytest.fixture(scope="module")
def running() -> Iterator[Installation]:
    plugins = load_plugins([("sample", sample)])
    assert plugins.refused == {}
    with fresh_database(DATA_DIR) as database, installation(database, plugins=plugins, staged=True) as atlas:
        yield atlas


@pytest.fixture
def new_tenant(running: Installation) -> Iterator[Callable[[], Place]]:
    def make() -> Place:
        running.graph.reset()
        return running.new_place()

    yield make
    running.graph.works()


@pytest.fixture
def tenant(new_tenant: Callable[[], Place]) -> Place:
    return new_tenant()


def test_the_whole_outcome_is_compared_in_one(tenant: Place):
    assert run_operation(tenant, "sample.work") == WHOLE


def test_failed_items_say_why(tenant: Place):
    assert run_operation(tenant, sample.operation(), WorkInput(fail=("b",))) == replace(
        WHOLE,
        outcome="partially_succeeded",
        counters=Counters(total=3, processed=2, failed=1),
        items=(WHOLE.items[0], Item("b", "B", "failed", failure=LATE), WHOLE.items[2]),
    )


def test_a_fault_of_graph_ends_the_run_with_a_code(tenant: Place):
    tenant.atlas.graph.fails("assignmentFilters", 403)
    seen = run_operation(tenant, "sample.work", {"how": "WELL"})
    assert (seen.outcome, seen.items, seen.failure.reason) == ("failed", (), ReasonCode.PERMISSION_DENIED)
    tenant.atlas.graph.works()
    tenant.atlas.graph.drops("assignmentFilters", times=1)
    assert run_operation(tenant, "sample.work") == WHOLE  # a read is asked again
    assert {method for method, _ in tenant.atlas.graph.calls("GET")} == {"GET"}


def test_another_attempt_goes_on_where_the_lost_worker_stopped(tenant: Place):
    begun = (Logged("work begun", {"items": 3}),) * 2
    seen = run_operation(tenant, "sample.work", interrupted=worker_lost(after=2))
    assert seen == replace(WHOLE, log=begun)
    recorded = tenant.atlas.stage.seen(tenant.tenant).recorded
    assert [(one.attempt, one.key) for one in recorded] == [(1, "a"), (1, "b"), (2, "c")]


def test_a_run_is_cancelled_behind_an_item(tenant: Place):
    seen = run_operation(tenant, "sample.work", interrupted=cancelled(after=1))
    assert seen == replace(
        WHOLE,
        outcome="cancelled",
        counters=Counters(total=3, processed=1),
        items=WHOLE.items[:1],
        audit=(Audited("sample.worked"), Audited("run.cancelled")),
    )


def test_before_the_first_item_is_a_place_too(tenant: Place):
    seen = run_operation(tenant, "sample.work", interrupted=cancelled(after=0))
    assert (seen.outcome, seen.items, seen.log) == ("cancelled", (), ())


@pytest.mark.parametrize("role", ["owner", "operator"])
def test_who_loses_the_right_half_way_does_not_go_on(tenant: Place, role: str):
    seen = run_operation(tenant, "sample.work", by=role, interrupted=rights_lost(after=1))
    assert (seen.outcome, seen.counters, seen.failure.reason) == (
        "partially_succeeded",
        Counters(total=3, processed=1),
        ReasonCode.INITIATOR_NOT_PERMITTED,
    )


def test_who_may_not_start_it_is_refused(tenant: Place):
    refused = run_operation(tenant, "sample.work", by="readonly")
    assert (refused.outcome, refused.failure.code, refused.failure.reason) == ("refused", "FORBIDDEN", None)
    assert run_operation(tenant, "sample.work", by=None).failure.code == "NOT_FOUND"
    assert run_operation(tenant, "sample.work", key="\n").failure.code == "VALIDATION_FAILED"


def test_what_is_asked_for_and_cannot_be_is_said(tenant: Place):
    with pytest.raises(AssertionError, match=r"no loaded plugin offers sample\.play"):
        run_operation(tenant, "sample.play")
    with pytest.raises(AssertionError, match="never interrupted"):
        run_operation(tenant, "sample.work", interrupted=worker_lost(after=9))


def test_a_difference_is_read_off_the_assertion(tenant: Place):
    seen = run_operation(tenant, "sample.work", WorkInput(fail=("b",)))
    with pytest.raises(AssertionError) as raised:
        assert seen == WHOLE
    told = str(raised.value)
    assert "Differing attributes" in told
    assert all(part in told for part in ("'outcome'", "'counters'", "'items'"))
    assert "'audit'" not in told


# --- assert_plugin_conforms -----------------------------------------------------------------------


@pytest.fixture
def conforms(new_tenant: Callable[[], Place], monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Tries the sample as if it were installed, with an operation that was changed."""

    def check(given: Any = None, **changed: Any) -> None:
        changed_module = type("Sample", (), {"atlas_operations": sample.atlas_operations})()
        if changed:
            offered = [sample.operation(**changed)]
            monkeypatch.setattr(
                changed_module, "atlas_operations", sample.hookimpl(lambda: offered), raising=False
            )
        else:
            changed_module.atlas_operations = sample.atlas_operations
        monkeypatch.setattr(conformance, "discover", lambda: [("sample", changed_module)])
        assert_plugin_conforms("sample", new_tenant, inputs={"sample.work": given} if given else None)

    return check


def test_a_plugin_that_conforms(conforms: Callable[..., None]):
    conforms()
    conforms(lambda _tenant: WorkInput(fail=("b",)))


@pytest.mark.parametrize(
    ("how", "why"),
    [
        pytest.param(
            SampleHow.TWICE, "does the item a again, which ctx.done() names, and says otherwise", id="twice"
        ),
        pytest.param(SampleHow.TOLD, "shows the text of an exception", id="tells"),
        pytest.param(SampleHow.DEAF, "does not stop when it is cancelled", id="deaf"),
    ],
)
def test_a_handler_that_does_not(conforms: Callable[..., None], how: SampleHow, why: str):
    with pytest.raises(AssertionError, match="sample does not conform") as raised:
        conforms(WorkInput(how=how))
    assert why in str(raised.value)


class SampleBare(StrEnum):
    ONE = "one"


@dataclass(frozen=True)
class Undocumented:
    bare: SampleBare = SampleBare.ONE


def test_what_nothing_describes_is_listed():
    offered = sample.operation(description="works", input=Undocumented)
    plugins = replace(load_plugins([]), operations={"sample.work": offered})
    assert list(conformance.undocumented(plugins)) == [
        "sample.work: its description is no sentence: 'works'",
        "sample.work: the docstring of Undocumented is no sentence: ''",
        "sample.work: the Doc of Undocumented.bare is no sentence: ''",
        "sample.work: the docstring of SampleBare is no sentence: ''",
        "sample.work: the __doc__ of SampleBare.ONE is no sentence: ''",
    ]


def test_a_plugin_must_be_installed_and_loadable(new_tenant: Callable[[], Place], monkeypatch: Any):
    with pytest.raises(AssertionError, match="moon is no installed plugin"):
        assert_plugin_conforms("moon", new_tenant)
    bad = [("sample", type("Bad", (), {"atlas_moon": sample.hookimpl(lambda: None)})())]
    monkeypatch.setattr(conformance, "discover", lambda: bad)
    with pytest.raises(AssertionError, match="a hook that Atlas does not know"):
        assert_plugin_conforms("sample", new_tenant)


def test_an_operation_without_defaults_needs_an_input(conforms: Callable[..., None]):
    needing = dataclass(frozen=True)(
        type("Needing", (), {"__annotations__": {"n": int}, "__doc__": "N.", "__module__": __name__})
    )
    with pytest.raises(AssertionError, match="has an input without defaults: give `inputs` one"):
        conforms(input=needing)


def test_the_failure_of_an_operation_ends_its_trial(conforms: Callable[..., None]):
    async def broken(_ctx: Any, _given: Any) -> None:
        raise OperationFailure("Never.", reason=ReasonCode.UNSUPPORTED)

    with pytest.raises(AssertionError, match="does not conform"):
        conforms(WorkInput(), handler=broken, capability="tenants.purge", description="x")
