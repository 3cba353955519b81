"""The schema as it is shipped: with the first-party plugins."""

from __future__ import annotations

from functools import cache

import strawberry

from atlas_gql.plugins.loading import discover, load_all
from atlas_gql.schema.build import build_schema


@cache
def shipped_schema() -> strawberry.Schema:
    """The same one each time: whoever takes it looks at it only."""
    plugins = load_all(discover())
    return build_schema(plugins.operations.values(), plugins.settings)
