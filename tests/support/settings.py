"""A plugin with settings of every form and a reason detail, which does in a run whatever a test says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from types import SimpleNamespace
from typing import Annotated, Any

from annotated_types import Le

from atlas_gql.plugins import (
    Doc,
    Operation,
    PluginSettings,
    ReasonDetail,
    RunContext,
    Secret,
    ValidationError,
    hookimpl,
    new,
)

NAME = "example"


class ExampleTone(StrEnum):
    """How to say it."""

    SHORT = "short"
    LONG = "long"


@dataclass(frozen=True, kw_only=True)
class ExampleRule:
    """A rule."""

    name: str
    weight: int = 1
    tones: tuple[ExampleTone, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TenantSettings:
    """How the example works for a tenant."""

    urls: Annotated[tuple[str, ...], Doc("Where to.")] = ()
    tone: ExampleTone = ExampleTone.SHORT
    limit: Annotated[int, Le(100)] | None = None
    share: float = 0.5
    on: bool = True
    rules: tuple[ExampleRule, ...] = (ExampleRule(name="first"),)
    signing_secret: Annotated[Secret[str] | None, Doc("What it signs with.")] = None
    old_secret: Secret[str] = Secret("")  # noqa: RUF009 # it never changes

    def __post_init__(self) -> None:
        if any(not url.startswith("https://") for url in self.urls):
            raise ValidationError("An address begins with https://.", field="urls")
        if not 0 <= self.share <= 1:
            raise ValueError("a share")


@dataclass(frozen=True, kw_only=True)
class InstallationSettings:
    """How the example works everywhere."""

    networks: tuple[str, ...] = ()
    depth: int = 3
    tone: ExampleTone = ExampleTone.LONG
    proxy_password: Secret[str] | None = None


@dataclass(frozen=True, kw_only=True)
class WorkInput:
    """Which work to do."""

    work: str


Work = Callable[[RunContext], Awaitable[Any]]
WORKS: dict[str, Work] = {}
SAID: dict[str, Any] = {}


async def carry(ctx: RunContext, given: WorkInput) -> None:
    SAID[given.work] = await WORKS[given.work](ctx)


@hookimpl
def atlas_operations() -> Any:
    return [
        Operation(
            type=f"{NAME}.work",
            mutation=f"{NAME}Work",
            label="Work",
            description="Does what a test says.",
            input=WorkInput,
            target=new(),
            capability="policies.view",
            handler=carry,
        )
    ]


@hookimpl
def atlas_settings() -> PluginSettings:
    return PluginSettings(installation=InstallationSettings, tenant=TenantSettings)


@hookimpl
def atlas_reason_details() -> list[ReasonDetail]:
    return [ReasonDetail(name="late", description="It came late.")]


EXAMPLE = (
    NAME,
    SimpleNamespace(
        atlas_operations=atlas_operations,
        atlas_settings=atlas_settings,
        atlas_reason_details=atlas_reason_details,
    ),
)
