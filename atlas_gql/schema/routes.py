"""The paths of the API, as the settings want them."""

from __future__ import annotations

from datetime import timedelta

import strawberry
from starlette.routing import BaseRoute, Route, WebSocketRoute

from atlas_gql.access.authentication import Authentication
from atlas_gql.access.tokens import Plane
from atlas_gql.db.database import Database
from atlas_gql.metrics import Meter
from atlas_gql.plugins.loading import Loaded
from atlas_gql.providers.sealing import Sealer
from atlas_gql.schema import trusted
from atlas_gql.schema.archives import archive_routes
from atlas_gql.schema.build import print_sdl
from atlas_gql.schema.engine import Engine
from atlas_gql.schema.execution import Executor
from atlas_gql.schema.http import GraphQLEndpoint, SchemaEndpoint
from atlas_gql.schema.limits import Limits
from atlas_gql.schema.live.hub import Hub
from atlas_gql.schema.live.socket import Sockets
from atlas_gql.schema.live.telling import Live
from atlas_gql.schema.rates import Rates
from atlas_gql.schema.system import SystemEndpoint, build_system_schema, host_of
from atlas_gql.settings import Settings


def api_routes(
    schema: strawberry.Schema,
    settings: Settings,
    authentication: Authentication,
    *,
    plugins: Loaded,
    database: Database,
    engine: Engine,
    sealer: Sealer,
    hub: Hub,
    meter: Meter,
) -> list[BaseRoute]:
    """`/graphql`, `/system/graphql`, archives and, where clients may ask for them, the schemas.

    Raises ConfigurationError for trusted documents that cannot be read.
    """
    rates = Rates(settings.rate_limit)
    executor = Executor(
        schema,
        limits=Limits(cost=settings.query_cost),
        seconds=settings.query_seconds,
        introspection=settings.introspection,
    )
    live = Live(
        executor,
        database=database,
        engine=engine,
        sealer=sealer,
        hub=hub,
        meter=meter,
        trusted=trusted.load(settings.trusted_documents, only=settings.trusted_documents_only),
    )
    graphql = GraphQLEndpoint(
        live,
        authentication,
        database=database,
        engine=engine,
        sealer=sealer,
        rates=rates,
        allow_get=settings.get_queries,
        longest_token=timedelta(days=settings.token_days),
    )
    system = build_system_schema(plugins.settings)
    system_executor = Executor(
        system,
        limits=Limits(cost=settings.query_cost),
        seconds=settings.query_seconds,
        introspection=settings.introspection,
    )
    routes: list[BaseRoute] = [
        Route("/graphql", graphql),
        Route(
            "/system/graphql",
            SystemEndpoint(
                live.of(system_executor),
                authentication,
                database=database,
                engine=engine,
                sealer=sealer,
                rates=rates,
                allow_get=settings.get_queries,
                longest_token=timedelta(days=settings.token_days),
                host=host_of(settings, plugins),
            ),
        ),
        WebSocketRoute("/graphql", Sockets(live, authentication, rates)),
        *archive_routes(
            authentication,
            database,
            engine,
            sealer,
            rates=rates,
            largest=settings.archive_megabytes * 1_000_000,
        ),
    ]
    if settings.introspection:
        text = SchemaEndpoint(print_sdl(schema), authentication, rates=rates)
        routes.append(Route("/schema.graphql", text))
        system_text = SchemaEndpoint(print_sdl(system), authentication, rates=rates, plane=Plane.PLATFORM)
        routes.append(Route("/system/schema.graphql", system_text))
    return routes
