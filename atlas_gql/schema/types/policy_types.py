"""The kinds of policy that Atlas knows."""

from __future__ import annotations

import strawberry


@strawberry.type(description="A kind of policy: where Graph keeps it, and what Atlas can do with it.")
class PolicyType:
    """Its source is a row of the contract table."""

    policy_type: str = strawberry.field(
        name="type", description="Its name in inputs and answers, such as `deviceConfigurations`."
    )
    label: str = strawberry.field(description="Its name, for people.")
    path: str = strawberry.field(description="Its collection in Microsoft Graph, below the version.")
    platform: str | None = strawberry.field(
        description="The platform of every policy of this kind; null where that differs or is not known."
    )
    read_permission: str = strawberry.field(description="The Graph permission that a backup takes.")
    write_permission: str | None = strawberry.field(
        description="The Graph permission that a restore takes besides; null when it is never restored."
    )
    supports_filters: bool = strawberry.field(description="Whether its assignments may carry a filter.")
    supports_restore: bool = strawberry.field(description="Whether a restore may write it.")
    why_not: str | None = strawberry.field(
        description="Why it is backed up and never restored; null when it can be restored."
    )
