"""The operations on offer."""

from __future__ import annotations

import strawberry

from atlas_gql.ops.together import fits_many
from atlas_gql.plugins.details import of_plugin
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.types.reasons import ReasonDetail, reason_details


@strawberry.type(description="A kind of work that can be started.")
class OperationType:
    """Its source is the operation that a plugin declared."""

    type: str = strawberry.field(description="Its name in runs, such as `assignments.fetch`.")
    label: str = strawberry.field(description="Its name, for people.")
    description: str = strawberry.field(description="What it does.")
    mutation: str = strawberry.field(description="The mutation that starts it.")
    capability: str = strawberry.field(description="The capability that starting it takes.")
    writes: bool = strawberry.field(description="Whether it changes anything at Microsoft.")

    @resolved("Whether `startOnTenants` starts it in many tenants at once.")
    def for_many_tenants(self) -> bool:
        return fits_many(self)  # type: ignore[arg-type] # the operation

    @resolved("The reason details that its plugin declares: what its failures may say beside `EXTENSION`.")
    def reason_details(self) -> list[ReasonDetail]:
        return reason_details(of_plugin(self.type.partition(".")[0]))
