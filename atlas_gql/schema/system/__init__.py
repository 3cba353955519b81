"""The platform plane: `/system/graphql`, for whoever runs the installation. Never a tenant's data."""

from atlas_gql.schema.system.build import build_system_schema
from atlas_gql.schema.system.host import Host, host_of
from atlas_gql.schema.system.http import SystemEndpoint

__all__ = ["Host", "SystemEndpoint", "build_system_schema", "host_of"]
