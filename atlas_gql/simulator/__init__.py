"""A Microsoft Graph on loopback: invented tenants, Graph's habits, faults on demand.

It imports nothing of the rest of Atlas, so that it cannot share a mistake with what is tested on it.
"""

from __future__ import annotations

from atlas_gql.simulator.app import create_app
from atlas_gql.simulator.demo import DEMO_SECOND_TENANT, DEMO_TENANT, DemoTenant, demo_state
from atlas_gql.simulator.errors import LoadError
from atlas_gql.simulator.faults import Fault, FaultError, parse_faults
from atlas_gql.simulator.load import load_state
from atlas_gql.simulator.server import Running, running, serve
from atlas_gql.simulator.state import CLIENT_ID, CLIENT_SECRET, Registration, State, Tenant

__all__ = [
    "CLIENT_ID",
    "CLIENT_SECRET",
    "DEMO_SECOND_TENANT",
    "DEMO_TENANT",
    "DemoTenant",
    "Fault",
    "FaultError",
    "LoadError",
    "Registration",
    "Running",
    "State",
    "Tenant",
    "create_app",
    "demo_state",
    "load_state",
    "parse_faults",
    "running",
    "serve",
]
