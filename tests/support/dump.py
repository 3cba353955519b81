"""Everything that a database holds, as text; and the forms in which a secret may lie in it."""

from __future__ import annotations

import base64
from urllib.parse import quote

import psycopg
from psycopg import sql


def dump_of(admin_url: str, *, leave_out: tuple[str, ...] = ()) -> str:
    """Every row of every table but these, as text."""
    with psycopg.connect(admin_url) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
        return "\n".join(
            str(row)
            for (table,) in tables
            if table not in leave_out
            for row in connection.execute(
                sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(table))
            ).fetchall()
        )


def forms_of(secret: str) -> set[str]:
    """A secret as it is, and as bytes columns, Basic headers and URLs would show it."""
    raw = secret.encode()
    return {
        secret,
        raw.hex(),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        quote(secret, safe=""),
    }
