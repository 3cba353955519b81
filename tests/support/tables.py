"""The tables of the documentation that say what the code says. `make docs` writes them anew."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from atlas_gql.access.capabilities import CAPABILITIES, MEANINGS, UPWARDS, Capability
from atlas_gql.cli.exits import ExitCode
from atlas_gql.client.profiles import VARIABLES
from atlas_gql.plan_warnings import WARNINGS
from atlas_gql.plugins import CONTRACTS, PolicyContract
from atlas_gql.schema.guards import FREE, guards
from atlas_gql.schema.permissions import (
    CanSeeNode,
    CanSeeTenant,
    CanSeeWorkspace,
    HasCapabilitySomewhere,
    Permission,
    ReachesTenant,
)
from atlas_gql.schema.retries import MayRetry
from atlas_gql.settings import Settings
from support.paths import ROOT
from support.shipped import shipped_schema


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of one page, found by its header; `name` is for people."""

    name: str
    page: Path
    header: str
    rows: Sequence[str]

    def in_place(self) -> str:
        """The page's text with these rows. Raises ValueError when the page has no such table."""
        start = rf"(?m)^( *){re.escape(self.header)}\n *\|[-|]+\|\n(?: *\|.*\n)*"
        lines = [self.header, "|---" * (self.header.count("|") - 1) + "|", *self.rows]
        text, found = re.subn(
            start,
            lambda place: "".join(f"{place[1]}{line}\n" for line in lines),
            self.page.read_text(),
        )
        if found != 1:
            raise ValueError(f"{self.page.name} has {found} tables for: {self.name}")
        return text


def tables() -> list[Table]:
    return [
        Table(
            name="settings",
            page=ROOT / "docs" / "operations.md",
            header="| Variable | Default | Meaning |",
            rows=[
                f"| `ATLAS_{name.upper()}` | {'' if field.default is None else f'`{field.default}`'} |"
                f" {field.description} |"
                for name, field in Settings.model_fields.items()
            ],
        ),
        Table(
            name="variables of the commands",
            page=ROOT / "docs" / "administrators.md",
            header="| Variable | Instead of a profile |",
            rows=[f"| `{name}` | {meaning} |" for name, meaning in VARIABLES.items()],
        ),
        Table(
            name="exit codes",
            page=ROOT / "docs" / "administrators.md",
            header="| Exit code | Meaning |",
            rows=[f"| {code.value} | {code.description} |" for code in ExitCode],
        ),
        Table(
            name="warnings",
            page=ROOT / "docs" / "administrators.md",
            header="| Warning | Meaning |",
            rows=[f"| `{code.value}` | {meaning} |" for code, meaning in WARNINGS.items()],
        ),
        Table(
            name="kinds of policy",
            page=ROOT / "docs" / "administrators.md",
            header="| Kind | `policyTypes` | Restored |",
            rows=[
                f"| {kind.label} | `{kind.policy_type}` | {'yes' if _is_written(kind) else 'no'} |"
                for kind in CONTRACTS.values()
            ],
        ),
        Table(
            name="contracts",
            page=ROOT / "docs" / "policy-types.md",
            header="| Kind | `policyTypes` | Collection | Read | Written | Filters | Permission |",
            rows=[_contract(kind) for kind in CONTRACTS.values()],
        ),
        Table(
            name="kinds that are never restored",
            page=ROOT / "docs" / "policy-types.md",
            header="| Kind | Why |",
            rows=[f"| {kind.label} | {kind.why_not} |" for kind in CONTRACTS.values() if kind.why_not],
        ),
        Table(
            name="permissions",
            page=ROOT / "README.md",
            header="| For | To read | Also to write, for restores |",
            rows=_permissions(),
        ),
        *_access(),
    ]


def _access() -> list[Table]:
    """The tables of who may what."""
    schema = shipped_schema()
    page, declared = ROOT / "docs" / "permissions.md", guards(schema)
    roots = ("Mutation.", "Subscription.")
    taking = {name: _takes(permissions) for name, permissions in declared.items() if permissions}

    def rows(of: str) -> list[str]:
        return [
            f"| `{name.partition('.')[2]}` | {takes} |"
            for name, takes in taking.items()
            if name.partition(".")[0] == of
        ]

    fields = [
        f"| `{name}` | {takes} |" for name, takes in taking.items() if name.partition(".")[0] not in roots
    ]
    plain = [name for name in declared if name.startswith("Query.") and name not in {*taking, *FREE}]
    return [
        Table(
            name="capabilities",
            page=page,
            header="| Capability | Opens | readonly | operator | manager | owner |",
            rows=[
                f"| `{capability}` | {MEANINGS[capability]} | "
                + " | ".join("yes" if capability in CAPABILITIES[role] else "" for role in UPWARDS)
                + " |"
                for capability in Capability
            ],
        ),
        Table(name="fields", page=page, header="| Field | Takes |", rows=fields),
        Table(name="mutations", page=page, header="| Mutation | Takes |", rows=rows("Mutation")),
        Table(name="subscriptions", page=page, header="| Subscription | Takes |", rows=rows("Subscription")),
        Table(
            name="free fields",
            page=page,
            header="| Field | Why |",
            rows=[f"| `{name}` | {why} |" for name, why in FREE.items()]
            + [f"| `{name}` | says what Atlas knows, and nothing of any tenant |" for name in plain],
        ),
    ]


_WITHIN_REACH = {
    CanSeeWorkspace: "membership",
    CanSeeTenant: "any right on the tenant",
    CanSeeNode: "what seeing the thing takes: membership for a workspace, any right for a tenant, else the"
    " capability that lists of its kind take",
    ReachesTenant: "any right on that tenant",
}


def _takes(permissions: Sequence[Permission]) -> str:
    """What guards ask for, in words."""
    return ", ".join(dict.fromkeys(map(_asked, permissions)))


def _asked(permission: Permission) -> str:
    if permission.capability is None:
        return _WITHIN_REACH.get(type(permission), "what is within reach")
    if isinstance(permission, HasCapabilitySomewhere):
        return f"`{permission.capability}` on any tenant"
    if isinstance(permission, MayRetry):
        return "what starting the run's operation takes"
    return f"`{permission.capability}`{f' on `{permission.on}`' if permission.on else ''}"


def _is_written(kind: PolicyContract) -> bool:
    return kind.supports_restore


def _contract(kind: PolicyContract) -> str:
    filters = "yes" if kind.supports_filters else "no"
    cells = (f"`{kind.policy_type}`", f"`{kind.collection}`", f"`{kind.read}`", f"`{kind.write}`", filters)
    return f"| {kind.label} | {' | '.join(cells)} | `{kind.permission}` |"


def _permissions() -> list[str]:
    stems = dict.fromkeys(kind.permission for kind in CONTRACTS.values())
    kinds = {
        stem: "; ".join(kind.label for kind in CONTRACTS.values() if kind.permission == stem)
        for stem in stems
    }
    written = {kind.permission for kind in CONTRACTS.values() if _is_written(kind)}
    rows = [
        f"| {names} | `{stem}.Read.All` | {f'`{stem}.ReadWrite.All`' if stem in written else ''} |"
        for stem, names in kinds.items()
    ]
    return ["| Groups | `GroupMember.Read.All` | |", *rows]


if __name__ == "__main__":
    for table in tables():
        table.page.write_text(table.in_place())
