"""Where the sealing key comes from."""

from __future__ import annotations

import os
from pathlib import Path

from atlas_gql.errors import ConfigurationError
from atlas_gql.providers.sealing import Sealer, generate_key
from atlas_gql.settings import Settings

FILE = "secret.key"


def sealer_of(settings: Settings) -> Sealer:
    """The sealer of `ATLAS_SECRET_KEY`; beside an embedded server a key is made once and kept in a file.

    Raises ConfigurationError when a configured database has no configured key.
    """
    if settings.secret_key is not None:
        return Sealer.from_text(settings.secret_key.get_secret_value())
    if settings.database_url is not None:
        raise ConfigurationError(
            "ATLAS_SECRET_KEY is needed with ATLAS_DATABASE_URL. `atlas keys generate` makes one; every"
            " process needs the same."
        )
    return Sealer.from_text(_kept(settings.data_dir / FILE))


def _kept(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    own = path.with_name(f"{path.name}.{os.getpid()}")
    if not path.exists():
        # Written whole under another name, then linked: two processes that come at once agree on one key.
        descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(generate_key())
        try:
            path.hardlink_to(own)
        except FileExistsError:
            return path.read_text().strip()
        finally:
            own.unlink()
    return path.read_text().strip()
