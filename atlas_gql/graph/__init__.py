"""Microsoft Graph: the client, the contracts of policy kinds, tokens, and the safe assignment write."""

from atlas_gql.graph.answers import APPROVAL_REQUEST
from atlas_gql.graph.client import GraphClient
from atlas_gql.graph.clouds import CHINA, CLOUDS, GLOBAL, US_GOVERNMENT, US_GOVERNMENT_DOD, Cloud
from atlas_gql.graph.contract import Family, PolicyContract, ReadStrategy, WriteStrategy
from atlas_gql.graph.contracts import CONTRACTS, contract_of
from atlas_gql.graph.microsoft import MicrosoftGraphClient
from atlas_gql.graph.model import (
    Assignment,
    Filter,
    Group,
    Identity,
    Policy,
    TargetKind,
    fingerprint,
    parse_assignment,
)
from atlas_gql.graph.null import NullGraphClient
from atlas_gql.graph.observer import Observer
from atlas_gql.graph.pacing import Pacer
from atlas_gql.graph.patience import Clock, Patience
from atlas_gql.graph.steps import intermediate_fingerprints
from atlas_gql.graph.tokens import (
    Certificate,
    Credential,
    Federated,
    MsalTokens,
    Secret,
    TokenSource,
    claims,
)
from atlas_gql.graph.transport import TIMEOUT
from atlas_gql.graph.write import (
    Intent,
    ReadBack,
    WriteOutcome,
    Written,
    check_assignments,
    write_assignments,
)

__all__ = [
    "APPROVAL_REQUEST",
    "CHINA",
    "CLOUDS",
    "CONTRACTS",
    "GLOBAL",
    "TIMEOUT",
    "US_GOVERNMENT",
    "US_GOVERNMENT_DOD",
    "Assignment",
    "Certificate",
    "Clock",
    "Cloud",
    "Credential",
    "Family",
    "Federated",
    "Filter",
    "GraphClient",
    "Group",
    "Identity",
    "Intent",
    "MicrosoftGraphClient",
    "MsalTokens",
    "NullGraphClient",
    "Observer",
    "Pacer",
    "Patience",
    "Policy",
    "PolicyContract",
    "ReadBack",
    "ReadStrategy",
    "Secret",
    "TargetKind",
    "TokenSource",
    "WriteOutcome",
    "WriteStrategy",
    "Written",
    "check_assignments",
    "claims",
    "contract_of",
    "fingerprint",
    "intermediate_fingerprints",
    "parse_assignment",
    "write_assignments",
]
