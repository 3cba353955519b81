"""The contract table: what must be true of every row, and what rows make of assignments."""

from __future__ import annotations

import pytest

from atlas_gql.errors import OperationFailure
from atlas_gql.graph import CONTRACTS, TargetKind, WriteStrategy, contract_of, parse_assignment
from atlas_gql.graph.app_contracts import APP_CONTRACTS
from atlas_gql.graph.device_contracts import DEVICE_CONTRACTS
from atlas_gql.reasons import ReasonCode as R

ROWS = (*DEVICE_CONTRACTS, *APP_CONTRACTS)
ALL = pytest.mark.parametrize("contract", ROWS, ids=lambda row: row.policy_type)
REPLACING = (WriteStrategy.ASSIGN, WriteStrategy.UPDATE)


def test_no_row_hides_another():
    assert list(CONTRACTS.values()) == list(ROWS)
    assert len({row.label for row in ROWS}) == len({row.path for row in ROWS}) == len(ROWS)


@ALL
def test_a_kind_that_is_not_written_says_why_and_asks_for_no_permission_to(contract):
    written = contract.write is not WriteStrategy.NONE
    assert (contract.why_not is None, contract.supports_restore) == (written, written)
    assert (contract.write_permission is not None) == written
    assert written or contract.why_not.endswith(".")


@ALL
def test_only_beta_is_spoken(contract):
    """v1.0 has no filters and no sources: written through it, an assignment would reach further."""
    assert contract.collection == f"/beta/{contract.path}"
    assert contract.path.split("/")[0] in ("deviceManagement", "deviceAppManagement")


@ALL
def test_a_row_knows_one_platform_or_where_it_stands(contract):
    assert not (contract.platform and contract.platform_field)


def test_scope_tags_are_never_written():
    """They change who may do what."""
    assert not CONTRACTS["roleScopeTags"].supports_restore


def test_an_unknown_kind_fails_without_a_call():
    with pytest.raises(OperationFailure) as caught:
        contract_of("novelties")
    assert caught.value.reason_code is R.UNSUPPORTED


GROUP, CLOUD_PC = "groupAssignmentTarget", "cloudPcManagementGroupAssignmentTarget"
LICENCE = {"servicePlanId": "sp-1", "allotmentDisplayName": "A", "allotmentLicensesCount": 3}


@pytest.mark.parametrize(
    ("kind", "target", "known"),
    [
        pytest.param("deviceConfigurations", GROUP, TargetKind.GROUP, id="group"),
        pytest.param("deviceConfigurations", CLOUD_PC, TargetKind.UNKNOWN, id="cloud-pc-elsewhere"),
        pytest.param("provisioningPolicies", CLOUD_PC, TargetKind.GROUP, id="cloud-pc"),
        pytest.param("provisioningPolicies", GROUP, TargetKind.UNKNOWN, id="other-target-of-cloud-pc"),
        pytest.param(
            "userSettings", "allLicensedUsersAssignmentTarget", TargetKind.UNKNOWN, id="all-users-of-cloud-pc"
        ),
    ],
)
def test_a_kind_with_a_target_of_its_own_takes_nothing_else(kind, target, known):
    raw = {"target": {"@odata.type": f"#microsoft.graph.{target}", "groupId": "g"}}
    assert parse_assignment(CONTRACTS[kind], raw).target is known


def test_fields_of_a_target_are_written_where_they_were_read():
    contract = CONTRACTS["provisioningPolicies"]
    target = {"@odata.type": f"#microsoft.graph.{CLOUD_PC}", "groupId": "g", **LICENCE}
    assignment = parse_assignment(contract, {"id": "a", "target": target})
    assert assignment.body(contract) == {
        "@odata.type": "#microsoft.graph.cloudPcProvisioningPolicyAssignment",
        "target": target,
    }
    other = parse_assignment(contract, {"target": {**target, "servicePlanId": "sp-2"}})
    assert other.value() != assignment.value()
