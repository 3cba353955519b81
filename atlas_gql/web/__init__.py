"""What surrounds the API on HTTP: slow connections, other sites' pages, headers, and GraphiQL."""

from atlas_gql.web.connections import PatientProtocol
from atlas_gql.web.graphiql import graphiql_routes
from atlas_gql.web.headers import SecurityHeaders
from atlas_gql.web.origins import guarded

__all__ = ["PatientProtocol", "SecurityHeaders", "graphiql_routes", "guarded"]
