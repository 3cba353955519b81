"""A Microsoft Graph on loopback: invented tenants, Graph's habits, faults on demand.

It imports nothing of the rest of Atlas, so that it cannot share a mistake with what is tested on it.
"""

from __future__ import annotations

from atlas_gql.simulator.app import create_app
from atlas_gql.simulator.conditions import parse_conditions
from atlas_gql.simulator.demo import DEMO_SECOND_TENANT, DEMO_TENANT, DemoTenant, demo_state, full_state
from atlas_gql.simulator.errors import LoadError
from atlas_gql.simulator.faults import Fault, FaultError, parse_faults
from atlas_gql.simulator.habits import HabitError, Habits, Throttling, parse_habits
from atlas_gql.simulator.large import large_state
from atlas_gql.simulator.load import load_state
from atlas_gql.simulator.server import Running, running, serve
from atlas_gql.simulator.state import (
    CLIENT_ID,
    CLIENT_SECRET,
    Collection,
    Entity,
    Policy,
    Registration,
    State,
    Tenant,
)

__all__ = [
    "CLIENT_ID",
    "CLIENT_SECRET",
    "DEMO_SECOND_TENANT",
    "DEMO_TENANT",
    "Collection",
    "DemoTenant",
    "Entity",
    "Fault",
    "FaultError",
    "HabitError",
    "Habits",
    "LoadError",
    "Policy",
    "Registration",
    "Running",
    "State",
    "Tenant",
    "Throttling",
    "create_app",
    "demo_state",
    "full_state",
    "large_state",
    "load_state",
    "parse_conditions",
    "parse_faults",
    "parse_habits",
    "running",
    "serve",
]
