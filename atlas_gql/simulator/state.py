"""What the simulated tenants hold, in memory. Documents are never changed in place, only replaced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from atlas_gql.simulator.kind import Kind
from atlas_gql.simulator.table import ALL_ROLES, DEVICES_PATH, FILTERS_PATH

if TYPE_CHECKING:
    from atlas_gql.simulator.approvals import Approval

Document = Mapping[str, Any]

CLIENT_ID = "11111111-aaaa-4bbb-8ccc-222222222222"
CLIENT_SECRET = "simulator"  # noqa: S105 - opens nothing but invented data

GROUPS_FILE = "groups.json"
DELETED_FILE = "directory/deletedItems/microsoft.graph.group.json"
FILTERS_FILE = f"{FILTERS_PATH}.json"
DEVICES_FILE = f"{DEVICES_PATH}.json"
ORGANIZATION_FILE = "organization.json"


@dataclass(frozen=True, kw_only=True)
class Registration:
    """An app registration that may take tokens for a tenant, and what was consented to."""

    client_id: str = CLIENT_ID
    secret: str = field(default=CLIENT_SECRET, repr=False)
    secret_expired: bool = False
    disabled: bool = False
    certificates: tuple[str, ...] | None = None
    """Uploaded certificates, PEM: one of them must have signed an assertion. None: any will do."""
    roles: frozenset[str] = ALL_ROLES


def registration_of(given: Mapping[str, Any]) -> Registration:
    """The registration in JSON: clientId, secret, secretExpired, disabled, certificates, roles."""
    names = {"clientId": "client_id", "secretExpired": "secret_expired"}
    known = ("clientId", "secret", "secretExpired", "disabled")
    fields = {names.get(name, name): value for name, value in given.items() if name in known}
    if "certificates" in given:
        fields["certificates"] = tuple(map(str, given["certificates"]))
    if "roles" in given:
        fields["roles"] = frozenset(map(str, given["roles"]))
    return Registration(**fields)


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
class Past:
    """What a policy's assignments were, for readers who are told late: until a time, or for some reads."""

    assignments: tuple[Document, ...]
    until: float
    reads: int


@dataclass(kw_only=True)
class Policy(Entity):
    """A policy and its stored assignments, in beta's form."""

    assignments: tuple[Document, ...] = ()
    past: list[Past] = field(default_factory=list, repr=False)

    def assign(self, assignments: Iterable[Document], *, until: float = 0, reads: int = 0) -> None:
        """Replace the stored assignments; readers see the old ones `until` then, or for some `reads`."""
        if until or reads:
            self.past.append(Past(assignments=self.assignments, until=until, reads=reads))
        self.assignments = tuple(assignments)
        if "isAssigned" in self.document:
            self.document = {**self.document, "isAssigned": bool(self.assignments)}

    def read(self, now: float) -> tuple[Document, ...]:
        """The assignments as a read at this time tells them; counts as one of the late reads."""
        while self.past and now >= self.past[0].until and self.past[0].reads <= 0:
            self.past.pop(0)
        if not self.past:
            return self.assignments
        self.past[0].reads -= 1
        return self.past[0].assignments

    def export(self) -> dict[str, Any]:
        return {**super().export(), "assignments": list(self.assignments)}


E = TypeVar("E", bound=Entity)


class Collection(Generic[E]):
    """Objects in their order, found by id and by name (both in any case) without a search."""

    def __init__(
        self, entities: Iterable[E] = (), *, name_field: str = "displayName", envelope: Document | None = None
    ) -> None:
        self.entities: list[E] = []
        self.envelope = dict(envelope or {})
        """What stood beside `value` where the collection was loaded from."""
        self._name_field = name_field
        self._by_id: dict[str, E] = {}
        self._by_name: dict[str, list[E]] = {}
        for entity in entities:
            self.add(entity)

    def get(self, key: str) -> E | None:
        return self._by_id.get(key.lower())

    def named(self, name: str) -> list[E]:
        return self._by_name.get(name.casefold(), [])

    def add(self, entity: E) -> None:
        self.entities.append(entity)
        self._by_id[entity.id.lower()] = entity
        self._by_name.setdefault(self._name(entity), []).append(entity)

    def remove(self, entity: E) -> None:
        self.entities.remove(entity)
        del self._by_id[entity.id.lower()]
        self._by_name[self._name(entity)].remove(entity)

    def change(self, entity: E, fields: Document) -> None:
        """Give an entity these fields, and let it be found by its new name."""
        self._by_name[self._name(entity)].remove(entity)
        entity.document = {**entity.document, **fields}
        self._by_name.setdefault(self._name(entity), []).append(entity)

    def _name(self, entity: E) -> str:
        return str(entity.document.get(self._name_field)).casefold()

    def export(self) -> dict[str, Any]:
        return {**self.envelope, "value": [entity.export() for entity in self.entities]}


@dataclass(kw_only=True)
class Tenant:
    """One tenant. A collection that was not loaded is served as an empty one and not exported."""

    id: str
    organization: Document | None = None
    groups: Collection[Entity] | None = None
    deleted: Collection[Entity] | None = None
    """Groups that were deleted and can be restored."""
    filters: Collection[Entity] | None = None
    devices: Collection[Entity] | None = None
    policies: dict[str, Collection[Policy]] = field(default_factory=dict)
    """By the kind's path."""
    others: dict[str, Any] = field(default_factory=dict)
    """Files that the simulator does not serve, as they were loaded."""
    registration: Registration = field(default_factory=Registration)
    further: dict[str, Registration] = field(default_factory=dict)
    """Other applications that the tenant knows, by client id in lower case."""
    approvals: dict[str, Approval] = field(default_factory=dict)
    """Requests for a second administrator's approval, by their code."""

    def policies_of(self, kind: Kind) -> Collection[Policy]:
        return self.policies.get(kind.path) or Collection()

    def registered(self, client_id: str) -> Registration | None:
        """The application with this client id."""
        wanted = client_id.lower()
        own = self.registration
        return own if wanted == own.client_id.lower() else self.further.get(wanted)

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
        if self.deleted is not None:
            files[DELETED_FILE] = self.deleted.export()
        if self.filters is not None:
            files[FILTERS_FILE] = self.filters.export()
        if self.devices is not None:
            files[DEVICES_FILE] = self.devices.export()
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
        """Put a tenant in place of the one of its id, whose app registrations stay."""
        old = self.tenants.get(tenant.id)
        if old is not None:
            tenant.registration, tenant.further = old.registration, old.further
        self.tenants[tenant.id] = tenant
