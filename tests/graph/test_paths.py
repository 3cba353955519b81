"""Where plugins may write: no spelling of a path leads to policies or to assignments."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_gql.graph.contracts import CONTRACTS
from atlas_gql.graph.paths import is_declared, is_of_contract, problem_of_declared, segments_of

SYNC = "/beta/deviceManagement/managedDevices/*/syncDevice"


@pytest.mark.parametrize(
    "path",
    [
        "beta/deviceManagement/managedDevices/1/syncDevice",
        "/deviceManagement/managedDevices/1/syncDevice",
        "/BETA/deviceManagement/managedDevices/1/syncDevice",
        "/v2.0/deviceManagement/managedDevices/1/syncDevice",
        "//beta/deviceManagement/managedDevices/1/syncDevice",
        "/beta//deviceManagement/managedDevices/1/syncDevice",
        "/beta/deviceManagement/managedDevices/1/syncDevice/",
        "/beta/deviceManagement/managedDevices/../deviceConfigurations",
        "/beta/deviceManagement/managedDevices/./1/syncDevice",
        "/beta/deviceManagement/managedDevices/1/syncDevice?$x=1",
        "/beta/deviceManagement/managedDevices/1/syncDevice#x",
        "/beta/deviceManagement/managedDevices/%2e%2e/syncDevice",
        "/beta/deviceManagement/managedDevices/1%2FsyncDevice",
        "/beta/deviceManagement/managedDevices('1')/syncDevice",
        "/beta/deviceManagement/microsoft.graph.deviceManagement/managedDevices",
        "/beta/deviceManagement/Graph.deviceManagement/managedDevices",
        "/beta/$batch",
        "/beta",
        "/beta/",
        "https://graph.microsoft.com/beta/deviceManagement/managedDevices/1/syncDevice",
        "//graph.example/beta/deviceManagement",
        "/beta/deviceManagement\\managedDevices",
        "/beta/deviceManagement/managedDevices/1/syncDevice\n",
        "/beta/deviceManagement/managedDevices/\u0661/syncDevice",
        "/beta/deviceManagement/managedDevices/a b",
        "/beta/deviceManagement/managedDevices/someone@example.com",
        "",
        None,
        7,
    ],
)
def test_what_is_not_plain_is_no_path(path):
    assert segments_of(path) is None


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=lambda contract: contract.policy_type)
def test_no_path_of_a_contract_is_open(contract):
    open_ones = [
        path
        for path in (
            contract.collection,
            f"{contract.collection}/1",
            f"{contract.collection}/1/assign",
            f"{contract.collection}/1/assignments/2",
            f"/v1.0/{contract.path}/1",
            f"/beta/{contract.path.upper()}/1",
            f"/beta/{contract.path.rpartition('/')[0]}",
        )
        if not is_of_contract(segments_of(path) or ())
    ]
    assert open_ones == []


@pytest.mark.parametrize(
    "path",
    [
        "/beta/deviceAppManagement/managedAppPolicies/1/assign",
        "/beta/deviceManagement/unheardOf/1/assign",
        "/beta/deviceManagement/unheardOf/1/ASSIGNMENTS",
        "/v1.0/deviceManagement/unheardOf/1/groupAssignments/2",
    ],
)
def test_nothing_is_assigned_under_other_names(path):
    assert is_of_contract(segments_of(path) or ())


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (SYNC, None),
        ("/v1.0/users/*/revokeSignInSessions", None),
        ("/beta/deviceManagement/virtualEndpoint/cloudPCs/*/reboot", None),
        ("/beta/*", "one of assignments"),
        ("/beta/*/*/*/syncDevice", "one of assignments"),
        ("/beta/deviceManagement/*", "one of assignments"),
        ("/beta/deviceManagement/*/1/rename", "one of assignments"),
        ("/beta/deviceManagement/deviceConfigurations/*", "one of assignments"),
        ("/beta/deviceManagement/DeviceConfigurations/*", "one of assignments"),
        ("/beta/devicemanagement", "one of assignments"),
        ("/beta/deviceManagement/managedDevices/*/assign", "one of assignments"),
        ("/beta/deviceManagement/managedDevices/**", "no plain path"),
        ("/beta/deviceManagement/managedDevices/*x", "no plain path"),
        ("deviceManagement/managedDevices", "no plain path"),
        ("/beta/$batch", "no plain path"),
        (7, "no plain path"),
    ],
)
def test_what_may_be_declared(path, problem):
    said = problem_of_declared(path)
    assert said is None if problem is None else (said or "").startswith(problem)


@pytest.mark.parametrize(
    ("path", "declared"),
    [
        ("/beta/deviceManagement/managedDevices/1/syncDevice", True),
        ("/v1.0/deviceManagement/managedDevices/1/syncDevice", False),
        ("/beta/deviceManagement/managedDevices/1/wipe", False),
        ("/beta/deviceManagement/managedDevices/1", False),
        ("/beta/deviceManagement/managedDevices/1/2/syncDevice", False),
        ("/beta/devicemanagement/managedDevices/1/syncDevice", False),
    ],
)
def test_a_path_is_declared_as_it_is_written(path, declared):
    assert is_declared(path, ["/beta/other", SYNC]) is declared


@given(st.text(st.sampled_from("/.%*$()'?#\\ab\n:@"), max_size=30))
def test_a_plain_path_is_sent_as_it_was_looked_at(text):
    path = f"/beta/deviceManagement/{text}"
    if segments_of(path) is not None:
        assert httpx.URL(f"https://graph.example{path}").raw_path.decode() == path
