"""What a process knows of its installation without asking the database."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from atlas_gql.plugins.loading import Installed, Loaded
from atlas_gql.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A setting as operators see it; `value` is None for a secret, and for what is not set."""

    name: str
    description: str
    value: str | None
    secret: bool
    is_set: bool


@dataclass(frozen=True, kw_only=True)
class Host:
    """The settings without secrets, and the plugins."""

    settings: tuple[Shown, ...]
    plugins: tuple[Installed, ...]


def host_of(settings: Settings, plugins: Loaded) -> Host:
    """What is shown of a process with these settings and plugins."""
    return Host(
        settings=tuple(_shown(settings, name) for name in Settings.model_fields),
        plugins=plugins.plugins,
    )


def _shown(settings: Settings, name: str) -> Shown:
    field, value = Settings.model_fields[name], getattr(settings, name)
    secret = "SecretStr" in str(field.annotation)
    assert secret or not isinstance(value, SecretStr)
    return Shown(
        name=f"ATLAS_{name.upper()}",
        description=field.description or "",
        value=None if secret or value is None else str(value),
        secret=secret,
        is_set=name in settings.model_fields_set,
    )
