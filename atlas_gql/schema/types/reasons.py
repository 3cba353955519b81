"""Reason codes and details as clients read them: what each means, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable

import strawberry

from atlas_gql.plugins.details import DETAILS, Declared
from atlas_gql.reasons import REASONS, ReasonCode


@strawberry.type(description="What there is to know of a reason code.")
class ReasonCodeDescription:
    code: ReasonCode = strawberry.field(description="The code that failures carry.")
    description: str = strawberry.field(description="What it means.")
    cause: str = strawberry.field(description="What is likely behind it.")
    advice: str = strawberry.field(description="What to do.")


@strawberry.type(description="A cause that a plugin knows, beside the reason code `EXTENSION`.")
class ReasonDetail:
    plugin: str = strawberry.field(description="The name of the plugin that declares it.")
    name: str = strawberry.field(description="Its name; `plugin.name` is what failures show.")
    description: str = strawberry.field(description="What it means.")


def reason_details(declared: Iterable[Declared] | None = None) -> list[ReasonDetail]:
    """Those that are given; else all of them, by plugin and name."""
    found = DETAILS.values() if declared is None else declared
    return [
        ReasonDetail(plugin=one.plugin, name=one.name, description=one.description)
        for one in sorted(found, key=lambda one: (one.plugin, one.name))
    ]


def reason_codes() -> list[ReasonCodeDescription]:
    """All of them, in the order in which they came to be."""
    return [
        ReasonCodeDescription(code=code, description=reason.meaning, cause=reason.cause, advice=reason.advice)
        for code, reason in REASONS.items()
    ]
