"""What the platform shows. Sources are rows, and what the process knows of itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry

from atlas_gql.schema import ids
from atlas_gql.schema.context import Info
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.types.audit import Recorded


@strawberry.interface(name="Node", description="A thing with an id.")
class PlatformNode:
    uuid: str = strawberry.field(description="The key behind the id, as logs and the audit trail show it.")

    @resolved("An opaque id.")
    def id(self, info: Info) -> strawberry.ID:
        return ids.encode(info._raw_info.parent_type.name, self.uuid)

    @classmethod
    def is_type_of(cls, *_: Any) -> bool:
        # A row has no class to go by; each field's statement reads the table of its own type.
        return True


@strawberry.type(name="Workspace", description="An organisation that owns tenants and members.")
class PlatformWorkspace(PlatformNode):
    name: str = strawberry.field(description="Its name.")
    created_at: datetime = strawberry.field(description="When it was made.")
    member_count: int = strawberry.field(description="How many members it has that are not disabled.")
    owner_count: int = strawberry.field(description="How many of them own it; 0 while it has no owner.")


@strawberry.type(description="A person or a program that uses Atlas.")
class User(PlatformNode):
    name: str = strawberry.field(description="The name.")
    email: str | None = strawberry.field(description="The address.")
    created_at: datetime = strawberry.field(description="When it was made.")
    disabled_at: datetime | None = strawberry.field(description="Since when it is let in no more.")


@strawberry.type(name="AuditEntry", description="An entry of the platform's audit trail.")
class PlatformAuditEntry(Recorded, PlatformNode):
    action: str = strawberry.field(description="What was done, in past tense: `workspace.created`.")
    workspace_uuid: str | None = strawberry.field(description="The key of the workspace that it is about.")


@strawberry.type(description="A plugin of this process.")
class Plugin:
    name: str = strawberry.field(description="Its name.")
    version: str | None = strawberry.field(description="The version of its package.")
    operations: list[str] = strawberry.field(description="The types of the operations that it offers.")
    listeners: list[str] = strawberry.field(
        description="The types of its listeners, which hear of ended runs."
    )
    refused: str | None = strawberry.field(description="Why it is not loaded; null for one that is.")


@strawberry.type(description="A run that a worker carries.")
class CarriedRun:
    uuid: str = strawberry.field(description="The run's key, as logs show it.")
    type: str = strawberry.field(description="The type of its operation.")
    since: str | None = strawberry.field(description="When it was taken up first.")


@strawberry.type(description="A worker process, as it says of itself. One that ended goes after a day.")
class Worker:
    name: str = strawberry.field(description="Its host, its process and a random end.")
    alive: bool = strawberry.field(description="Whether it was heard of in the last two minutes.")
    threads: int = strawberry.field(description="How many runs it carries at once.")
    operations: list[str] = strawberry.field(description="The types of the operations that it can carry.")
    created_at: datetime = strawberry.field(description="When it began.")
    seen_at: datetime = strawberry.field(description="When it was last heard of.")
    carried: strawberry.Private[Any]

    @resolved("The runs that it carries now.")
    def carries(self) -> list[CarriedRun]:
        return [CarriedRun(**run) for run in self.carried]


@strawberry.type(description="What waits and what runs, over all workspaces.")
class Queue:
    queued: int = strawberry.field(description="Runs that wait.")
    running: int = strawberry.field(description="Runs that are carried.")
    expired: strawberry.Private[int]
    oldest: strawberry.Private[float]
    workers: int = strawberry.field(description="Workers that were heard of in the last two minutes.")
    slots: int = strawberry.field(description="How many runs those carry at once.")

    @resolved("Running runs whose worker is not heard of any more.")
    def unattended(self) -> int:
        return self.expired

    @resolved("How many seconds the oldest run has waited that may be taken up; 0 when none waits.")
    def oldest_seconds(self) -> float:
        return self.oldest


@strawberry.type(description="A setting of this web process; workers may have others.")
class Setting:
    name: str = strawberry.field(description="The variable.")
    description: str = strawberry.field(description="What it means.")
    value: str | None = strawberry.field(description="Its value; null for a secret.")
    secret: bool = strawberry.field(description="Whether it is a secret, which is never shown.")
    is_set: bool = strawberry.field(description="Whether it was set, and is no default.")


@strawberry.type(description="The database.")
class Database:
    server_version: str = strawberry.field(description="PostgreSQL's version.")
    revision: str = strawberry.field(description="The revision of the schema.")
    megabytes: int = strawberry.field(description="Its size, in millions of bytes.")


@strawberry.type(description="You: the user behind the platform's token.")
class Operator:
    uuid: str = strawberry.field(description="Your key, as the audit trail shows it.")
    name: str = strawberry.field(description="Your name.")
