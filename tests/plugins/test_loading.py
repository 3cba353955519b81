"""How plugins are loaded: each wholly or not at all, and never at the cost of the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from atlas_gql.access import capabilities
from atlas_gql.access.capabilities import AddedCapability, Role
from atlas_gql.errors import ConfigurationError
from atlas_gql.graph.contracts import CONTRACTS, CORE, offer
from atlas_gql.plugins import Capability, Family, Operation, PolicyContract, WriteStrategy, hookimpl, new
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


def operation(type_: str = "example.work", mutation: str = "exampleWork") -> Operation[Nothing]:
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
    loaded = load_plugins([("bad", plugin(ROW, row, operations=(operation(),))), GOOD])
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
    loaded = load_plugins([("a", plugin(ROW)), ("b", plugin(ROW)), ("c", plugin(operations=(operation(),)))])
    assert loaded.refused == {"b": "The policy type exampleProfiles is offered by both a and b."}
    assert (loaded.policy_types, list(loaded.operations)) == ((ROW,), ["example.work"])


def test_operations_and_hooks_are_judged_in_the_same_way() -> None:
    unknown = SimpleNamespace(atlas_nonsense=hookimpl(lambda: None))
    loaded = load_plugins(
        [
            ("a", plugin(operations=(operation(),))),
            ("b", plugin(operations=(operation("b.work"),))),
            ("c", plugin(operations=(operation("Work", "cWork"),))),
            ("d", unknown),
            ("e", plugin(ROW, ROW)),
        ]
    )
    assert loaded.refused == {
        "b": "The mutation exampleWork is offered by both a and b.",
        "c": "The plugin c offers an operation without a type like plugin.verb.",
        "d": "The plugin d implements a hook that Atlas does not know.",
        "e": "The policy type exampleProfiles is offered by both e and e.",
    }
    with pytest.raises(ConfigurationError, match="offered by both a and b"):
        load_operations([("a", plugin(operations=(operation(),))), ("b", plugin(operations=(operation(),)))])


def test_what_is_added_comes_after_the_rows_of_atlas_and_goes_again() -> None:
    before = offer([ROW])
    try:
        assert list(CONTRACTS.values()) == [*CORE, ROW]
        assert offer([]) == (ROW,)
        assert list(CONTRACTS.values()) == [*CORE]
    finally:
        offer(before)


REVIEW = Capability(name="example.review", description="Review.", least="operator")


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        pytest.param("example.review", "it is no Capability", id="no-capability"),
        pytest.param(replace(REVIEW, name="Review"), "not like plugin.verb", id="no-name"),
        pytest.param(replace(REVIEW, name="runs.explode"), "Atlas's own", id="atlas's-words"),
        pytest.param(replace(REVIEW, description=" "), "nothing describes it", id="no-description"),
        pytest.param(replace(REVIEW, least="member"), "none of owner, manager", id="no-role"),
    ],
)
def test_a_capability_that_cannot_be_used_is_refused_with_its_plugin(bad: Any, why: str) -> None:
    loaded = load_plugins([("bad", plugin(operations=(operation(),), capabilities=(REVIEW, bad)))])
    assert (why in loaded.refused["bad"], "the plugin bad" in loaded.refused["bad"]) == (True, True)
    assert (loaded.operations, loaded.capabilities) == ({}, ())


def test_a_capability_belongs_to_one_plugin() -> None:
    own = replace(REVIEW, name="runs.view")
    loaded = load_plugins(
        [
            ("a", plugin(capabilities=(REVIEW,))),
            ("b", plugin(capabilities=(REVIEW,))),
            ("c", plugin(capabilities=(own,))),
        ]
    )
    assert loaded.refused == {
        "b": "The capability example.review is offered by both a and b.",
        "c": "The capability runs.view is offered by both Atlas itself and c.",
    }


def test_an_operation_takes_a_capability_that_somebody_can_hold() -> None:
    taking = replace(operation(), capability="example.review")
    other = replace(operation("b.work", "bWork"), capability="example.review")
    loaded = load_plugins(
        [("a", plugin(operations=(taking,), capabilities=(REVIEW,))), ("b", plugin(operations=(other,)))]
    )
    assert loaded.refused == {
        "b": "b.work of the plugin b takes the capability example.review, which is neither Atlas's nor the"
        " plugin's."
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
