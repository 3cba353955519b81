"""The roles' passwords: random, made once per data folder."""

from __future__ import annotations

import json
import os
import secrets

from atlas_gql.db.embedded.home import Home
from atlas_gql.errors import ConfigurationError

SUPERUSER = "postgres"
ROLES = (SUPERUSER, "atlas_owner", "atlas_app")


def load_passwords(home: Home) -> dict[str, str]:
    """The password of each role, made at first use; call it under the start lock.

    Raises ConfigurationError when the data exists and its passwords are lost.
    """
    if home.passwords.exists():
        known: dict[str, str] = json.loads(home.passwords.read_text())
        return known
    if home.data.exists():
        raise ConfigurationError(
            f"The passwords of the data in {home.data} are missing: put {home.passwords} back, "
            f"or move {home.folder} away to begin with an empty database."
        )
    made = {role: secrets.token_urlsafe(24) for role in ROLES}
    draft = home.passwords.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(made, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(home.passwords)
    return made
