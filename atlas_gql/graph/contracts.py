"""How each kind of policy keeps its assignments: one row per kind, readable by a person.

Everything that differs between kinds stands in the rows and nowhere else: where the list is, how
assignments are read and written, which fields an assignment carries beside its target, which permissions
it takes. A kind that is not in the table is never called, and one whose way of writing is not certain is
never written.
"""

from __future__ import annotations

from atlas_gql.errors import OperationFailure
from atlas_gql.graph.app_contracts import APP_CONTRACTS
from atlas_gql.graph.contract import PolicyContract
from atlas_gql.graph.device_contracts import DEVICE_CONTRACTS
from atlas_gql.reasons import ReasonCode

CONTRACTS: dict[str, PolicyContract] = {
    contract.policy_type: contract for contract in (*DEVICE_CONTRACTS, *APP_CONTRACTS)
}
"""Every kind of policy that Atlas knows, by `policy_type`, in the order of the table."""


def contract_of(policy_type: str) -> PolicyContract:
    """The contract of a policy type. Raises OperationFailure (UNSUPPORTED) for an unknown one."""
    try:
        return CONTRACTS[policy_type]
    except KeyError:
        raise OperationFailure(
            "Atlas does not know this kind of policy.", reason=ReasonCode.UNSUPPORTED, code="unsupported_type"
        ) from None
