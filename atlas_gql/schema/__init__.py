"""GraphQL in, GraphQL out."""

from atlas_gql.schema.build import build_schema, print_sdl
from atlas_gql.schema.engine import Engine, Started
from atlas_gql.schema.http import create_graphql_app

__all__ = ["Engine", "Started", "build_schema", "create_graphql_app", "print_sdl"]
