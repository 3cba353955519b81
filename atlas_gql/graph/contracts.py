"""How each kind of policy keeps its assignments: one row per kind, readable by a person.

Everything that differs between kinds stands in the rows and nowhere else: where the list is, how
assignments are read and written, which fields an assignment carries beside its target, which permissions
it takes. Plugins add rows of the same form. A kind that is not in the table is never called, and one
whose way of writing is not certain is never written.
"""

from __future__ import annotations

from collections.abc import Iterable

from atlas_gql.errors import OperationFailure
from atlas_gql.graph.app_contracts import APP_CONTRACTS
from atlas_gql.graph.contract import PolicyContract
from atlas_gql.graph.device_contracts import DEVICE_CONTRACTS
from atlas_gql.reasons import ReasonCode

CORE = (*DEVICE_CONTRACTS, *APP_CONTRACTS)
"""The rows that Atlas brings along."""

CONTRACTS: dict[str, PolicyContract] = {contract.policy_type: contract for contract in CORE}
"""Every kind of policy that this process knows, by `policy_type`: Atlas's own, then what plugins add."""


def offer(added: Iterable[PolicyContract]) -> tuple[PolicyContract, ...]:
    """Make the table of this process Atlas's own rows and these; gives the ones added before.

    Called once, when the process has loaded its plugins. Whoever holds `CONTRACTS` sees it.
    """
    before = tuple(CONTRACTS.values())[len(CORE) :]
    rows = (*CORE, *added)
    CONTRACTS.clear()
    CONTRACTS.update((contract.policy_type, contract) for contract in rows)
    return before


def contract_of(policy_type: str) -> PolicyContract:
    """The contract of a policy type. Raises OperationFailure (UNSUPPORTED) for an unknown one.

    .. versionadded:: 0.1
    """
    try:
        return CONTRACTS[policy_type]
    except KeyError:
        raise OperationFailure(
            "Atlas does not know this kind of policy.", reason=ReasonCode.UNSUPPORTED, code="unsupported_type"
        ) from None
