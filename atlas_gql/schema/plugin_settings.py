"""Settings of plugins in GraphQL: what is set of each plugin, and the mutation that sets it.

Secrets are taken, and never shown: only whether they are set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple, Optional
from uuid import UUID

import strawberry
from strawberry.types.field import StrawberryField

from atlas_gql.access.capabilities import Capability
from atlas_gql.errors import TenantArchived, ValidationError
from atlas_gql.ops import plugin_settings as service
from atlas_gql.ops.plugin_settings import DEFAULT, Home, Shown
from atlas_gql.ops.references import metadata
from atlas_gql.plugins.api import Doc, PluginSettings
from atlas_gql.plugins.naming import camel, pascal
from atlas_gql.plugins.secrets import Secret
from atlas_gql.plugins.settings import hints_of, secrets_of
from atlas_gql.schema.changes import change_field
from atlas_gql.schema.context import Context, Info
from atlas_gql.schema.errors import ErrorTypes
from atlas_gql.schema.inputs import InputTypes, plain_text, sentence, words
from atlas_gql.schema.mutations import TENANT_OF
from atlas_gql.schema.permissions import Guard, HasCapability
from atlas_gql.schema.results import ResultTypes
from atlas_gql.schema.types.tenants import TenantPayload


class Given(NamedTuple):
    """A GraphQL input of settings, and the way from it to what shall be changed."""

    graphql: type
    changes: Callable[[Any], dict[str, Any]]


class SettingsTypes:
    """The types of settings in one schema."""

    def __init__(self, inputs: InputTypes, results: ResultTypes) -> None:
        self._inputs = inputs
        self._results = results

    def shown(self, plugin: str, of: Any) -> type:
        """The type that shows what is set."""
        secrets = {
            f"{name}_is_set": (bool, f"Whether it is set: {_description(name, of)}")
            for name in sorted(secrets_of(of))
        }
        plain = {
            name: (self._results.shown(hint, _place(plugin, name)), _description(name, of))
            for name, hint in hints_of(of).items()
            if name not in secrets_of(of)
        }
        return _type(f"{pascal(plugin)}Settings", sentence(of), {**plain, **secrets})

    def given(self, plugin: str, of: Any, **more: Any) -> Given:
        """The input that sets it. `more` are the host's own fields, as `(type, description)`."""
        readers: dict[str, Callable[[Any, str], Any]] = {}
        annotations = {name: type_ for name, (type_, _) in more.items()}
        fields = {name: strawberry.field(description=text) for name, (_, text) in more.items()}
        for name, hint in hints_of(of).items():
            if name in secrets_of(of):
                annotation, readers[name], says = str, _read_secret, "It is sealed, and never shown."
            else:
                converted = self._inputs.converted(hint, _place(plugin, name))
                annotation, readers[name], says = converted.annotation, converted.read, converted.says
            annotations[name] = Optional[annotation]  # noqa: UP045 # a value
            description = f"{_description(name, of)} {says}".strip()
            fields[name] = strawberry.field(description=description, default=strawberry.UNSET)
        name = f"Set{pascal(plugin)}SettingsInput"
        made = type(name, (), {**fields, "__annotations__": annotations, "__module__": __name__})
        what = "What to set. What is left out stays as it is; null goes back to the default."

        def changes(given: Any) -> dict[str, Any]:
            found = {name: getattr(given, name) for name in readers}
            return {
                name: DEFAULT if value is None else readers[name](value, camel(name))
                for name, value in found.items()
                if value is not strawberry.UNSET
            }

        return Given(strawberry.input(made, name=name, description=what), changes)


def tenant_settings(
    declared: Mapping[str, PluginSettings], inputs: InputTypes, results: ResultTypes, errors: ErrorTypes
) -> tuple[list[StrawberryField], list[StrawberryField]]:
    """For each plugin that has something to be set for tenants, the field of Tenant and the mutation."""
    types = SettingsTypes(inputs, results)
    found = [(plugin, one.tenant) for plugin, one in sorted(declared.items()) if one.tenant is not None]
    return (
        [_tenant_field(plugin, of, types) for plugin, of in found],
        [_tenant_mutation(plugin, of, types, errors) for plugin, of in found],
    )


def _tenant_field(plugin: str, of: Any, types: SettingsTypes) -> StrawberryField:
    async def settings(self: Any, info: Any) -> Any:
        context: Context = info.context

        async def load(tenant_ids: list[UUID]) -> list[Any]:
            return list(
                map(presented, await service.shown_of_tenants(context.database, plugin, of, tenant_ids))
            )

        return await context.loader((tenant_settings, plugin), load).load(self.tenant_id)

    return settings_field(
        plugin,
        settings,
        types.shown(plugin, of),
        f"What is set of the plugin {plugin} for it.",
        Guard(HasCapability(Capability.PLUGINS_CONFIGURE)),
    )


def _tenant_mutation(plugin: str, of: Any, types: SettingsTypes, errors: ErrorTypes) -> StrawberryField:
    given = types.given(plugin, of, tenant_id=(strawberry.ID, "The tenant that it is set for."))

    async def work(context: Context, place: Any, input: Any) -> TenantPayload:
        home = Home(tenant_id=place.tenant_id, workspace_id=place.workspace_id)
        async with context.database.begin() as tx:
            by = context.actor.by(context.request_id)
            changes = given.changes(input)
            await service.configure(tx, by, context.sealer, plugin=plugin, of=of, changes=changes, home=home)
        return TenantPayload(tenant_id=home.tenant_id, workspace_id=home.workspace_id)

    return change_field(
        f"set{pascal(plugin)}Settings",
        given.graphql,
        TenantPayload,
        work,
        errors,
        target=TENANT_OF,
        capability=Capability.PLUGINS_CONFIGURE,
        allowed=(ValidationError, TenantArchived),
        description=f"Sets the plugin {plugin} for a tenant. Secrets are sealed, and shown by nothing.",
    )


def settings_field(plugin: str, resolve: Any, shown: type, description: str, guard: Guard) -> StrawberryField:
    """A field that gives what is set of a plugin."""
    # The annotations are values: the types are made here, and no module names them.
    resolve.__annotations__ = {"info": Info, "return": Optional[shown]}  # noqa: UP045 # a value
    field: StrawberryField = strawberry.field(
        resolver=resolve, name=f"{camel(plugin)}Settings", description=description, extensions=[guard]
    )
    return field


def presented(what: Shown) -> SimpleNamespace:
    """What is set, as its type is read from."""
    return SimpleNamespace(**what.values, **{f"{name}_is_set": there for name, there in what.secrets.items()})


def _type(name: str, description: str, fields: Mapping[str, tuple[Any, str]]) -> type:
    annotations = {key: annotation for key, (annotation, _) in fields.items()}
    namespace = {key: strawberry.field(description=text) for key, (_, text) in fields.items()}
    made = type(name, (), {**namespace, "__annotations__": annotations, "__module__": __name__})
    return strawberry.type(made, name=name, description=description)


def _place(plugin: str, name: str) -> str:
    return f"The plugin {plugin}: its setting {name}"


def _description(name: str, of: Any) -> str:
    doc = metadata(hints_of(of)[name], Doc)
    return doc.text if doc else words(name)


def _read_secret(value: str, field: str) -> Secret[str]:
    return Secret(plain_text(value, field))
