"""What is set of plugins for the whole installation: shown and changed on the platform."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

import strawberry
from strawberry.types.field import StrawberryField

from atlas_gql.errors import DomainError, ValidationError
from atlas_gql.ops import plugin_settings as service
from atlas_gql.plugins.api import PluginSettings
from atlas_gql.plugins.naming import pascal
from atlas_gql.schema.errors import ErrorTypes
from atlas_gql.schema.inputs import InputTypes
from atlas_gql.schema.mutations import mutation_field
from atlas_gql.schema.permissions import Guard
from atlas_gql.schema.plugin_settings import SettingsTypes, presented, settings_field
from atlas_gql.schema.results import ResultTypes
from atlas_gql.schema.system.permissions import OnPlatform

_PLATFORM = OnPlatform()


def installation_settings(
    declared: Mapping[str, PluginSettings], errors: ErrorTypes
) -> tuple[list[StrawberryField], list[StrawberryField]]:
    """For each plugin that has something to be set for the installation, the field and the mutation."""
    inputs = InputTypes()
    types, fields, mutations = SettingsTypes(inputs, ResultTypes(inputs)), [], []
    for plugin, of in sorted(
        (plugin, one.installation) for plugin, one in declared.items() if one.installation
    ):
        shown = types.shown(plugin, of)
        fields.append(_field(plugin, of, shown))
        mutations.append(_mutation(plugin, of, shown, types, errors))
    return fields, mutations


def _field(plugin: str, of: Any, shown: type) -> StrawberryField:
    async def settings(info: Any) -> Any:
        return presented(await service.shown(info.context.database, plugin, of))

    return settings_field(
        plugin, settings, shown, f"What is set of the plugin {plugin} for the installation.", Guard(_PLATFORM)
    )


def _mutation(plugin: str, of: Any, shown: type, types: SettingsTypes, errors: ErrorTypes) -> StrawberryField:
    given, payload = types.given(plugin, of), _payload(plugin, shown)

    async def resolve(info: Any, input: Any) -> Any:
        context = info.context
        try:
            async with context.database.begin() as tx:
                by = context.actor.by(context.request_id)
                changes = given.changes(input)
                await service.configure(tx, by, context.sealer, plugin=plugin, of=of, changes=changes)
                return payload(settings=presented(await service.shown(tx, plugin, of)))
        except DomainError as exc:
            return errors.present(exc, (ValidationError,), None)

    return mutation_field(
        f"set{pascal(plugin)}Settings",
        resolve,
        given.graphql,
        (payload, errors.of(ValidationError)),
        description=f"Sets the plugin {plugin} for the installation. Secrets are sealed, and shown by"
        " nothing.",
        guards=[_PLATFORM],
    )


def _payload(plugin: str, shown: type) -> type:
    field = strawberry.field(description="What is set now.")
    made = type(
        f"{pascal(plugin)}SettingsPayload",
        (),
        {"settings": field, "__annotations__": {"settings": Optional[shown]}, "__module__": __name__},  # noqa: UP045 # a value
    )
    return strawberry.type(made, description=f"The plugin {plugin} was set.")
