"""`atlas plugins settings`: what is set of plugins for the installation, by the platform's own schema."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from uuid import UUID

import typer

from atlas_gql.access.actors import Actor
from atlas_gql.access.tokens import Plane
from atlas_gql.audit import COMMAND, By
from atlas_gql.cli.output import AsJson
from atlas_gql.cli.secrets import FromEnv, FromStdin
from atlas_gql.cli.session import on_database
from atlas_gql.cli.setting import (
    Defaults,
    OfPlugin,
    OfSecret,
    Values,
    read_secrets,
    set_settings,
    show_settings,
)
from atlas_gql.client.api import data_of
from atlas_gql.client.settings import Place, PluginSettings
from atlas_gql.db.database import ENGINE, Database
from atlas_gql.settings import Settings, load_settings

app = typer.Typer(
    name="settings", help="What is set of plugins for the whole installation.", no_args_is_help=True
)


@app.command()
def show(plugin: OfPlugin, as_json: AsJson = False) -> None:
    """Show what is set of a plugin for the installation. Of secrets it tells whether they are set."""
    _with_settings(plugin, lambda settings: show_settings(settings, as_json=as_json))


@app.command("set")
def set_(
    plugin: OfPlugin,
    values: Values = None,
    default: Defaults = None,
    secret: OfSecret = None,
    from_env: FromEnv = None,
    from_stdin: FromStdin = False,
    as_json: AsJson = False,
) -> None:
    """Set a plugin for the installation. What is not named stays as it is; runs that begin next have it."""
    secrets = read_secrets(values, default, secret, from_env, from_stdin)
    _with_settings(plugin, lambda settings: set_settings(settings, values, default, secrets, as_json=as_json))


def _with_settings(plugin: str, use: Callable[[PluginSettings], None]) -> None:
    """Do something with the installation's settings of a plugin."""
    options = load_settings()

    async def work(database: Database) -> None:
        answer, loop = _platform(database, options), asyncio.get_running_loop()

        def ask(text: str, variables: Mapping[str, Any]) -> dict[str, Any]:
            return asyncio.run_coroutine_threadsafe(answer(text, variables), loop).result()

        await asyncio.to_thread(lambda: use(PluginSettings(ask, plugin, Place.of_installation())))

    on_database(work, options)


class _CommandLine(Actor):
    """Whoever may run `atlas` on a machine of the installation."""

    def by(self, request_id: str | None) -> By:  # noqa: ARG002 # there is no request
        return COMMAND


def _platform(
    database: Database, options: Settings
) -> Callable[[str, Mapping[str, Any]], Coroutine[Any, Any, dict[str, Any]]]:
    """The platform's API without HTTP: from an operation's text and variables to its `data`."""
    # Not above: the schema would be imported by every command.
    from atlas_gql.plugins.loading import discover, load_plugins, names
    from atlas_gql.providers.keys import sealer_of
    from atlas_gql.schema.execution import Executor
    from atlas_gql.schema.offering import misfit
    from atlas_gql.schema.system import build_system_schema, host_of
    from atlas_gql.schema.system.http import SystemContext

    plugins = load_plugins(discover(names(options.load_plugins)), fits=misfit)
    executor, sealer = Executor(build_system_schema(plugins.settings)), sealer_of(options)
    actor = _CommandLine(user_id=UUID(int=0), name=COMMAND.name, token_id=None, plane=Plane.PLATFORM)
    nothing: Any = None  # settings start no runs

    async def answer(text: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        context = SystemContext(
            actor=actor,
            database=database.scope(ENGINE),
            engine=nothing,
            sealer=sealer,
            request_id="",
            host=host_of(options, plugins),
        )
        given = dict(variables)
        told = await executor.execute(executor.read(text), context, variables=given, operation_name=None)
        return data_of(told.body) or {}

    return answer
