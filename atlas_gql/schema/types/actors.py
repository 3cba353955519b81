"""Who did something."""

from __future__ import annotations

import strawberry


@strawberry.type(description="Who did something, as known when it was done.")
class Actor:
    kind: str = strawberry.field(description="What they are: `user`, or `system` for Atlas itself.")
    name: str = strawberry.field(description="Their name then.")
    uuid: str | None = strawberry.field(description="The user's key; null for Atlas itself.")
