"""A PostgreSQL server of one's own: started on first use, shared, and gone with its last user.

    with embedded.start(Path(".atlas/postgres")) as server:
        psycopg.connect(server.admin_url)

Lifetime hangs on kernel locks alone, so that it survives any kind of death:

- every user holds a shared lock on `data.lease`; the kernel drops it when the process ends;
- starting and stopping the server happen under an exclusive lock on `data.start`;
- one guard process per folder holds `data.guard`, waits for the lease to become free, and then stops
  the server.

A guard that was killed is replaced by the next `start()`, and by `close()` (also run at a normal exit).
Only when the guard and all users are killed at once does the server run on - until the next user of the
folder ends.
"""

from __future__ import annotations

from atlas_gql.db.embedded.server import EmbeddedServer, start

__all__ = ["EmbeddedServer", "start"]
