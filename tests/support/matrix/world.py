"""Two workspaces with one of everything in each of their tenants, written straight into the tables."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from atlas_gql.db.ids import new_id
from atlas_gql.db.tables import metadata
from support.matrix.callers import TENANTS, Caller

NOW = datetime.now(UTC)
DIGEST = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, kw_only=True)
class Thing:
    """A thing of the world: where it is, and what its guards look at beside that."""

    kind: str
    uuid: UUID
    place: str
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return base64.b64encode(f"{self.kind}:{self.uuid}".encode()).decode()

    @property
    def workspace(self) -> str:
        return TENANTS.get(self.place, self.place)


class World:
    """Everything there is. All text in a place bears the place's mark, which is in no other text."""

    def __init__(self, admin: psycopg.Connection[Any]) -> None:
        self._admin = admin
        self._rows: list[tuple[str, dict[str, Any]]] = []
        self.things: dict[tuple[str, str], Thing] = {}
        """By kind and place."""
        self.by_uuid: dict[UUID, Thing] = {}
        self._users: dict[str, UUID] = {}
        self._tokens: dict[str, str] = {}
        self.marks = {place: f"mark{secrets.token_hex(8)}" for place in (*TENANTS, *set(TENANTS.values()))}
        for workspace in dict.fromkeys(TENANTS.values()):
            self._workspace(workspace)
        for tenant in TENANTS:
            self._tenant(tenant)
        for tenant in TENANTS:
            self._filled(tenant)
        for tenant in TENANTS:
            self._planned(tenant, of="other" if tenant == "granted" else tenant)
        self.mend()

    def thing(self, kind: str, place: str) -> Thing:
        """The thing of a kind at a tenant, or else at its workspace; a failure where the world has none."""
        found = self.things.get((kind, place)) or self.things.get((kind, TENANTS.get(place, place)))
        assert found is not None, f"the matrix does not know any {kind}: put one into its world"
        return found

    def at(self, kind: str) -> list[Thing]:
        """All things of a kind."""
        return [thing for thing in self.by_uuid.values() if thing.kind == kind]

    def things_of(self, kind: str) -> list[Thing]:
        """The one thing of a kind at each place."""
        return [thing for (known, _), thing in self.things.items() if known == kind]

    def mend(self) -> None:
        """Put everything back that a mutation has changed or removed."""
        with self._admin.pipeline(), self._admin.transaction(), self._admin.cursor() as cursor:
            # Neither triggers nor foreign keys: what cannot be changed was not, and what is linked comes too.
            cursor.execute("SET LOCAL session_replication_role = replica")
            for table, values in self._rows:
                cursor.execute(_upsert(table, tuple(values)), values)

    def token_of(self, caller: Caller) -> str:
        """A caller's token, the same each time."""
        if caller.name not in self._tokens:
            self._tokens[caller.name] = self.token(caller)
        return self._tokens[caller.name]

    def token(self, caller: Caller, *, plane: str = "workspace", days: float = 1, **columns: Any) -> str:
        """A token of a new user with a caller's rights."""
        token, user, disabled = (
            f"atlas_{secrets.token_urlsafe(32)}",
            new_id(),
            columns.pop("disabled_at", None),
        )
        self._add("users", id=user, name=f"{caller.name} {user}", disabled_at=disabled)
        for workspace, role in caller.memberships.items():
            self._member(workspace, user, role, id=self._more("Member", workspace))
        for tenant, role in caller.grants.items():
            grant = self._more("TenantGrant", TENANTS[tenant], {"granted_id": tenant})
            self._add("tenant_grants", id=grant, **self._home(tenant), user_id=user, role=role)
        # A token with bounds is one of its workspace, which lists it.
        bound = self._bounds(caller)
        self._add(
            "api_tokens",
            id=self._more("ApiToken", "ours", {"caller": caller.name}) if bound else new_id(),
            user_id=user,
            name="matrix",
            hash=hashlib.sha256(token.encode()).digest(),
            plane=plane,
            expires_at=NOW + timedelta(days=days),
            **{"revoked_at": None, **bound, **columns},
        )
        self.mend()
        return token

    def _bounds(self, caller: Caller) -> dict[str, Any]:
        """What a token leaves of a caller's rights, as its row keeps it."""
        if caller.only is None and caller.within is None:
            return {}
        return {
            "workspace_id": self.things["Workspace", "ours"].uuid,
            "capabilities": caller.only and sorted(caller.only),
            "tenant_ids": caller.within and [self.things["Tenant", place].uuid for place in caller.within],
        }

    def _member(self, workspace: str, user: UUID, role: str, *, id: UUID) -> None:
        of = self.things["Workspace", workspace].uuid
        self._add("memberships", id=id, workspace_id=of, user_id=user, role=role)

    def outsider(self, name: str) -> str | None:
        """The token of somebody who does not get in, though the user would be an owner."""
        owner = Caller(name=name, memberships={"ours": "owner"})
        match name:
            case "no token":
                return None
            case "malformed":
                return secrets.token_hex(8)
            case "unknown":
                return f"atlas_{secrets.token_urlsafe(32)}"
            case "expired":
                return self.token(owner, days=-1)
            case "revoked":
                return self.token(owner, revoked_at=NOW)
            case "disabled":
                return self.token(owner, disabled_at=NOW)
            case "other plane":
                return self.token(owner, plane="platform")
        raise AssertionError(f"the matrix does not know who is: {name}")

    def _add(self, table: str, **values: Any) -> None:
        columns = metadata.tables[table].columns
        of_json = {name for name in values if columns[name].type.__class__.__name__ == "JSONB"}
        shown = {name: Jsonb(value) if name in of_json else value for name, value in values.items()}
        self._rows.append((table, shown))

    def _put(self, kind: str, place: str, facts: Mapping[str, str] | None = None) -> UUID:
        uuid = self._more(kind, place, facts)
        self.things[kind, place] = self.by_uuid[uuid]
        return uuid

    def _more(self, kind: str, place: str, facts: Mapping[str, str] | None = None) -> UUID:
        """Another thing of a kind, which is not the one that inputs name."""
        thing = Thing(kind=kind, uuid=new_id(), place=place, facts=facts or {})
        self.by_uuid[thing.uuid] = thing
        return thing.uuid

    def _home(self, tenant: str) -> dict[str, UUID]:
        return {
            "tenant_id": self.things["Tenant", tenant].uuid,
            "workspace_id": self.things["Workspace", TENANTS[tenant]].uuid,
        }

    def _workspace(self, place: str) -> None:
        workspace, mark = self._put("Workspace", place), self.marks[place]
        self._add("workspaces", id=workspace, name=mark)
        self._add(
            "credentials",
            id=self._put("Credential", place),
            workspace_id=workspace,
            name=mark,
            kind="secret",
            sealed=b"sealed",
            key_id="k",
        )
        user = new_id()
        self._add("users", id=user, name=mark, email=f"{mark}@mail.example")
        self._member(place, user, "member", id=self._put("Member", place))
        self._users[place] = user
        self._add(
            "schedules",
            id=self._put("Schedule", place),
            workspace_id=workspace,
            name=mark,
            operation_type="assignments.fetch",
            cron="0 2 * * *",
            time_zone="UTC",
            jitter_seconds=0,
            tenant_ids=None,
            owner_id=user,
            token_id=None,
            enabled=True,
            disabled_reason=None,
            next_at=NOW + timedelta(days=1),
            deleted_at=None,
        )

    def _tenant(self, place: str) -> None:
        mark = self.marks[place]
        self._add(
            "tenants",
            id=self._put("Tenant", place),
            workspace_id=self.things["Workspace", TENANTS[place]].uuid,
            name=mark,
            entra_tenant_id=new_id(),
            primary_domain=f"{mark}.example",
            archived_at=NOW if place == "archived" else None,
            backup_keep_days=400,
        )
        grant = self._put("TenantGrant", TENANTS[place], {"granted_id": place})
        user = self._users[TENANTS[place]]
        self._add("tenant_grants", id=grant, **self._home(place), user_id=user, role="readonly")
        if place in ("granted", "foreign"):
            self._token_of_mark(place)
            self._invitation(place)

    def _token_of_mark(self, place: str) -> None:
        """A token of the workspace's own user, for one tenant."""
        home, mark = self._home(place), self.marks[TENANTS[place]]
        self._add(
            "api_tokens",
            id=self._put("ApiToken", TENANTS[place]),
            user_id=self._users[TENANTS[place]],
            name=mark,
            hash=hashlib.sha256(mark.encode()).digest(),
            expires_at=NOW + timedelta(days=1),
            workspace_id=home["workspace_id"],
            tenant_ids=[home["tenant_id"]],
            revoked_at=None,
        )

    def _invitation(self, place: str) -> None:
        """An invitation into the workspace, for one tenant, from the workspace's own user."""
        home, mark = self._home(place), self.marks[TENANTS[place]]
        self._add(
            "invitations",
            id=self._put("Invitation", TENANTS[place]),
            workspace_id=home["workspace_id"],
            email=f"{mark}@invited.example",
            role="readonly",
            tenant_ids=[home["tenant_id"]],
            invited_by=self._users[TENANTS[place]],
            expires_at=NOW + timedelta(days=1),
            accepted_at=None,
            revoked_at=None,
        )

    def _filled(self, place: str) -> None:
        """One of everything that hangs off a tenant."""
        home, mark = self._home(place), self.marks[place]
        run = self._put("OperationRun", place, {"subject_kind": "BackupSet"})
        backup = self._put("BackupSet", place)
        self._add(
            "providers",
            id=self._put("Provider", place),
            **home,
            cloud="simulator",
            client_id=mark,
            credential_id=self.things["Credential", TENANTS[place]].uuid,
            write_credential_id=self.things["Credential", TENANTS[place]].uuid,
            write_client_id=mark,
        )
        ended = self._ended(place)
        # What it returned takes what its operation takes.
        first = self._more("OperationRun", place, {"result": "providers.manage"})
        self._add("operation_runs", id=first, type="providers.verify", **ended, result=_report(mark))
        self._add(
            "operation_runs",
            id=run,
            type="assignments.fetch",
            **ended,
            subject_kind="BackupSet",
            subject_id=backup,
            retry_of=first,
            parent_run_id=first,
            schedule_id=self.things["Schedule", TENANTS[place]].uuid,
        )
        self._add(
            "run_items",
            id=self._put("RunItem", place),
            **home,
            run_id=run,
            key=mark,
            label=mark,
            state="failed",
            code="assignments.fetch.item_failed",
            reason="THROTTLED",
            message=mark,
            attempt=1,
            finished_at=NOW,
        )
        self._add("run_log", id=self._put("RunLogEntry", place), **home, run_id=run, attempt=1, event=mark)
        self._add(
            "audit_entries",
            id=self._put("AuditEntry", place),
            **home,
            run_id=run,
            action="backup.started",
            actor_kind="user",
            actor_name=mark,
            resource_kind="BackupSet",
            resource_id=str(backup),
            reason=mark,
            details={"note": mark},
        )
        self._add(
            "policies",
            id=self._put("Policy", place),
            **home,
            policy_type="mobileApps",
            external_id=mark,
            name=mark,
            last_seen_at=NOW,
        )
        self._add(
            "backup_sets",
            id=backup,
            **home,
            origin="requested",
            state="complete",
            run_id=run,
            item_count=1,
            completed_at=NOW - timedelta(days=3),
        )
        self._add("operation_runs", id=self._more("OperationRun", place), **self._queued(place))
        self._add("plugin_tenant_settings", id=new_id(), **home, plugin="example", data={"urls": [mark]})
        content = hashlib.sha256(mark.encode()).digest()
        captured = {"assignments": [{"id": mark}], "groups": {mark: {"name": mark}}, "filters": {}}
        self._add("backup_contents", **home, hash=content, content=captured)
        self._add(
            "backup_items",
            id=self._put("BackupItem", place),
            **home,
            backup_set_id=backup,
            policy_type="mobileApps",
            external_id=mark,
            name=mark,
            assignments_state="fetched",
            content_hash=content,
            assignment_count=1,
        )

    def _queued(self, place: str) -> dict[str, Any]:
        """A run of a tenant that waits, and is not due yet."""
        return {
            **self._home(place),
            "type": "assignments.compare",
            "target": self.marks[place],
            "input_hash": b"",
            "writes": False,
            "status": "queued",
            "outcome": "pending",
            "finished_at": None,
            "failure_code": None,
            "failure_reason": None,
            "failure_message": None,
            "dispatch_after": NOW + timedelta(days=1),
            "not_before": NOW + timedelta(days=1),
            "initiator_kind": "user",
            "initiator_name": self.marks[place],
        }

    def _ended(self, place: str) -> dict[str, Any]:
        """A run of a tenant that has ended, but for what kind it is."""
        home, mark = self._home(place), self.marks[place]
        return {
            **home,
            "target": mark,
            "input_hash": b"",
            "writes": False,
            "status": "completed",
            "outcome": "partially_succeeded",
            "total": 2,
            "processed": 1,
            "failed": 1,
            "failure_code": "assignments.fetch.failed",
            "failure_reason": "THROTTLED",
            "failure_message": mark,
            "initiator_kind": "user",
            "initiator_name": mark,
            "reason": mark,
            "finished_at": NOW,
        }

    def _planned(self, place: str, *, of: str) -> None:
        """A restore into a tenant that is planned, and the run that did that, which was a retry."""
        home, mark = self._home(place), self.marks[place]
        restore = self._put("RestoreRun", place, {"source_tenant_id": of})
        again = self._more("OperationRun", place, {"subject_kind": "RestoreRun"})
        self._add(
            "operation_runs",
            id=again,
            type="assignments.plan",
            **self._ended(place),
            subject_kind="RestoreRun",
            subject_id=restore,
            retry_of=self.things["OperationRun", place].uuid,
        )
        self._add(
            "restore_runs",
            id=restore,
            **home,
            backup_set_id=self.things["BackupSet", of].uuid,
            against_set_id=self.things["BackupSet", place].uuid,
            source_tenant_id=self.things["Tenant", of].uuid,
            state="planned",
            mode="replace",
            plan_digest=DIGEST,
            created_by=mark,
            planned_at=NOW,
            expires_at=NOW + timedelta(days=1),
        )
        self._add(
            "restore_items",
            id=self._put("RestoreItem", place),
            **home,
            restore_run_id=restore,
            position=0,
            policy_type="mobileApps",
            source_id=mark,
            source_name=mark,
            assignments_state="fetched",
            target_id=mark,
            target_name=mark,
            action="none",
        )


def _report(mark: str) -> dict[str, Any]:
    """What a verification of a provider found out."""
    granted = {"permissions": [mark], "write_permissions": [], "writes_enabled": False}
    return {"health": "degraded", **granted, "approvals": None, "checks": []}


@cache
def _upsert(table: str, values: tuple[str, ...]) -> bytes:
    """Writes a row only where it is not as it was: most are."""
    names = sql.SQL(", ").join(map(sql.Identifier, values))
    return (
        sql.SQL(
            "INSERT INTO {table} AS t ({names}) VALUES ({given}) ON CONFLICT ({key}) DO UPDATE SET {changes}"
            " WHERE ({old}) IS DISTINCT FROM ({new})"
        )
        .format(
            table=sql.Identifier(table),
            names=names,
            given=sql.SQL(", ").join(map(sql.Placeholder, values)),
            key=sql.SQL(", ").join(
                sql.Identifier(column.name) for column in metadata.tables[table].primary_key
            ),
            changes=sql.SQL(", ").join(
                sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(v)) for v in values
            ),
            old=sql.SQL(", ").join(sql.Identifier("t", value) for value in values),
            new=sql.SQL(", ").join(sql.SQL("EXCLUDED.{}").format(sql.Identifier(v)) for v in values),
        )
        .as_bytes()
    )
