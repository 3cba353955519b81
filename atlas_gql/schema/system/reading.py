"""What the platform reads: its row maps, lists and statements."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Text, Uuid, cast, func, literal_column, null, select, text

from atlas_gql.db.tables import audit_entries, memberships, users, workspaces
from atlas_gql.schema.listings import Listing
from atlas_gql.schema.rows import row_map

EVERYTHING = UUID(int=0)
"""The one parent of the lists that have none."""
_EVERYTHING = literal_column(f"'{EVERYTHING}'::uuid", Uuid)
_NOWHERE = cast(null(), Uuid)


_LET_IN = (
    select(func.count())
    .select_from(memberships.join(users))
    .where(memberships.c.workspace_id == workspaces.c.id, users.c.disabled_at.is_(None))
    .correlate(workspaces)
)


WORKSPACE = row_map(
    "Workspace",
    workspaces,
    ("name", "created_at"),
    workspace_id=workspaces.c.id,
    tenant_id=_NOWHERE,
    member_count=_LET_IN.scalar_subquery(),
    owner_count=_LET_IN.where(memberships.c.role == literal_column("'owner'")).scalar_subquery(),
)
USER = row_map(
    "User",
    users,
    ("name", "email", "created_at", "disabled_at"),
    workspace_id=_NOWHERE,
    tenant_id=_NOWHERE,
)
ENTRY = row_map(
    "AuditEntry",
    audit_entries,
    (
        "action",
        "actor_name",
        "actor_kind",
        "resource_kind",
        "resource_id",
        "details",
        "request_id",
        "created_at",
    ),
    reads={"actor": ("actor_kind", "actor_name", "actor_uuid"), "resource": ("resource_kind", "resource_id")},
    actor_uuid=cast(audit_entries.c.actor_id, Text),
    workspace_uuid=cast(audit_entries.c.workspace_id, Text),
)

WORKSPACES = Listing(rows=WORKSPACE, of=(_EVERYTHING,), sort=("name", "uuid"))
USERS = Listing(rows=USER, of=(_EVERYTHING,), sort=("name", "uuid"))
ENTRIES = Listing(
    rows=ENTRY,
    of=(_EVERYTHING,),
    # The words of the index ix_audit_entries_platform.
    link=(
        literal_column(
            "(audit_entries.workspace_id IS NULL OR starts_with(audit_entries.action, 'workspace.'))"
        ),
    ),
    sort=("created_at", "uuid"),
    descending=True,
)

WORKERS = text(
    """
    SELECT name, operations, threads, created_at, seen_at,
        seen_at > clock_timestamp() - interval '2 minutes' AS alive,
        coalesce((
            SELECT jsonb_agg(jsonb_build_object('uuid', id, 'type', type, 'since', started_at) ORDER BY id)
            FROM operation_runs WHERE worker = workers.name AND status = 'running'
        ), '[]') AS carried
    FROM workers ORDER BY name
    """
)
DATABASE = text(
    """
    SELECT current_setting('server_version') AS server_version,
        (SELECT version_num FROM alembic_version) AS revision,
        pg_database_size(current_database()) / 1000000 AS megabytes
    """
)
