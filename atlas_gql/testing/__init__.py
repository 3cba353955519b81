"""What the tests of a plugin use; the fixtures are in `atlas_gql.testing.plugin`."""

from atlas_gql.testing.conformance import assert_plugin_conforms
from atlas_gql.testing.faults import Graph
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.operations import RunOperation, run_operation
from atlas_gql.testing.outcomes import Audited, Counters, Failure, Item, Logged, Outcome
from atlas_gql.testing.postgres import fresh_database
from atlas_gql.testing.staging import Interruption, cancelled, rights_lost, worker_lost

__all__ = [
    "Audited",
    "Counters",
    "Failure",
    "Graph",
    "Installation",
    "Interruption",
    "Item",
    "Logged",
    "Outcome",
    "Place",
    "RunOperation",
    "assert_plugin_conforms",
    "cancelled",
    "fresh_database",
    "installation",
    "rights_lost",
    "run_operation",
    "worker_lost",
]
