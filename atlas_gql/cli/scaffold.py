"""`atlas plugins new`: a whole plugin as files."""

from __future__ import annotations

import keyword
import re
from importlib.metadata import entry_points, version
from importlib.resources import files
from pathlib import Path
from string import Template

from atlas_gql.access.capabilities import Capability
from atlas_gql.errors import ConfigurationError
from atlas_gql.plugins.api import PROJECT
from atlas_gql.plugins.naming import camel, normal

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
LONGEST = 30
_TEMPLATES = files("atlas_gql.cli") / "new_plugin"


def write_plugin(name: str, directory: Path | None) -> Path:
    """Write a plugin of this name into a new folder, `atlas-NAME` unless given; gives the folder.

    Raises ConfigurationError for a name that cannot be a plugin's, and for a folder that is there.
    """
    plugin = _checked(name)
    distribution = f"atlas-{plugin.replace('_', '-')}"
    package = package_of(plugin)
    folder = directory or Path(distribution)
    values = {
        "plugin": plugin,
        "camel": camel(plugin),
        "package": package,
        "distribution": distribution,
        "versions": _versions(),
    }
    made = {
        "pyproject.toml": _filled("pyproject.toml", values),
        "README.md": _filled("README.md", values),
        ".gitignore": _filled("gitignore", values),
        f"src/{package}/__init__.py": f'"""The plugin {plugin} of Atlas."""\n',
        f"src/{package}/plugin.py": _filled("plugin.py", values),
        f"src/{package}/py.typed": "",
        "tests/conftest.py": _filled("conftest.py", values),
        "tests/test_plugin.py": _filled("test_plugin.py", values),
    }
    try:
        folder.mkdir(parents=True)
        for path, text in made.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except FileExistsError as exc:
        raise ConfigurationError(f"{folder} is there already. Name another with --directory.") from exc
    except OSError as exc:
        raise ConfigurationError(f"{folder} cannot be written: {exc.strerror}.") from exc
    return folder


def package_of(name: str) -> str:
    """The Python package of a plugin."""
    return f"atlas_{normal(name)}"


def _checked(name: str) -> str:
    """The plugin's name. Raises ConfigurationError."""
    plugin = normal(name)
    if not _NAME.fullmatch(name) or len(name) > LONGEST:
        raise ConfigurationError(
            f"{name!r} is no name for a plugin: use a to z, digits and single dashes, at most {LONGEST}"
            " characters, such as stale-policies."
        )
    if plugin.partition("_")[0] == "atlas":
        raise ConfigurationError("Leave out `atlas`: the package of a plugin NAME is atlas-NAME anyway.")
    if keyword.iskeyword(plugin) or plugin in {one.partition(".")[0] for one in Capability}:
        raise ConfigurationError(f"{name} is a word of Python's or of Atlas's own; take another.")
    if plugin in {normal(point.name) for point in entry_points(group=PROJECT)}:
        raise ConfigurationError(f"A plugin {name} is installed already; take another name.")
    return plugin


def _versions() -> str:
    """The versions of Atlas that a plugin written for this one works with."""
    major, minor = version("atlas-gql").split(".")[:2]
    return f">={major}.{minor},<{major}.{int(minor) + 1}"


def _filled(template: str, values: dict[str, str]) -> str:
    return Template((_TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")).substitute(values)
