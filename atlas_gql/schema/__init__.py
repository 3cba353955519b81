"""GraphQL in, GraphQL out."""

from atlas_gql.schema.build import build_schema, print_sdl
from atlas_gql.schema.engine import Engine, Started
from atlas_gql.schema.routes import api_routes

__all__ = ["Engine", "Started", "api_routes", "build_schema", "print_sdl"]
