"""Where the API is and who asks: from the environment, or from what `atlas login` stored.

The file is `atlas/profiles.json` in $XDG_CONFIG_HOME, or else in `~/.config`; only its owner may read it:

    {"default": {"url": "https://atlas.example.com", "token": "atlas_...", "insecureHttp": false}}
"""

from __future__ import annotations

import ipaddress
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from atlas_gql.client.errors import ApiError, Invalid, NotAllowed

DEFAULT = "default"
VARIABLES = {
    "ATLAS_URL": "Where the API is, such as `https://atlas.example.com`; instead of the profile's.",
    "ATLAS_TOKEN": "The token to use; instead of the profile's.",
    "ATLAS_PROFILE": "The name of the profile to use, where `--profile` does not say.",
}
"""The variables that the commands of administrators read, each with its meaning."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """The address of an API, and a token for it."""

    url: str
    token: str = field(repr=False)
    insecure_http: bool = False

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


class Profiles:
    """The stored accesses, by name."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or _folder() / "profiles.json"

    def get(self, name: str) -> Access | None:
        """The access of this name. Raises ApiError when the file cannot be read."""
        stored = self._all().get(name)
        if stored is None:
            return None
        return Access(
            url=stored["url"], token=stored["token"], insecure_http=bool(stored.get("insecureHttp"))
        )

    def put(self, name: str, access: Access) -> None:
        """Store an access under this name, in the place of another one."""
        stored = {"url": access.url, "token": access.token, "insecureHttp": access.insecure_http}
        self._write({**self._all(), name: stored})

    def remove(self, name: str) -> bool:
        """Forget an access; False when there was none."""
        kept = self._all()
        if kept.pop(name, None) is None:
            return False
        self._write(kept)
        return True

    def _all(self) -> dict[str, dict[str, str]]:
        try:
            stored = orjson.loads(self.path.read_bytes())
            return {name: entry for name, entry in stored.items() if entry["url"] and entry["token"]}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError, TypeError, KeyError):
            raise ApiError(f"{self.path} cannot be read. Delete it, and log in again.") from None

    def _write(self, profiles: Mapping[str, Mapping[str, object]]) -> None:
        """Replace the file in one step; nobody else may read it at any moment."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.path.parent)  # mode 0600
            with os.fdopen(handle, "wb") as file:
                file.write(orjson.dumps(profiles, option=orjson.OPT_INDENT_2))
            Path(name).replace(self.path)
        except OSError as exc:
            raise ApiError(f"{self.path} cannot be written: {exc.strerror}.") from exc


def choose_access(profile: str | None, environment: Mapping[str, str]) -> Access:
    """The access that a command uses: the environment's, or the profile's.

    A stored token is sent to its own address only. Raises NotAllowed when there is none to use, and Invalid
    for an address or a token that cannot be one.
    """
    name = profile or environment.get("ATLAS_PROFILE") or DEFAULT
    url, token = environment.get("ATLAS_URL"), environment.get("ATLAS_TOKEN")
    if url and token:
        return checked_access(url, token)
    stored = Profiles().get(name)
    if stored is None:
        again = "" if name == DEFAULT else f" --profile {name}"
        raise NotAllowed(f"You are not logged in. `atlas login --url URL{again}` changes that.")
    if url and checked_url(url, insecure_http=stored.insecure_http) != stored.url:
        raise NotAllowed("ATLAS_URL is not the address that you are logged in at. Set ATLAS_TOKEN too.")
    return checked_access(stored.url, token or stored.token, insecure_http=stored.insecure_http)


def checked_access(url: str, token: str, *, insecure_http: bool = False) -> Access:
    """The access, in the form that is stored. Raises Invalid."""
    token = token.strip()
    if not re.fullmatch(r"[!-~]+", token):
        raise Invalid("This is not a token: `atlas token create` prints one.")
    return Access(url=checked_url(url, insecure_http=insecure_http), token=token, insecure_http=insecure_http)


def checked_url(url: str, *, insecure_http: bool = False) -> str:
    """The address without a path at its end: `https://host:port/prefix`. Raises Invalid.

    Plain HTTP is for one's own machine, unless somebody insists: whoever listens would have the token.
    """
    url = url.strip().rstrip("/").removesuffix("/graphql")
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or port == -1:
        raise Invalid("This is not the address of an API, such as https://atlas.example.com.")
    if parts.query or parts.fragment:
        raise Invalid("The address of an API has no `?` and no `#`.")
    if parts.scheme == "http" and not insecure_http and not is_loopback(parts.hostname):
        raise Invalid("A token is sent by https only; `atlas login --insecure-http` allows http.")
    return url


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _folder() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(home) if Path(home).is_absolute() else Path.home() / ".config") / "atlas"
