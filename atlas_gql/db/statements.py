"""From a SQLAlchemy Core statement to what psycopg runs: compiled once, kept, and typed.

Statements are built with Core, so that tables and columns have one definition, and executed on the raw
driver connection: reading a page costs the driver's work and little more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from psycopg.types.json import Jsonb
from sqlalchemy import Table, bindparam, types
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.dialects.postgresql import psycopg as dialect_module
from sqlalchemy.sql.expression import Executable

_DIALECT = dialect_module.dialect()  # type: ignore[no-untyped-call] # untyped in SQLAlchemy
_NUMBERED = dialect_module.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call] # as above


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A statement's text in psycopg's form, and how its parameters are made."""

    sql: str
    defaults: Mapping[str, Any]
    json: frozenset[str]
    required: frozenset[str]

    def parameters(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The statement's own values, overridden by the given ones. Raises KeyError for a wrong name."""
        values = {**self.defaults, **given}
        if len(values) != len(self.defaults):
            unknown = given.keys() - self.defaults.keys()
            raise KeyError(f"the statement has no parameter {', '.join(sorted(unknown))}")
        if not self.required <= given.keys():
            missing = self.required - given.keys()
            raise KeyError(f"the statement wants {', '.join(sorted(missing))}")
        for name in self.json:
            if values[name] is not None:
                values[name] = Jsonb(values[name], dumps=orjson.dumps)
        return values


@lru_cache(maxsize=2048)
def prepare(statement: Executable) -> Prepared:
    """Compile a statement. The cache is by identity: keep statements in module variables or caches."""
    compiled = statement.compile(dialect=_DIALECT)  # type: ignore[attr-defined] # every statement we build has it
    json = frozenset(name for name, bind in compiled.binds.items() if isinstance(bind.type, types.JSON))
    required = frozenset(name for name, bind in compiled.binds.items() if bind.required)
    return Prepared(
        sql=str(compiled),
        defaults={name: bind.value for name, bind in compiled.binds.items()},
        json=json,
        required=required,
    )


@lru_cache(maxsize=2048)
def numbered(statement: Executable) -> tuple[bytes, tuple[str, ...]]:
    """A statement's text as PostgreSQL itself takes it, with $1, $2, and the parameters' names in order."""
    compiled = statement.compile(dialect=_NUMBERED)  # type: ignore[attr-defined] # every statement we build has it
    return str(compiled).encode(), tuple(compiled.positiontup or ())


def adding(table: Table, *columns: str) -> Insert:
    """An INSERT of one row with these columns, each a parameter of its name."""
    return insert(table).values({name: bindparam(name, type_=table.c[name].type) for name in columns})
