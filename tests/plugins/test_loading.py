"""How plugins are loaded: each wholly or not at all, and never at the cost of the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from atlas_gql.access import capabilities
from atlas_gql.access.capabilities import AddedCapability, Role
from atlas_gql.errors import ConfigurationError
from atlas_gql.graph.contracts import CONTRACTS, CORE, offer
from atlas_gql.plugins import (
    Capability,
    Family,
    Operation,
    PolicyContract,
    WriteStrategy,
    api,
    hookimpl,
    loading,
    new,
)
from atlas_gql.plugins.api import hookspec
from atlas_gql.plugins.loading import load_operations, load_plugins

ROW = PolicyContract(
    path="deviceManagement/exampleProfiles",
    label="Example profile",
    element_type="exampleProfileAssignment",
    permission="DeviceManagementConfiguration",
    family=Family.CONFIGURATION,
)


@dataclass(frozen=True, kw_only=True)
class Nothing:
    """Nothing."""


async def work(_ctx: Any, _given: Nothing) -> None:
    raise NotImplementedError


def operation(type_: str = "a.work", mutation: str = "aWork") -> Operation[Nothing]:
    return Operation(
        type=type_,
        mutation=mutation,
        label="Work",
        description="Works.",
        input=Nothing,
        target=new(),
        capability="policies.view",
        handler=work,
    )


def plugin(
    *rows: Any, operations: tuple[Operation[Any], ...] = (), capabilities: tuple[Any, ...] = ()
) -> Any:
    @hookimpl
    def atlas_policy_types() -> Any:
        return rows

    @hookimpl
    def atlas_operations() -> Any:
        return operations

    @hookimpl
    def atlas_capabilities() -> Any:
        return capabilities

    return SimpleNamespace(
        atlas_policy_types=atlas_policy_types,
        atlas_operations=atlas_operations,
        atlas_capabilities=atlas_capabilities,
    )


GOOD = ("good", plugin(replace(ROW, path="deviceManagement/goodProfiles", label="Good")))


@pytest.mark.parametrize(
    ("row", "why"),
    [
        pytest.param("deviceConfigurations", "no PolicyContract", id="no-contract"),
        pytest.param(replace(ROW, path="/deviceManagement/exampleProfiles"), "no collection", id="slash"),
        pytest.param(replace(ROW, path="deviceManagement/example?x=1"), "no collection", id="query"),
        pytest.param(replace(ROW, path="deviceManagement/../groups"), "no collection", id="dots"),
        pytest.param(replace(ROW, path=None), "another type", id="no-path"),
        pytest.param(replace(ROW, permission="X.Read.All"), "no stem", id="whole-permission"),
        pytest.param(replace(ROW, element_type="#microsoft.graph.x"), "no name of a type", id="odata"),
        pytest.param(replace(ROW, label=" "), "no label", id="no-label"),
        pytest.param(replace(ROW, version="v1.0"), "v1.0 hides filters", id="v1.0"),
        pytest.param(replace(ROW, family="configuration "), "none that there is", id="family"),
        pytest.param(replace(ROW, write=WriteStrategy.NONE), "why_not", id="not-written-no-reason"),
        pytest.param(replace(ROW, why_not="Nobody knows how."), "why_not", id="written-with-a-reason"),
        pytest.param(replace(ROW, platform="iOS", platform_field="p"), "one platform", id="two-platforms"),
        pytest.param(replace(ROW, success=()), "no status", id="no-status"),
        pytest.param(replace(ROW, success=(200, 404)), "no status", id="a-refusal-is-no-success"),
    ],
)
def test_a_plugin_with_a_bad_row_is_not_loaded_and_says_why(row: Any, why: str) -> None:
    work = operation("bad.work", "badWork")
    loaded = load_plugins([("bad", plugin(ROW, row, operations=(work,))), GOOD])
    assert list(loaded.refused) == ["bad"]
    assert (why in loaded.refused["bad"], "the plugin bad" in loaded.refused["bad"]) == (True, True)
    # nothing of it: neither its good row nor its operation
    assert (loaded.operations, [row.policy_type for row in loaded.policy_types]) == ({}, ["goodProfiles"])


@pytest.mark.parametrize(
    ("row", "what"),
    [
        pytest.param(replace(ROW, path="x/mobileApps"), "policy type mobileApps", id="name"),
        pytest.param(
            replace(CORE[0], label="Mine"), "policy type deviceConfigurations", id="name-and-collection"
        ),
        pytest.param(replace(ROW, label="App"), "label App", id="label"),
    ],
)
def test_what_atlas_has_itself_is_not_taken(row: PolicyContract, what: str) -> None:
    loaded = load_plugins([("bad", plugin(row))])
    assert loaded.refused == {"bad": f"The {what} is offered by both Atlas itself and bad."}


def test_of_two_plugins_with_one_name_the_first_stays() -> None:
    work = operation("c.work", "cWork")
    loaded = load_plugins([("a", plugin(ROW)), ("b", plugin(ROW)), ("c", plugin(operations=(work,)))])
    assert loaded.refused == {"b": "The policy type exampleProfiles is offered by both a and b."}
    assert (loaded.policy_types, list(loaded.operations)) == ((ROW,), ["c.work"])


def test_operations_and_hooks_are_judged_in_the_same_way() -> None:
    unknown = SimpleNamespace(atlas_nonsense=hookimpl(lambda: None))
    asking = SimpleNamespace(atlas_operations=hookimpl(lambda database: []))
    twice = (operation("f.work", "fWork"), operation("f.work", "fWorkAgain"))
    loaded = load_plugins(
        [
            ("d", unknown),
            ("e", plugin(ROW, ROW)),
            ("f", plugin(operations=twice)),
            ("g", asking),
            ("No Name", plugin()),
        ]
    )
    assert loaded.refused == {
        "d": "The plugin d implements a hook that Atlas does not know.",
        "e": "The policy type exampleProfiles is offered by both e and e.",
        "f": "The operation type f.work is offered by both f and f.",
        "g": "The plugin g implements a hook with an argument that Atlas does not give.",
        "No Name": "The plugin No Name has no name like example_plugin.",
    }
    with pytest.raises(ConfigurationError, match="offered by both f and f"):
        load_operations([("f", plugin(operations=twice))])


def test_of_two_plugins_with_one_operation_type_or_graphql_name_the_first_stays() -> None:
    """A type that belongs to both by its name can only come from one plugin that has two names."""
    mine = operation("assignments.mine", "fetchMine")
    theirs = operation("providers.mine", "fetchMine")
    like = operation("my.own", "myOwnWork")
    alike = operation("my_own.work", "myOwnWork")
    loaded = load_plugins(
        [
            ("assignments", plugin(operations=(mine,))),
            ("providers", plugin(operations=(theirs,))),
            ("my", plugin(operations=(like,))),
            ("my_own", plugin(operations=(alike,))),
            ("other", plugin(operations=(mine,))),
        ]
    )
    assert loaded.refused == {
        "providers": "The mutation fetchMine is offered by both assignments and providers.",
        "my_own": "The mutation myOwnWork is offered by both my and my_own.",
        "other": "The operation assignments.mine of the plugin other cannot be used: its type does not begin"
        " with the plugin's name, like other.fetch.",
    }
    assert list(loaded.operations) == ["assignments.mine", "my.own"]


def test_what_is_added_comes_after_the_rows_of_atlas_and_goes_again() -> None:
    before = offer([ROW])
    try:
        assert list(CONTRACTS.values()) == [*CORE, ROW]
        assert offer([]) == (ROW,)
        assert list(CONTRACTS.values()) == [*CORE]
    finally:
        offer(before)


REVIEW = Capability(name="bad.review", description="Review.", least="operator")


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        pytest.param("bad.review", "it is no Capability", id="no-capability"),
        pytest.param(replace(REVIEW, name="Review"), "not like plugin.verb", id="no-name"),
        pytest.param(replace(REVIEW, name="runs.explode"), "Atlas's own", id="atlas's-words"),
        pytest.param(replace(REVIEW, name="other.review"), "like bad.review", id="another-plugin's"),
        pytest.param(replace(REVIEW, description=" "), "nothing describes it", id="no-description"),
        pytest.param(replace(REVIEW, least="member"), "none of owner, manager", id="no-role"),
    ],
)
def test_a_capability_that_cannot_be_used_is_refused_with_its_plugin(bad: Any, why: str) -> None:
    work = operation("bad.work", "badWork")
    loaded = load_plugins([("bad", plugin(operations=(work,), capabilities=(REVIEW, bad)))])
    assert (why in loaded.refused["bad"], "the plugin bad" in loaded.refused["bad"]) == (True, True)
    assert (loaded.operations, loaded.capabilities) == ({}, ())


def test_a_capability_belongs_to_one_plugin() -> None:
    own = replace(REVIEW, name="runs.view")
    loaded = load_plugins(
        [
            ("bad", plugin(capabilities=(REVIEW, REVIEW))),
            ("c", plugin(capabilities=(own,))),
        ]
    )
    assert loaded.refused == {
        "bad": "The capability bad.review is offered by both bad and bad.",
        "c": "The capability runs.view is offered by both Atlas itself and c.",
    }


def test_an_operation_takes_a_capability_that_somebody_can_hold() -> None:
    taking = replace(operation("bad.work", "badWork"), capability="bad.review")
    other = replace(operation("b.work", "bWork"), capability="bad.review")
    loaded = load_plugins(
        [("bad", plugin(operations=(taking,), capabilities=(REVIEW,))), ("b", plugin(operations=(other,)))]
    )
    assert loaded.refused == {
        "b": "The operation b.work of the plugin b cannot be used: it takes the capability bad.review, which"
        " is neither Atlas's nor the plugin's."
    }


def test_what_is_added_is_held_from_its_least_role_upwards_and_goes_again() -> None:
    before = capabilities.offer([AddedCapability(name="x.y", description="Y.", least=Role.MANAGER)])
    try:
        holding = {role.value for role, held in capabilities.CAPABILITIES.items() if "x.y" in held}
        assert (holding, capabilities.MEANINGS["x.y"]) == ({"manager", "owner"}, "Y.")
        capabilities.offer([])
        assert all("x.y" not in held for held in capabilities.CAPABILITIES.values())
        assert capabilities.MEANINGS.keys() == set(capabilities.Capability)
    finally:
        capabilities.offer(before)


def test_what_will_go_warns_whoever_implements_it_and_works_until_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The way in which the API deprecates a hook, or an argument of one."""
    will_go = DeprecationWarning("atlas_old goes with 2.0: use atlas_operations.")
    argument = DeprecationWarning("The argument place goes with 2.0.")

    @hookspec(warn_on_impl=will_go)
    def atlas_old() -> None: ...

    @hookspec(warn_on_impl_args={"place": argument})
    def atlas_operations(place: str) -> None: ...

    old = {"atlas_old": atlas_old, "atlas_operations": atlas_operations}
    monkeypatch.setattr(loading, "api", SimpleNamespace(**{**vars(api), **old}))
    monkeypatch.setattr(loading._Hooks, "all", lambda *_: ())

    @hookimpl
    def first() -> None: ...

    @hookimpl
    def second(place: str) -> None: ...

    with pytest.warns(DeprecationWarning, match="goes with 2.0") as seen:
        loaded = load_plugins([("a", SimpleNamespace(atlas_old=first, atlas_operations=second))])
    assert loaded.refused == {}
    assert {(str(one.message), Path(one.filename).name) for one in seen} == {
        (str(will_go), Path(__file__).name),
        (str(argument), Path(__file__).name),
    }
