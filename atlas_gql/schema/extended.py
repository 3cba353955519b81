"""A schema whose types have fields beside those of their classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import strawberry
from strawberry.exceptions import DuplicatedTypeName, ScalarAlreadyRegisteredError
from strawberry.schema.config import StrawberryConfig
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from atlas_gql.errors import ConfigurationError


class ExtendedSchema(strawberry.Schema):
    """`more` are the fields that plugins bring to types of Atlas, by the types' names in GraphQL.

    Raises ConfigurationError when two types would have one name.
    """

    def __init__(self, *, more: Mapping[str, Sequence[StrawberryField]], **parts: Any) -> None:
        self._more = more
        config = StrawberryConfig(sort_schema=True)
        try:
            super().__init__(config=config, **parts)
        except (DuplicatedTypeName, ScalarAlreadyRegisteredError) as exc:
            raise ConfigurationError(
                "Two GraphQL types would have the same name; rename the plugin's class."
                f" {str(exc).splitlines()[0]}"
            ) from exc

    def get_fields(self, type_definition: StrawberryObjectDefinition) -> list[StrawberryField]:
        return [*type_definition.fields, *self._more.get(type_definition.name, ())]
