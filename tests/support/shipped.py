"""The schema as it is shipped: with the first-party plugins."""

from __future__ import annotations

import strawberry

from atlas_gql.plugins.loading import discover, load_all
from atlas_gql.schema.build import build_schema


def shipped_schema() -> strawberry.Schema:
    plugins = load_all(discover())
    return build_schema(plugins.operations.values(), plugins.settings)
