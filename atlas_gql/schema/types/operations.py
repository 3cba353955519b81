"""The operations on offer."""

from __future__ import annotations

from typing import cast

import strawberry
from strawberry.scalars import JSON

from atlas_gql.ops.together import fits_many
from atlas_gql.plugins.details import of_plugin
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.inputs import input_schema
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

    @resolved("The plugin that offers it.")
    def plugin(self) -> str:
        return self.type.partition(".")[0]

    @resolved("How many seconds a run may take from its first claim on.")
    def time_limit(self) -> int:
        return int(self.time_limit.total_seconds())  # type: ignore[attr-defined] # the operation's

    @resolved(
        "JSON Schema (draft 2020-12) of what the mutation takes: the fields of its GraphQL input, with their"
        " defaults and bounds. Enum values are text, ids what `id` gives."
    )
    def input_schema(self) -> JSON:
        return cast("JSON", input_schema(self))

    @resolved("The type of what its runs return, as `OperationRun.result` has it; null for nothing.")
    def result_type(self) -> str | None:
        return self.result.__name__ if self.result else None  # type: ignore[attr-defined] # the operation's

    @resolved("Whether `startOnTenants` starts it in many tenants at once.")
    def for_many_tenants(self) -> bool:
        return fits_many(self)  # type: ignore[arg-type] # the operation

    @resolved("The reason details that its plugin declares: what its failures may say beside `EXTENSION`.")
    def reason_details(self) -> list[ReasonDetail]:
        return reason_details(of_plugin(self.type.partition(".")[0]))
