"""Reason codes as clients read them: what each means, and what to do about it."""

from __future__ import annotations

import strawberry

from atlas_gql.reasons import REASONS, ReasonCode


@strawberry.type(description="What there is to know of a reason code.")
class ReasonCodeDescription:
    code: ReasonCode = strawberry.field(description="The code that failures carry.")
    description: str = strawberry.field(description="What it means.")
    cause: str = strawberry.field(description="What is likely behind it.")
    advice: str = strawberry.field(description="What to do.")


def reason_codes() -> list[ReasonCodeDescription]:
    """All of them, in the order in which they came to be."""
    return [
        ReasonCodeDescription(code=code, description=reason.meaning, cause=reason.cause, advice=reason.advice)
        for code, reason in REASONS.items()
    ]
