"""Which listeners there are, and which runs each hears of, as the workers say that have them."""

from __future__ import annotations

from sqlalchemy import ARRAY, Boolean, Column, Table, Text, text

from atlas_gql.db.tables.metadata import instant, metadata

listeners = Table(
    "listeners",
    metadata,
    Column("type", Text, primary_key=True),
    # The types of the runs that it hears of; empty for all.
    Column("types", ARRAY(Text), nullable=False),
    # Whether it hears of tenants only for which something is set of its plugin.
    Column("where_set", Boolean, nullable=False, server_default=text("false")),
    Column("seen_at", instant("seen_at").type, nullable=False),
)
