"""The platform's schema."""

from __future__ import annotations

from collections.abc import Mapping

import strawberry
from strawberry.tools import create_type

from atlas_gql.plugins.api import PluginSettings
from atlas_gql.schema.errors import ErrorTypes
from atlas_gql.schema.extended import ExtendedSchema
from atlas_gql.schema.system.mutations import system_fields
from atlas_gql.schema.system.plugin_settings import installation_settings
from atlas_gql.schema.system.queries import SystemQuery


def build_system_schema(settings: Mapping[str, PluginSettings]) -> strawberry.Schema:
    """The schema of `/system/graphql`, with what can be set of these plugins."""
    errors = ErrorTypes()
    shown, setting = installation_settings(settings, errors)
    mutation = create_type(
        "Mutation",
        [*system_fields(errors), *setting],
        description="What the platform's operators can do. All of it is audited.",
    )
    return ExtendedSchema(query=SystemQuery, mutation=mutation, more={"Query": shown})
