"""What the simulated tenants hold, in memory. Documents are never changed in place, only replaced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from atlas_gql.simulator.table import ALL_ROLES, FILTERS_PATH, Kind

Document = Mapping[str, Any]

CLIENT_ID = "11111111-aaaa-4bbb-8ccc-222222222222"
CLIENT_SECRET = "simulator"  # noqa: S105 - opens nothing but invented data

GROUPS_FILE = "groups.json"
FILTERS_FILE = f"{FILTERS_PATH}.json"
ORGANIZATION_FILE = "organization.json"


@dataclass(frozen=True, kw_only=True)
class Registration:
    """The app registration that may take tokens for a tenant, and what was consented to."""

    client_id: str = CLIENT_ID
    secret: str = field(default=CLIENT_SECRET, repr=False)
    secret_expired: bool = False
    roles: frozenset[str] = ALL_ROLES


@dataclass(kw_only=True)
class Entity:
    """An object of a tenant: what is answered, and beside it what only the export shows."""

    document: Document
    aside: Document = field(default_factory=dict)

    @property
    def id(self) -> str:
        return str(self.document["id"])

    def export(self) -> dict[str, Any]:
        return {**self.document, **self.aside}


@dataclass(kw_only=True)
class Policy(Entity):
    """A policy and its stored assignments, in beta's form."""

    assignments: tuple[Document, ...] = ()

    def assign(self, assignments: Iterable[Document]) -> None:
        """Replace the stored assignments."""
        self.assignments = tuple(assignments)
        if "isAssigned" in self.document:
            self.document = {**self.document, "isAssigned": bool(self.assignments)}

    def export(self) -> dict[str, Any]:
        return {**super().export(), "assignments": list(self.assignments)}


E = TypeVar("E", bound=Entity)


class Collection(Generic[E]):
    """Objects in their order, found by id and by name (both in any case) without a search."""

    def __init__(
        self, entities: Iterable[E] = (), *, name_field: str = "displayName", envelope: Document | None = None
    ) -> None:
        self.entities = list(entities)
        self.envelope = dict(envelope or {})
        """What stood beside `value` where the collection was loaded from."""
        self._by_id = {entity.id.lower(): entity for entity in self.entities}
        self._by_name: dict[str, list[E]] = {}
        for entity in self.entities:
            self._by_name.setdefault(str(entity.document.get(name_field)).casefold(), []).append(entity)

    def get(self, key: str) -> E | None:
        return self._by_id.get(key.lower())

    def named(self, name: str) -> list[E]:
        return self._by_name.get(name.casefold(), [])

    def export(self) -> dict[str, Any]:
        return {**self.envelope, "value": [entity.export() for entity in self.entities]}


@dataclass(kw_only=True)
class Tenant:
    """One tenant. A collection that was not loaded is served as an empty one and not exported."""

    id: str
    organization: Document | None = None
    groups: Collection[Entity] | None = None
    filters: Collection[Entity] | None = None
    policies: dict[str, Collection[Policy]] = field(default_factory=dict)
    """By the kind's path."""
    others: dict[str, Any] = field(default_factory=dict)
    """Files that the simulator does not serve, as they were loaded."""
    registration: Registration = field(default_factory=Registration)

    def policies_of(self, kind: Kind) -> Collection[Policy]:
        return self.policies.get(kind.path) or Collection()

    @property
    def described(self) -> Document:
        """The organization object, also when none was loaded."""
        return self.organization or {"id": self.id, "displayName": self.id, "verifiedDomains": []}

    @property
    def domains(self) -> frozenset[str]:
        return frozenset(str(domain["name"]).lower() for domain in self.described["verifiedDomains"])

    def export(self) -> dict[str, Any]:
        """The tenant by file name, in the form it is loaded from."""
        files: dict[str, Any] = {}
        if self.organization is not None:
            files[ORGANIZATION_FILE] = {"value": [self.organization]}
        if self.groups is not None:
            files[GROUPS_FILE] = self.groups.export()
        if self.filters is not None:
            files[FILTERS_FILE] = self.filters.export()
        files |= {f"{path}.json": policies.export() for path, policies in self.policies.items()}
        return files | self.others


@dataclass(kw_only=True)
class State:
    """All tenants, by id in lower case."""

    tenants: dict[str, Tenant] = field(default_factory=dict)

    def find(self, name: str) -> Tenant | None:
        """The tenant of this id or verified domain."""
        wanted = name.lower()
        found = self.tenants.get(wanted)
        if found is not None:
            return found
        return next((tenant for tenant in self.tenants.values() if wanted in tenant.domains), None)

    def export(self) -> dict[str, Any]:
        return {tenant.id: tenant.export() for tenant in self.tenants.values()}

    def replace(self, tenant: Tenant) -> None:
        """Put a tenant in place of the one of its id, whose app registration stays."""
        old = self.tenants.get(tenant.id)
        if old is not None:
            tenant.registration = old.registration
        self.tenants[tenant.id] = tenant
