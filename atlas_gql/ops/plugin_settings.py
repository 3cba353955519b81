"""What is set of plugins: changed by whoever may, given to their runs. Secrets are kept sealed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

import orjson
import pydantic
from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB

from atlas_gql import audit
from atlas_gql.audit import By
from atlas_gql.db.database import Row, ScopedDatabase, Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.tables import tenants
from atlas_gql.errors import ConfigurationError, NotFound, OperationFailure, TenantArchived, ValidationError
from atlas_gql.ops.inputs import adapter
from atlas_gql.ops.leases import Claim
from atlas_gql.plugins.api import PluginSettings
from atlas_gql.plugins.naming import camel
from atlas_gql.plugins.secrets import Secret
from atlas_gql.plugins.settings import defaults_of, hints_of, secrets_of
from atlas_gql.providers.sealing import Sealed, Sealer
from atlas_gql.reasons import ReasonCode
from atlas_gql.values import holds_nul

Given = TypeVar("Given")

DEFAULT: Final = object()
"""In the place of a value: nothing is set of this field any more."""
LONGEST_SECRET = 8192
CANNOT_OPEN = "A secret that was set cannot be opened with the configured keys: set it anew."
MISFIT = "What was set of this does not fit this version of the plugin: set it anew."


@dataclass(frozen=True, kw_only=True)
class Home:
    """The tenant whose settings are meant."""

    tenant_id: UUID
    workspace_id: UUID


class _Statements:
    """The statements of a table whose rows have these keys."""

    def __init__(self, table: str, *keys: str) -> None:
        mine = " AND ".join(f"{key} = :{key}" for key in keys)
        self.found = text(f"SELECT id, data, secrets, sealed, key_id FROM {table} WHERE {mine}")  # noqa: S608 # literals
        self.held = text(f"{self.found} FOR UPDATE")
        self.added = text(
            f"INSERT INTO {table} (id, {', '.join(keys)}) VALUES (:id, :{', :'.join(keys)})"  # noqa: S608 # as above
            " ON CONFLICT DO NOTHING"
        )
        self.changed = text(
            f"UPDATE {table} SET data = :data, secrets = :secrets, sealed = :sealed, key_id = :key_id,"  # noqa: S608 # as above
            f" changed_at = clock_timestamp() WHERE {mine}"
        ).bindparams(bindparam("data", type_=JSONB))


_OF_INSTALLATION = _Statements("plugin_settings", "plugin")
_OF_TENANT = _Statements("plugin_tenant_settings", "plugin", "tenant_id", "workspace_id")
_OF_TENANTS = text(
    "SELECT tenant_id, data, secrets FROM plugin_tenant_settings"
    " WHERE plugin = :plugin AND tenant_id = ANY (:tenant_ids)"
)
# Whoever archives it waits, or is waited for.
_HOLD_TENANT = (
    select(tenants.c.archived_at)
    .where(tenants.c.id == bindparam("tenant_id"), tenants.c.workspace_id == bindparam("workspace_id"))
    .with_for_update(read=True, key_share=True)
)


def _of(home: Home | None, plugin: str) -> tuple[_Statements, dict[str, Any]]:
    """The statements for a tenant's settings, or the installation's, and what finds the row."""
    if home is None:
        return _OF_INSTALLATION, {"plugin": plugin}
    return _OF_TENANT, {"plugin": plugin, **asdict(home)}


# --- What is set is changed ------------------------------------------------------------------------------


async def configure(
    tx: Transaction,
    by: By,
    sealer: Sealer,
    *,
    plugin: str,
    of: Any,
    changes: Mapping[str, Any],
    home: Home | None = None,
) -> list[str]:
    """Set fields of a plugin's settings class, for a tenant or the installation; gives those that changed.

    `changes` are values by the fields' names, or `DEFAULT`; what is not among them stays as it is. Raises
    ValidationError, naming the field; TenantArchived, and NotFound.
    """
    statements, keys = _of(home, plugin)
    if home is not None:
        await _hold(tx, home)
    await tx.execute(statements.added, id=new_id(), **keys)
    row = await tx.one(statements.held, **keys)
    assert row is not None
    given = {name: _kept(of, name, value) for name, value in changes.items()}
    left = _left(row, sealer, given)
    old = {**row.data, **left}
    new = {name: value for name, value in {**old, **given}.items() if value is not DEFAULT}
    _check(of, new, changes)
    changed = [name for name in given if old.get(name, DEFAULT) != new.get(name, DEFAULT)]
    if changed:
        # What another version of the plugin called a secret stays one.
        secret = secrets_of(of) | (left.keys() - given.keys())
        await tx.execute(statements.changed, **_columns(new, secret, sealer, row.id), **keys)
        await _record(tx, by, plugin, home, changed)
    return changed


async def _hold(tx: Transaction, home: Home) -> None:
    row = await tx.one(_HOLD_TENANT, **asdict(home))
    if row is None:
        raise NotFound
    if row.archived_at is not None:
        raise TenantArchived


def _kept(of: Any, name: str, value: Any) -> Any:
    """A value as JSON has it, or DEFAULT. Raises ValidationError for what cannot be kept."""
    if value is DEFAULT:
        return DEFAULT
    secret = name in secrets_of(of)
    if secret and not 0 < len(value.reveal()) <= LONGEST_SECRET:
        raise ValidationError(f"A secret has 1 to {LONGEST_SECRET:,} characters.", field=name)
    try:
        kept = value.reveal() if secret else _dumped(of, name, value)
        if not holds_nul(orjson.dumps(kept)):
            return kept
    except (ValueError, TypeError) as exc:
        raise ValidationError("This value cannot be kept.", field=name) from exc
    raise ValidationError("The text holds a NUL character.", field=name)


def _dumped(of: Any, name: str, value: Any) -> Any:
    return adapter(hints_of(of)[name]).dump_python(value, mode="json", warnings="error")


def _left(row: Row, sealer: Sealer, given: Mapping[str, Any]) -> dict[str, Any]:
    """The secrets that are set. Those that no key opens do no harm where all of them are given anew."""
    try:
        return _opened(row, sealer)
    except ConfigurationError as exc:
        if lost := set(row.secrets) - given.keys():
            raise ValidationError(CANNOT_OPEN, field=min(lost)) from exc
        return dict.fromkeys(row.secrets, CANNOT_OPEN)


def _opened(row: Row, sealer: Sealer) -> dict[str, str]:
    """The secrets of a row. Raises ConfigurationError when no key opens them."""
    if row.sealed is None:
        return {}
    found: dict[str, str] = orjson.loads(sealer.open(Sealed(row.sealed, row.key_id), row=row.id))
    return found


def _columns(new: Mapping[str, Any], secret: Collection[str], sealer: Sealer, row_id: UUID) -> dict[str, Any]:
    """The columns of what is set."""
    secrets = {name: value for name, value in new.items() if name in secret}
    sealed = sealer.seal(orjson.dumps(secrets).decode(), row=row_id) if secrets else None
    return {
        "data": {name: value for name, value in new.items() if name not in secrets},
        "secrets": sorted(secrets),
        "sealed": sealed and sealed.data,
        "key_id": sealed and sealed.key_id,
    }


def _check(of: Any, new: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    """Raises ValidationError when the class does not take what would be set."""
    try:
        _made(of, new)
    except ValueError as exc:
        raise ValidationError("The plugin does not take this.", field=next(iter(changes), "input")) from exc


async def _record(tx: Transaction, by: By, plugin: str, home: Home | None, changed: Sequence[str]) -> None:
    await audit.record(
        tx,
        by=by,
        action="plugin.configured",
        **(asdict(home) if home else {}),
        resource=("Plugin", plugin),
        # The names alone: an address may be as secret as what is called so.
        details={"changed": [camel(name) for name in sorted(changed)]},
    )


# --- What is set is read ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What is set of a plugin, as people may see it: `values` without secrets, with the defaults."""

    values: Mapping[str, Any]
    secrets: Mapping[str, bool]
    """Whether each secret is set."""


async def shown(tx: Transaction | ScopedDatabase, plugin: str, of: Any) -> Shown:
    """What is set for the installation."""
    statements, keys = _of(None, plugin)
    return _shown(of, await tx.one(statements.found, **keys))


async def shown_of_tenants(
    database: ScopedDatabase, plugin: str, of: Any, tenant_ids: Sequence[UUID]
) -> list[Shown]:
    """What is set for each of these tenants, with one statement."""
    rows = await database.fetch(_OF_TENANTS, plugin=plugin, tenant_ids=list(tenant_ids))
    found = {row.tenant_id: row for row in rows}
    return [_shown(of, found.get(tenant_id)) for tenant_id in tenant_ids]


def _shown(of: Any, row: Row | None) -> Shown:
    values = {name: value for name, value in defaults_of(of).items() if name not in secrets_of(of)}
    stored = row.data if row else {}
    for name in values.keys() & stored.keys():
        try:
            values[name] = _value(of, name, stored[name])
        except ValidationError:
            continue  # whoever set it sees that it does not count any more, and may set it anew
    there = row.secrets if row else ()
    return Shown(values=values, secrets={name: name in there for name in sorted(secrets_of(of))})


class RunSettings:
    """What handlers are given of their plugins' settings."""

    def __init__(self, declared: Mapping[str, PluginSettings], sealer: Sealer) -> None:
        self._declared = declared
        self._sealer = sealer

    async def of(self, database: ScopedDatabase, claim: Claim, of: type[Given]) -> Given:
        """What is set for the run's tenant, or for the installation; one statement.

        Raises TypeError for a class that is none of the plugin's, OperationFailure for what cannot be read.
        """
        plugin = claim.type.partition(".")[0]
        declared = self._declared.get(plugin, PluginSettings())
        if of is None or of not in (declared.installation, declared.tenant):
            raise TypeError(f"{of} is none of the settings classes of the plugin {plugin}")
        home = Home(tenant_id=claim.tenant_id, workspace_id=claim.workspace_id)
        statements, keys = _of(home if of is declared.tenant else None, plugin)
        row = await database.one(statements.found, **keys)
        try:
            made: Given = _made(of, {**row.data, **_opened(row, self._sealer)} if row else {})
        except ConfigurationError as exc:
            raise _unreadable(CANNOT_OPEN) from exc
        except ValidationError as exc:
            raise _unreadable(f"The plugin's setting {camel(exc.field)}: {exc.message}") from exc
        return made


def _unreadable(message: str) -> OperationFailure:
    return OperationFailure(message, reason=ReasonCode.MISSING_CONFIGURATION, code="settings_unreadable")


def _made(of: Any, stored: Mapping[str, Any]) -> Any:
    """The dataclass with what is stored. Raises ValidationError, and what its own check raises."""
    return of(**{name: _value(of, name, stored[name]) for name in hints_of(of) if name in stored})


def _value(of: Any, name: str, stored: Any) -> Any:
    if name in secrets_of(of):
        return Secret(stored)
    try:
        return adapter(hints_of(of)[name]).validate_python(stored)
    except pydantic.ValidationError as exc:  # its text quotes the value
        raise ValidationError(MISFIT, field=name) from exc
