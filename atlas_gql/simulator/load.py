"""Tenants from JSON files as Graph returns them: `DIR/<tenant guid>/groups.json` and so on.

Each file is `{"value": [...]}`, named after its path below the version, with assignments embedded. A
file that is no collection of the simulator's is kept as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import orjson

from atlas_gql.simulator.assignments import assignment_id
from atlas_gql.simulator.calls import is_guid
from atlas_gql.simulator.errors import LoadError
from atlas_gql.simulator.kind import Kind
from atlas_gql.simulator.state import (
    DELETED_FILE,
    DEVICES_FILE,
    FILTERS_FILE,
    GROUPS_FILE,
    ORGANIZATION_FILE,
    Collection,
    Document,
    Entity,
    Policy,
    State,
    Tenant,
)
from atlas_gql.simulator.table import KINDS

E = TypeVar("E", bound=Entity)

_ASIDE = frozenset(
    {"assignments", "assignments@odata.context", "members", "members@odata.count"}
    | {name for kind in KINDS.values() for name in kind.expands_also}
)


def load_state(path: str | Path) -> State:
    """The state that a directory of tenants holds. Raises LoadError, which names the file at fault."""
    root = Path(path)
    if not root.is_dir():
        raise LoadError(f"{root} is not a directory.")
    state = State()
    try:
        folders = sorted(entry for entry in root.iterdir() if entry.is_dir())
        for folder in folders:
            state.replace(_tenant(folder.name, _files(folder), f"{root}/{folder.name}"))
    except OSError as exc:
        raise LoadError(f"{exc.filename or root} cannot be read: {exc.strerror}.") from exc
    if not state.tenants:
        raise LoadError(f"{root} holds no tenant: it needs a folder per tenant, named by the tenant's GUID.")
    return state


def load_tenants(document: object) -> list[Tenant]:
    """The tenants of a document in the form of the export. Raises LoadError."""
    if not isinstance(document, dict) or not document:
        raise LoadError("The document is not an object of tenants by GUID.")
    tenants = []
    for tenant_id, files in document.items():
        if not isinstance(files, dict):
            raise LoadError(f"{tenant_id}: not an object of files by name.")
        tenants.append(_tenant(tenant_id, files, tenant_id))
    return tenants


def read_json(path: Path) -> Any:
    """The JSON in a file. Raises LoadError."""
    try:
        return orjson.loads(path.read_bytes())
    except OSError as exc:
        raise LoadError(f"{path} cannot be read: {exc.strerror}.") from exc
    except orjson.JSONDecodeError as exc:
        raise LoadError(f"{path} is not JSON: {exc}.") from exc


def _files(folder: Path) -> dict[str, Any]:
    files = sorted(path for path in folder.rglob("*.json") if path.is_file())
    return {path.relative_to(folder).as_posix(): read_json(path) for path in files}


def _tenant(tenant_id: str, files: Mapping[str, Any], origin: str) -> Tenant:
    if not is_guid(tenant_id):
        raise LoadError(f"{origin}: '{tenant_id}' is not a tenant's GUID.")
    tenant = Tenant(id=tenant_id.lower())
    for name, content in files.items():
        where = f"{origin}/{name}"
        kind = KINDS.get(name.removesuffix(".json"))
        if name == ORGANIZATION_FILE:
            tenant.organization = _organization(content, where, tenant.id)
        elif name == GROUPS_FILE:
            tenant.groups = _collection(content, where, "displayName", _entity)
        elif name == DELETED_FILE:
            tenant.deleted = _collection(content, where, "displayName", _entity)
        elif name == FILTERS_FILE:
            tenant.filters = _collection(content, where, "displayName", _entity)
        elif name == DEVICES_FILE:
            tenant.devices = _collection(content, where, "deviceName", _entity)
        elif kind is not None:
            tenant.policies[kind.path] = _collection(content, where, kind.name_field, _policy_reader(kind))
        else:
            tenant.others[name] = content
    return tenant


def _collection(
    content: object, where: str, name_field: str, read: Callable[[Document, str], E]
) -> Collection[E]:
    entities = []
    seen: set[str] = set()
    for i, document in enumerate(_values(content, where)):
        at = f"{where}: value[{i}]"
        key = document.get("id")
        if not isinstance(key, str) or not key:
            raise LoadError(f"{at} has no id.")
        if key.lower() in seen:
            raise LoadError(f"{at} repeats the id {key}.")
        if not isinstance(document.get(name_field), str):
            raise LoadError(f"{at} has no {name_field}.")
        seen.add(key.lower())
        entities.append(read(document, at))
    assert isinstance(content, dict)
    envelope = {name: value for name, value in content.items() if name != "value"}
    return Collection(entities, name_field=name_field, envelope=envelope)


def _values(content: object, where: str) -> list[dict[str, Any]]:
    values = content.get("value") if isinstance(content, dict) else None
    if not isinstance(values, list):
        raise LoadError(f'{where} is not of the form {{"value": [...]}}.')
    for i, value in enumerate(values):
        if not isinstance(value, dict):
            raise LoadError(f"{where}: value[{i}] is not an object.")
    return values


def _entity(document: Document, where: str) -> Entity:
    count = document.get("members@odata.count", 0)
    if not isinstance(count, int):
        raise LoadError(f"{where} has a members@odata.count that is not a number.")
    shown, aside = _split(document)
    return Entity(document=shown, aside=aside)


def _policy_reader(kind: Kind) -> Callable[[Document, str], Policy]:
    def read(document: Document, where: str) -> Policy:
        shown, aside = _split(document)
        policy = Policy(document=shown, aside=aside)
        assignments = aside.pop("assignments", None)
        if assignments is None:
            assignments = []
        if not isinstance(assignments, list):
            raise LoadError(f"{where} has assignments that are not a list.")
        policy.assignments = tuple(
            _assignment(kind, policy.id, assignment, f"{where}.assignments[{i}]")
            for i, assignment in enumerate(assignments)
        )
        return policy

    return read


def _split(document: Document) -> tuple[dict[str, Any], dict[str, Any]]:
    shown = {name: value for name, value in document.items() if name not in _ASIDE}
    return shown, {name: value for name, value in document.items() if name in _ASIDE}


def _assignment(kind: Kind, policy_id: str, assignment: object, where: str) -> Document:
    """An assignment as it stands in the file; one without an id gets the id that Graph would derive."""
    target = assignment.get("target") if isinstance(assignment, dict) else None
    if not isinstance(assignment, dict) or not isinstance(target, dict):
        raise LoadError(f"{where} has no target.")
    if not isinstance(target.get("@odata.type"), str):
        raise LoadError(f"{where} has a target without @odata.type.")
    if assignment.get("id"):
        return assignment
    return {"id": assignment_id(kind, policy_id, assignment), **assignment}


def _organization(content: object, where: str, tenant_id: str) -> Document:
    values = _values(content, where)
    if len(values) != 1:
        raise LoadError(f"{where} does not hold exactly one organization.")
    organization = values[0]
    if str(organization.get("id", "")).lower() != tenant_id:
        raise LoadError(f"{where}: the organization's id is not the tenant's GUID.")
    domains = organization.get("verifiedDomains")
    if not isinstance(domains, list) or not all(
        isinstance(domain, dict) and isinstance(domain.get("name"), str) for domain in domains
    ):
        raise LoadError(f"{where}: verifiedDomains is not a list of objects with a name.")
    return organization
