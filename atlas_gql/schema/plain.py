"""Fields that need no ceremony: what a row, or a function of it, gives at once is taken directly.

Most fields of an answer are attributes of a row. For each of them graphql-core describes the field, asks for
its arguments, calls through Strawberry's wrappers and looks at the type anew: most of what a page costs.
Here, how a field is taken is found out once for a schema.

Whatever is not as it should be - null where there must be a value, a value that its type refuses, an
exception - is left to the executor's own way, which says what is wrong.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from inspect import signature
from operator import attrgetter
from typing import Any, NamedTuple, Self, cast

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
    OperationType,
    Undefined,
    default_field_resolver,
    default_type_resolver,
    get_nullable_type,
    is_leaf_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import CollectedFields, FieldDetailsList, collect_fields
from graphql.execution.values import VariableValues
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from atlas_gql.schema.operations import Operation

_KNOWN = "atlas-plain"
"""Where a field's description keeps how it is taken."""


class Plain(NamedTuple):
    """How a field is taken from its source; `coerce` makes what is sent of it, `of` is an object's type."""

    take: Callable[[Any], Any]
    type: GraphQLOutputType
    nullable: bool
    coerce: Callable[[Any], Any] | None = None
    of: GraphQLObjectType | None = None


class Level(NamedTuple):
    """A selection on one type: the names in order, the plain fields, and all others."""

    selection: Mapping[str, Any]
    plain: list[tuple[str, Any, Plain]]
    rest: dict[str, Any]


class PlainExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor, with a shorter way for plain fields."""

    _known: Operation | None = None
    """The operation, where what is found out while it is executed holds for the next time as well."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._levels: dict[tuple[str, int], Level] = {}

    @classmethod
    def of(cls, operation: Operation, context: Any, variables: VariableValues, root: Any) -> Self:
        """What executes an operation once."""
        made = cls(
            operation.schema,
            operation.definitions,
            operation.fragments,
            root,
            context,
            operation.node,
            variables,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=cast("Any", optimized_is_awaitable),  # cheaper than graphql-core's; typed as bool
        )
        if operation.lasting:
            made._known, made._levels = operation, operation.levels
        return made

    def execute_operation(self, serially: bool | None = None) -> Any:
        """What comes of it, or what will."""
        known = self._known
        if known is None or known.root is None:
            return super().execute_operation(serially)
        serially = known.type is OperationType.MUTATION if serially is None else serially
        fields = self._at_root(known, known.root).grouped_field_set
        try:
            data: Any = self.execute_root_grouped_field_set(
                known.root, self.root_value, fields, serially, None
            )
        except GraphQLError as exc:
            return self._failed(exc)
        return self._later(data) if self.is_awaitable(data) else self.build_response(data)

    async def _later(self, data: Any) -> ExecutionResult:
        try:
            return cast("ExecutionResult", self.build_response(await data))
        except GraphQLError as exc:
            return self._failed(exc)

    def _failed(self, error: GraphQLError) -> ExecutionResult:
        self.collected_errors.add(error, None)
        return cast("ExecutionResult", self.build_response(None))

    def _at_root(self, known: Operation, root: GraphQLObjectType) -> CollectedFields:
        key = root, 0
        if key not in known.collected:
            found = collect_fields(self.schema, self.fragments, self.variable_values, root, self.operation)
            known.collected[key] = None, found
        return known.collected[key][1]

    def collect_subfields(
        self, return_type: GraphQLObjectType, field_details_list: FieldDetailsList
    ) -> CollectedFields:
        """The fields selected on a type at a place."""
        if self._known is None:
            return super().collect_subfields(return_type, field_details_list)
        key = return_type, id(field_details_list)
        found = self._known.collected.get(key)
        if found is None:
            fields = super().collect_subfields(return_type, field_details_list)
            # With the place itself: its id is another's as soon as it is gone.
            found = self._known.collected[key] = field_details_list, fields
        return found[1]

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: Any,
        position_context: Any,
    ) -> Any:
        """The fields of one object, in order; awaitable where one of them is."""
        key = parent_type.name, id(grouped_field_set)
        level = self._levels.get(key)
        if level is None:
            level = self._levels[key] = self._level(parent_type, grouped_field_set)
        results: dict[str, Any] = {}
        for name, details, plain in level.plain:
            value = _taken(plain, source_value)
            if value is Undefined:
                at = Path(path, name, parent_type.name)
                value = self.execute_field(parent_type, source_value, details, at, position_context)
            elif plain.of is not None and value is not None:
                at = Path(path, name, parent_type.name)
                try:
                    value = self.collect_and_execute_subfields(plain.of, details, at, value, position_context)
                except Exception as exc:  # what lacks in it is told here, or further up
                    self.handle_field_error(exc, plain.type, details, at)
                    value = None
            results[name] = value
        if not level.rest:
            return results
        rest: Any = super().execute_fields(parent_type, source_value, path, level.rest, position_context)
        if not level.plain:
            return rest
        if self.is_awaitable(rest):
            return _merged_later(level.selection, results, rest)
        return _merged(level.selection, results, rest)

    def _level(self, parent_type: GraphQLObjectType, selection: Mapping[str, Any]) -> Level:
        plain: list[tuple[str, Any, Plain]] = []
        rest: dict[str, Any] = {}
        for name, details in selection.items():
            field = self.schema.get_field(parent_type, details[0].node.name.value)
            how = plainly(field, parent_type) if field else None
            if how is None:
                rest[name] = details
            else:
                plain.append((name, details, how))
        # With the selection itself: its id is another's as soon as it is gone.
        return Level(selection, plain, rest)


def _taken(plain: Plain, source: Any) -> Any:
    """The field's value, ready to be sent unless it is an object; Undefined where all is not well."""
    try:
        value = plain.take(source)
        if value is None:
            return None if plain.nullable else Undefined
        if plain.coerce is None:
            return Undefined if isinstance(value, Exception) else value
        sent = plain.coerce(value)
    except Exception:  # it comes again on the executor's own way, and is told there
        return Undefined
    return Undefined if sent is None else sent


def _merged(order: Mapping[str, Any], plain: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    both = {**plain, **rest}
    return {name: both[name] for name in order if name in both}


async def _merged_later(order: Mapping[str, Any], plain: dict[str, Any], rest: Any) -> dict[str, Any]:
    return _merged(order, plain, await rest)


def plainly(field: GraphQLField, of: GraphQLObjectType) -> Plain | None:
    """How a field of a type is taken; None for one that is not plain."""
    if _KNOWN not in field.extensions:
        # While it is found out, as for a type that leads back to itself, it is not plain.
        field.extensions[_KNOWN] = None
        field.extensions[_KNOWN] = _plainly(field, of)
    return cast("Plain | None", field.extensions[_KNOWN])


def _plainly(field: GraphQLField, of: GraphQLObjectType) -> Plain | None:
    take = _taking(field, of)
    if take is None:
        return None
    nullable, type_ = not is_non_null_type(field.type), get_nullable_type(field.type)
    if is_leaf_type(type_):
        coerce = _text if type_ is GraphQLString else type_.coerce_output_value
        return Plain(take, field.type, nullable, coerce=coerce)
    if is_object_type(type_) and not type_.is_type_of:
        inner = [plainly(each, type_) for each in type_.fields.values()]
        # Nothing in it waits, then.
        if all(each is not None for each in inner):
            return Plain(take, field.type, nullable, of=type_)
    return None


def _taking(field: GraphQLField, of: GraphQLObjectType) -> Callable[[Any], Any] | None:
    declared = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(declared, StrawberryField) or field.args or declared.extensions or declared.is_async:
        return None
    resolver = declared.base_resolver
    if resolver is None:
        return attrgetter(declared.python_name) if declared.default_resolver is getattr else None
    if resolver.name == "id" and any(interface.name == "Node" for interface in of.interfaces):
        return _id_of(of.name)
    function: Any = resolver.wrapped_func
    return cast("Callable[[Any], Any]", function) if [*signature(function).parameters] == ["self"] else None


def _id_of(kind: str) -> Callable[[Any], str]:
    """As `ids.encode` gives it."""
    return lambda row: b64encode(f"{kind}:{row.uuid}".encode()).decode()


def _text(value: Any) -> str:
    return value if type(value) is str else cast("str", GraphQLString.coerce_output_value(value))
