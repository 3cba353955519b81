"""The schema: the core's types, and the mutations of the operations on offer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import strawberry
from strawberry.printer import print_schema
from strawberry.tools import create_type

from atlas_gql.errors import ConfigurationError
from atlas_gql.plugins.api import Operation, PluginSettings
from atlas_gql.schema.credentials import credential_fields
from atlas_gql.schema.errors import ErrorTypes
from atlas_gql.schema.extended import ExtendedSchema
from atlas_gql.schema.inputs import InputTypes
from atlas_gql.schema.invitations import invitation_fields
from atlas_gql.schema.live.subscriptions import Subscription
from atlas_gql.schema.members import member_fields
from atlas_gql.schema.mutations import cancel_field, start_field
from atlas_gql.schema.plugin_settings import tenant_settings
from atlas_gql.schema.providers import provider_fields
from atlas_gql.schema.queries import Query
from atlas_gql.schema.removals import removal_fields
from atlas_gql.schema.results import ResultTypes
from atlas_gql.schema.retries import retry_field
from atlas_gql.schema.schedules import schedule_fields
from atlas_gql.schema.starts import StartRefused, start_on_tenants_field
from atlas_gql.schema.tenants import tenant_fields
from atlas_gql.schema.tokens import token_fields
from atlas_gql.schema.types.results import UnknownOperationResult

NOTHING_SET: Mapping[str, PluginSettings] = MappingProxyType({})


def build_schema(
    operations: Iterable[Operation[Any]], settings: Mapping[str, PluginSettings] = NOTHING_SET
) -> strawberry.Schema:
    """The schema that offers these operations and settings. Every call makes its generated types anew.

    Raises ConfigurationError for an operation that cannot be offered, naming it and what is wrong.
    """
    inputs, errors = InputTypes(), ErrorTypes()
    results = ResultTypes(inputs)
    of_tenants, setting = tenant_settings(settings, inputs, results, errors)
    offered = sorted(operations, key=lambda operation: operation.mutation)
    fields = [
        cancel_field(errors),
        retry_field(offered, errors),
        *credential_fields(errors),
        *provider_fields(errors),
        *removal_fields(errors),
        *member_fields(errors),
        *tenant_fields(errors),
        start_on_tenants_field(inputs, errors),
        *schedule_fields(inputs, errors),
        *token_fields(errors),
        *invitation_fields(errors),
        *setting,
    ]
    taken = {field.graphql_name or "": "Atlas itself" for field in fields}
    for operation in offered:
        if operation.mutation in taken:
            raise ConfigurationError(
                f"The mutation {operation.mutation} is offered by both {taken[operation.mutation]}"
                f" and {operation.type}."
            )
        taken[operation.mutation] = operation.type
        fields.append(start_field(operation, inputs, errors))
        results.add(operation)
    mutation = create_type(
        "Mutation", fields, description="What can be done. Work is started here, and carried out by workers."
    )
    return ExtendedSchema(
        query=Query,
        mutation=mutation,
        subscription=Subscription,
        # No field names them: they are what interfaces stand for.
        types=[StartRefused, UnknownOperationResult, *results.all],
        more={"Tenant": of_tenants},
    )


def print_sdl(schema: strawberry.Schema) -> str:
    """The schema as text, in an order that depends on its content alone."""
    return print_schema(schema) + "\n"
