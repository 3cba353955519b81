"""What is set of a plugin, on either plane: read and changed by the types that the API tells of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from atlas_gql.client.documents import document
from atlas_gql.client.errors import Invalid, Refused

Ask = Callable[[str, Mapping[str, Any]], dict[str, Any]]
"""From an operation's text and variables to its `data`."""
IS_SET = "IsSet"
"""How the field ends that says whether a secret is set."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where settings are found in the API: around the field of the plugin, and in the mutation's payload."""

    query: str
    payload: str
    named: Mapping[str, Any]
    """The variables of the query, which the mutation's input takes, too."""

    @classmethod
    def of_tenant(cls, id_: str) -> Place:
        return cls(
            query="query Settings($tenantId: ID!) { tenant(id: $tenantId) { it: %(field)s { %(shown)s } } }",
            payload="... on TenantPayload { tenant { it: %(field)s { %(shown)s } } }",
            named={"tenantId": id_},
        )

    @classmethod
    def of_installation(cls) -> Place:
        return cls(
            query="query Settings { it: %(field)s { %(shown)s } }",
            payload="... on %(type)sPayload { it: settings { %(shown)s } }",
            named={},
        )


class PluginSettings:
    """The settings of one plugin at one place. Raises Invalid where there are none."""

    def __init__(self, ask: Ask, plugin: str, place: Place) -> None:
        self._ask, self._place = ask, place
        pascal = "".join(part[:1].upper() + part[1:] for part in plugin.replace("-", "_").split("_"))
        self._names = {"type": f"{pascal}Settings", "field": f"{pascal[:1].lower()}{pascal[1:]}Settings"}
        shown, given = self._type(self._names["type"]), self._type(f"Set{pascal}SettingsInput")
        if not shown or not given:
            raise Invalid(f"Nothing can be set of a plugin {plugin!r} here, or it is not loaded.")
        self._given = {one["name"]: one["type"] for one in given["inputFields"]}
        fields = {field["name"] for field in shown["fields"]}
        self._secrets = {name for name in self._given if f"{name}{IS_SET}" in fields}
        self._names["shown"] = self._selection(shown)

    def read(self) -> dict[str, Any]:
        """What is set, by the names of the API."""
        data = self._ask(self._place.query % self._names, self._place.named)
        return dict(data.get("tenant", data)["it"])

    def change(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What is set afterwards. Raises Invalid, naming the field, for what the API refuses."""
        text = (
            "mutation Set($input: Set%(type)sInput!) { it: set%(type)s(input: $input) {"
            f" __typename {self._place.payload} ... on Error {{ code message }}"
            " ... on ValidationError { field } } }"
        )
        result = self._ask(text % self._names, {"input": {**self._place.named, **values}})["it"]
        if "field" in result:
            raise Invalid(f"{result['field']}: {result['message']} ({result['code']})")
        if "message" in result:
            raise Refused(f"{result['message']} ({result['code']})", result=result)
        return dict(result.get("tenant", result)["it"])

    def given(
        self, values: Iterable[str], defaults: Iterable[str], secrets: Mapping[str, str]
    ) -> dict[str, Any]:
        """The input for `NAME=VALUE` texts, names that go back to their default, and secrets.

        Raises Invalid for what is none of the settings, is named twice, or is no value of its type.
        """
        pairs = [(name, text) for name, _, text in (value.partition("=") for value in values)]
        found = [(self._known(name, secret=False), text) for name, text in pairs]
        made = [(name, _value(name, text, self._given[name])) for name, text in found]
        made += [(self._known(name), None) for name in defaults]
        made += [(self._known(name, secret=True), text) for name, text in secrets.items()]
        names = [name for name, _ in made]
        if twice := {name for name in names if names.count(name) > 1}:
            raise Invalid(f"{min(twice)} is given twice.")
        return dict(made)

    def rows(self, found: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What was read, as people read it."""
        return [
            {"name": name.removesuffix(IS_SET), "value": "set" if value else "not set"}
            if name.removesuffix(IS_SET) in self._secrets
            else {"name": name, "value": _text(value)}
            for name, value in found.items()
        ]

    def _known(self, name: str, *, secret: bool | None = None) -> str:
        """A setting as the API calls it: `allowed-networks` and `allowed_networks` are `allowedNetworks`."""
        known = {_folded(one): one for one in self._given if one not in self._place.named}
        found: str | None = known.get(_folded(name))
        if found is None:
            raise Invalid(f"There is no setting {name!r}. There is: {', '.join(known.values())}.")
        if secret is not None and secret != (found in self._secrets):
            raise Invalid(
                f"{found} is no secret: give {found}=VALUE."
                if secret
                else f"{found} is a secret, and a secret is no argument: use --secret {found}."
            )
        return found

    def _type(self, name: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._ask(document("settings_type"), {"name": name})["__type"]
        return found

    def _selection(self, type_: Mapping[str, Any]) -> str:
        """All of a type, and of the types in it."""
        parts = []
        for field in type_["fields"]:
            kind = _bare(field["type"])
            inner = self._type(kind["name"]) if kind["kind"] == "OBJECT" else None
            parts.append(f"{field['name']} {{ {self._selection(inner)} }}" if inner else field["name"])
        return " ".join(parts)


def _folded(name: str) -> str:
    return name.replace("-", "").replace("_", "").strip().lower()


def _bare(type_: Any) -> Any:
    while type_["kind"] in ("NON_NULL", "LIST"):
        type_ = type_["ofType"]
    return type_


def _value(name: str, text: str, type_: Any) -> Any:
    """A text as a value of a GraphQL type. Raises Invalid."""
    if type_["kind"] == "NON_NULL":
        return _value(name, text, type_["ofType"])
    if type_["kind"] == "LIST" and not text.strip().startswith("["):
        parts = filter(None, (part.strip() for part in text.split(",")))
        return [_value(name, part, type_["ofType"]) for part in parts]
    if type_["kind"] == "ENUM":
        return text.strip().upper()
    if type_["name"] == "String":
        return text
    try:
        return orjson.loads(text)
    except ValueError as exc:
        raise Invalid(f"{name} takes JSON: a number, true or false, a list, an object.") from exc


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else orjson.dumps(value).decode()
