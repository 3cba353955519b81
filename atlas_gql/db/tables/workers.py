"""Worker processes, as they say of themselves: who lives, and which operations each can carry."""

from __future__ import annotations

from sqlalchemy import ARRAY, Column, Integer, Table, Text

from atlas_gql.db.tables.metadata import created_at, instant, metadata

workers = Table(
    "workers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("operations", ARRAY(Text), nullable=False),
    Column("threads", Integer, nullable=False),
    created_at(),
    Column("seen_at", instant("seen_at").type, nullable=False),
)
