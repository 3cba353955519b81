"""Whether what plugins offer becomes a schema, found out before anybody needs it."""

from __future__ import annotations

from atlas_gql.errors import ConfigurationError
from atlas_gql.plugins.loading import Loaded
from atlas_gql.schema.build import build_schema, print_sdl
from atlas_gql.schema.system.build import build_system_schema


def misfit(loaded: Loaded) -> str | None:
    """Why no schema can be made of it; None when one can."""
    try:
        print_sdl(build_schema(loaded.operations.values(), loaded.settings))
        print_sdl(build_system_schema(loaded.settings))
    except ConfigurationError as exc:
        return exc.message
    except Exception as exc:  # whatever Strawberry and graphql-core make of strange names and defaults
        return f"GraphQL can make nothing of it ({type(exc).__name__[:100]})."
    return None
