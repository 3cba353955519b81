"""Which listeners there are, and which runs each hears of, as the workers say that have them."""

from __future__ import annotations

from sqlalchemy import ARRAY, Column, Table, Text

from atlas_gql.db.tables.metadata import instant, metadata

listeners = Table(
    "listeners",
    metadata,
    Column("type", Text, primary_key=True),
    # The types of the runs that it hears of; empty for all.
    Column("types", ARRAY(Text), nullable=False),
    Column("seen_at", instant("seen_at").type, nullable=False),
)
