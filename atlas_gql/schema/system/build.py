"""The platform's schema."""

from __future__ import annotations

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import create_type

from atlas_gql.schema.errors import ErrorTypes
from atlas_gql.schema.system.mutations import system_fields
from atlas_gql.schema.system.queries import SystemQuery


def build_system_schema() -> strawberry.Schema:
    """The schema of `/system/graphql`; the same whatever plugins there are."""
    mutation = create_type(
        "Mutation",
        system_fields(ErrorTypes()),
        description="What the platform's operators can do. All of it is audited.",
    )
    return strawberry.Schema(
        query=SystemQuery,
        mutation=mutation,
        config=StrawberryConfig(sort_schema=True),
    )
