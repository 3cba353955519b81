"""The fixtures of `atlas_gql.testing`, by name: only the conftest at the top may load them as a plugin."""

from atlas_gql.testing.plugin import atlas, atlas_plugins, graph, new_tenant, run_operation, tenant

__all__ = ["atlas", "atlas_plugins", "graph", "new_tenant", "run_operation", "tenant"]
