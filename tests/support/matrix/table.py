"""What there is to walk, read off the schema: each field with its guards, and how a query gets there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import strawberry
from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

from atlas_gql.schema.permissions import Guard

_LATELY = f'(since: "{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}")'
ARGUMENTS: Mapping[str, str] = {"Tenant.runStats": _LATELY, "Workspace.runStats": _LATELY}
"""What to write after a field that takes arguments which it cannot do without."""
KIND_OF: Mapping[str, str] = {
    "run": "OperationRun",
    "token": "ApiToken",
    "againstSet": "BackupSet",
    "writeCredential": "Credential",
}
"""The kinds of what ids name whose names do not say it."""
VALUES: Mapping[str, Any] = {
    "StartOnTenantsInput.operationType": "assignments.fetch",
    "CreateScheduleInput.operationType": "assignments.fetch",
}
"""What inputs are given, by `Input.field`, where nonsense would not do."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A field met on the way, which may be refused: where in the answer, and with which guards."""

    path: tuple[str, ...]
    name: str
    guards: tuple[Any, ...]
    silent: bool
    several: bool
    """Whether it is met several times, in a list: then what holds for one need not hold for another."""
    lists: str | None
    """The kind of things that it lists, page by page."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A selection set, and the fields in it that may be refused."""

    text: str
    steps: tuple[Step, ...]


class Table:
    """A schema with its guards."""

    def __init__(self, schema: strawberry.Schema) -> None:
        self._schema = schema._schema
        self.kinds = sorted(type_.name for type_ in self._schema.get_possible_types(self._node))

    @property
    def _node(self) -> GraphQLInterfaceType:
        node = self._schema.type_map["Node"]
        assert isinstance(node, GraphQLInterfaceType)
        return node

    @property
    def queries(self) -> Mapping[str, GraphQLField]:
        return self._fields(self._schema.query_type)

    @property
    def mutations(self) -> Mapping[str, GraphQLField]:
        return self._fields(self._schema.mutation_type)

    @property
    def subscriptions(self) -> Mapping[str, GraphQLField]:
        return self._fields(self._schema.subscription_type)

    @staticmethod
    def _fields(owner: GraphQLObjectType | None) -> Mapping[str, GraphQLField]:
        assert owner is not None
        return owner.fields

    @cached_property
    def to_walk(self) -> frozenset[str]:
        """Every field that is guarded, or that leads to a thing."""
        return frozenset(
            f"{owner.name}.{name}"
            for owner in self._schema.type_map.values()
            if isinstance(owner, GraphQLObjectType) and not owner.name.startswith("__")
            for name, field in owner.fields.items()
            if guard_of(field) or (self._leads(field) and not self._is_page(owner))
        )

    def of_kind(self, kind: str) -> Selection:
        """All of a thing."""
        return self._whole(self._object(kind), ())

    def of_root(self, name: str) -> Selection:
        """All of what a root field of queries gives."""
        return self.of_field(self.queries[name], (name,))

    def of_event(self, name: str) -> Selection:
        """All of an event of a subscription."""
        return self.of_field(self.subscriptions[name], (name,))

    def of_result(self, field: GraphQLField) -> Mapping[str, Selection]:
        """All of what a mutation can answer, by type."""
        union = get_named_type(field.type)
        assert isinstance(union, GraphQLUnionType), "the matrix knows only mutations that answer with a union"
        return {type_.name: self._whole(type_, ()) for type_ in union.types}

    def of_field(self, field: GraphQLField, path: tuple[str, ...]) -> Selection:
        """All of what a field gives: of things only what belongs to them."""
        type_ = get_named_type(field.type)
        if is_leaf_type(type_):
            return Selection(text="", steps=())
        if self._is_page(type_):
            nodes = self._object(type_.name).fields["nodes"]
            if not self._is_thing(get_named_type(nodes.type)):
                inner = self.of_field(nodes, (*path, "nodes"))
                return Selection(text=f"{{ totalCount nodes {inner.text} }}", steps=inner.steps)
            node = self._plain(get_named_type(nodes.type))
            own = " ".join(
                name
                for name, inner in self._object(type_.name).fields.items()
                if is_leaf_type(get_named_type(inner.type))
            )
            page = "pageInfo { hasNextPage startCursor endCursor }"
            return Selection(
                text=f"{{ {own} {page} nodes {{ {node} }} edges {{ cursor node {{ id }} }} }}", steps=()
            )
        if self._is_thing(type_) or isinstance(type_, GraphQLInterfaceType):
            return Selection(text=f"{{ {self._plain(type_)} }}", steps=())
        inner = self._whole(self._object(type_.name), path)
        several = is_list_type(_nullable(field))
        steps = tuple(replace(step, several=True) for step in inner.steps) if several else inner.steps
        return Selection(text=f"{{ {inner.text} }}", steps=steps)

    def _whole(self, owner: GraphQLObjectType, path: tuple[str, ...]) -> Selection:
        """Every field of a type, guarded or not."""
        texts, steps = [], list[Step]()
        for name, field in owner.fields.items():
            here = (*path, name)
            inner = self.of_field(field, here)
            texts.append(f"{name}{self._arguments(owner, name, field)} {inner.text}")
            if f"{owner.name}.{name}" in self.to_walk:
                guard = guard_of(field)
                steps.append(
                    Step(
                        path=here,
                        name=f"{owner.name}.{name}",
                        guards=tuple(guard.permissions) if guard else (),
                        silent=guard is not None and guard.fail_silently,
                        several=False,
                        lists=self._listed(field),
                    )
                )
            steps += inner.steps
        return Selection(text=" ".join(texts), steps=tuple(steps))

    def _plain(self, type_: GraphQLNamedType) -> str:
        """What belongs to a thing and leads nowhere."""
        if isinstance(type_, GraphQLInterfaceType):
            return " ".join(["__typename", *type_.fields])
        owner = self._object(type_.name)
        return " ".join(
            name
            for name, field in owner.fields.items()
            if is_leaf_type(get_named_type(field.type)) and not guard_of(field) and not field.args
        )

    @staticmethod
    def _arguments(owner: GraphQLObjectType, name: str, field: GraphQLField) -> str:
        where = f"{owner.name}.{name}"
        needed = [argument for argument, given in field.args.items() if is_required_argument(given)]
        assert where in ARGUMENTS or not needed, (
            f"the matrix does not know how to reach {where}: say in ARGUMENTS what {', '.join(needed)} may be"
        )
        return ARGUMENTS.get(where, "")

    def _object(self, name: str) -> GraphQLObjectType:
        type_ = self._schema.type_map[name]
        assert isinstance(type_, GraphQLObjectType), f"the matrix does not know how to look into {name}"
        return type_

    def _listed(self, field: GraphQLField) -> str | None:
        type_ = get_named_type(field.type)
        if not self._is_page(type_):
            return None
        node = get_named_type(self._object(type_.name).fields["nodes"].type)
        return node.name if self._is_thing(node) else None

    def _is_thing(self, type_: GraphQLNamedType) -> bool:
        return type_.name == "Node" or type_.name in self.kinds

    def _is_page(self, type_: GraphQLNamedType) -> bool:
        return type_.name.endswith(("Connection", "Edge"))

    def _leads(self, field: GraphQLField, seen: frozenset[str] = frozenset()) -> bool:
        type_ = get_named_type(field.type)
        if self._is_thing(type_):
            return True
        if not isinstance(type_, GraphQLObjectType) or type_.name in seen:
            return False
        return any(self._leads(inner, seen | {type_.name}) for inner in type_.fields.values())


def guard_of(field: GraphQLField) -> Guard | None:
    """The guard that a field was declared with."""
    declared = field.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
    return next((one for one in declared.extensions if isinstance(one, Guard)), None)


def kind_named(argument: str, kinds: list[str]) -> str:
    """The kind of thing that an argument of this name is the id of."""
    stem = argument.removesuffix("s").removesuffix("Id")
    kind = KIND_OF.get(stem, stem[:1].upper() + stem[1:])
    assert kind in kinds, f"the matrix does not know what {argument} names: say it in KIND_OF"
    return kind


def ids_in(given: GraphQLInputObjectType) -> Iterator[tuple[str, bool]]:
    """The fields of an input that name things, and whether each must be given."""
    for name, field in given.fields.items():
        if get_named_type(field.type).name == "ID" and name.endswith(("Id", "Ids")):
            yield name, is_required_input_field(field)


def nonsense(given: GraphQLInputObjectType, ids: Mapping[str, str]) -> dict[str, Any]:
    """An input with these ids, and in all else as empty as its types allow: past access, and no further."""
    found: dict[str, Any] = {}
    for name, field in given.fields.items():
        where, type_ = f"{given.name}.{name}", get_named_type(field.type)
        value: Any
        if where in VALUES:
            value = VALUES[where]
        elif name in ids:
            value = ids[name]
        elif not is_required_input_field(field):
            continue
        elif isinstance(type_, GraphQLInputObjectType):
            value = nonsense(type_, {})
        else:
            value = _EMPTY.get(type_.name, next(iter(getattr(type_, "values", ["x"]))))
        found[name] = [value] if is_list_type(_nullable(field)) and not isinstance(value, list) else value
    return found


_EMPTY: Mapping[str, Any] = {"String": "", "Int": -1, "Float": -1.0, "Boolean": False, "JSON": {}, "ID": ""}


def _nullable(field: Any) -> Any:
    return field.type.of_type if is_non_null_type(field.type) else field.type
