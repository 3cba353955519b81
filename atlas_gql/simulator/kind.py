"""What one kind of policy is to the simulator: how it is listed, read, written, counted and protected."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from atlas_gql.simulator.extras import Extra

ZERO = "00000000-0000-0000-0000-000000000000"
ALL_USERS = "acacacac-9df4-4c7d-9d50-4ef0226f57a9"
ALL_DEVICES = "adadadad-808e-44e2-905a-0b7873a8a531"

GROUP = "groupAssignmentTarget"
EXCLUSION = "exclusionGroupAssignmentTarget"
USERS = "allLicensedUsersAssignmentTarget"
DEVICES = "allDevicesAssignmentTarget"
SCCM = "configurationManagerCollectionAssignmentTarget"
CLOUD_PC = "cloudPcManagementGroupAssignmentTarget"
TARGETS = frozenset({GROUP, EXCLUSION, USERS, DEVICES, SCCM})


def words(text: str) -> frozenset[str]:
    """The words of a text that are separated by blanks."""
    return frozenset(text.split())


class Write(StrEnum):
    """How assignments are written."""

    ASSIGN = "assign"
    """The whole set by `/assign`."""
    ITEMS = "items"
    """Single items by POST and DELETE under `/assignments`."""
    UPDATE = "update"
    """The whole set inside the `/update` of a policy set."""


class Expand(StrEnum):
    """Where `$expand=assignments` works."""

    BOTH = "list and item"
    ITEM = "item"
    EMPTY = "list and item, but always with an empty set"
    NEVER = "nowhere"
    UNKNOWN = "nobody knows: refused, unless assumptions are allowed"


class Family(StrEnum):
    """The service family that a call is counted in; Microsoft limits each apart."""

    CONFIGURATION = "configuration"
    CATALOG = "catalog"
    INTENT = "intent"
    APPLICATIONS = "applications"
    MANAGED_APPS = "managedApps"
    BUNDLES = "bundles"
    TERMS = "terms"
    ENROLMENT = "enrolment"
    RBAC = "rbac"
    UPDATES = "updates"
    DEVICES = "devices"
    CLOUD_PC = "cloudPc"
    IDENTITY = "identity"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of policy, as served."""

    path: str
    properties: str
    """The selectable properties beside `id` and the name, separated by blanks."""
    element: str
    """The `@odata.type` of an assignment, without its prefix."""
    family: Family
    stems: tuple[str, ...]
    """Reading takes `<stem>.Read.All`, writing `<stem>.ReadWrite.All`; of several, each (where unsure)."""
    service: str
    """The service behind Graph that errors name; `{account}` stands for the tenant."""
    name_field: str = "displayName"
    filterable: bool = True
    """Whether the list takes a `$filter` on the name."""
    versions: tuple[str, ...] = ("beta",)
    expand: Expand = Expand.BOTH
    expands_also: frozenset[str] = frozenset()
    """Other properties that `$expand` takes wherever it takes any."""
    lists_set: bool = True
    """Whether `/{id}/assignments` is known to answer."""
    page_size: int = 1000
    counts_page: bool = False
    """Whether a page carries `@odata.count`, the size of that page."""

    write: Write = Write.ASSIGN
    assumed: bool = False
    """Whether nothing but analogy speaks for the way it is written."""
    body_key: str = "assignments"
    group_key: str = ""
    """A second, older key of the body: elements `{"targetGroupId": ...}`."""
    cast: str = ""
    """The type that may stand before `/assign` in the path."""
    status: int = 200
    documented: int = 0
    """The status according to the documentation or schema, where tools see another one."""
    returns_set: bool = True
    """Whether a 200 carries the stored set; else its body is empty."""
    approval: str = ""
    """The kind of access policy of Multi Admin Approval that protects it."""

    extras: tuple[Extra, ...] = ()
    sources: tuple[str, ...] = ("source", "sourceId")
    """The fields of an assignment that tell where it comes from (beta)."""
    stamped: bool = False
    """Whether an assignment has a `lastModifiedDateTime`, which cannot be written."""
    typed: bool = False
    """Whether an assignment comes with its `@odata.type`."""
    by_intent: bool = False
    """Whether one group may be assigned once per intent (apps)."""
    targets: frozenset[str] = TARGETS
    filters: str = ""
    """What assignment filters on it are for, `devices` or `apps`; empty where there can be none."""
    unfiltered: frozenset[str] = frozenset()
    """The `@odata.type` of policies of this kind that cannot be filtered."""
    no_filter: str | None = None
    """How the absence of a filter is spelt in `deviceAndAppManagementAssignmentFilterId`."""
    separator: str = "_"
    locked_while_assigned: bool = False
    """Whether a policy with assignments cannot be deleted."""

    @property
    def name(self) -> str:
        """Graph's own name of the collection: the last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def depth(self) -> int:
        """How many segments the path has."""
        return self.path.count("/") + 1

    @property
    def selectable(self) -> frozenset[str]:
        return frozenset({"id", self.name_field, "assignments", *self.properties.split()})

    @property
    def read_roles(self) -> tuple[tuple[str, ...], ...]:
        """Of each of these, a token must have one role."""
        return tuple((f"{stem}.Read.All", f"{stem}.ReadWrite.All") for stem in self.stems)

    @property
    def write_roles(self) -> tuple[tuple[str, ...], ...]:
        return tuple((f"{stem}.ReadWrite.All",) for stem in self.stems)
