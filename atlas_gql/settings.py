"""Settings, from the environment (`ATLAS_...`) and nothing else.

The table of all settings in `docs/operations.md` is checked against this class by a test.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from atlas_gql.errors import ConfigurationError

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_SECURE = r"^(https://[^\s?#]+|http://(127\.0\.0\.1|localhost)(:\d+)?(/[^\s?#]*)?)$"


class Issuer(BaseModel):
    """Whose bearer tokens are taken, and what is read in them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(pattern=_SECURE)
    audience: str = Field(min_length=1)
    algorithms: tuple[str, ...] = Field(default=("RS256",), min_length=1)
    skew_seconds: int = Field(default=60, ge=0, le=300)
    jwks_url: str | None = Field(default=None, pattern=_SECURE)
    subject_claim: str = "sub"
    name_claim: str = "name"
    email_claim: str = "email"
    email_verified_claim: str = "email_verified"
    required_claims: dict[str, str] = Field(default_factory=dict)

    @field_validator("algorithms")
    @classmethod
    def _asymmetric(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not set(value) <= set(_ALGORITHMS):
            raise ValueError(f"algorithms are some of {', '.join(_ALGORITHMS)}")
        return value


class Settings(BaseSettings):
    """What can be set. An empty environment gives a working installation on one machine."""

    model_config = SettingsConfigDict(env_prefix="ATLAS_", extra="ignore", frozen=True)

    database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL as `atlas_app`; without it the embedded server is used."
    )
    database_admin_url: SecretStr | None = Field(
        default=None, description="PostgreSQL as a role that may migrate; only `atlas db upgrade` reads it."
    )
    data_dir: Path = Field(
        default=Path(".atlas"), description="Where the embedded server and the generated key live."
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="Base64 of 32 random bytes; seals credentials and secrets of plugins, and signs messages."
        " Several, separated by"
        " commas: the first seals, all open. Generated beside the embedded server when absent.",
    )
    assertion_dir: Path | None = Field(
        default=None,
        description="Folder of the assertions of federated credentials, in a folder for each workspace,"
        " named by its id. Workers read them.",
    )
    host: str = Field(default="127.0.0.1", description="Where the API listens.")
    port: int = Field(default=8000, ge=0, le=65535, description="The API's port; 0 lets the system choose.")
    cors_origins: str = Field(
        default="",
        description="Origins, as `https://console.example.com`, separated by commas, whose pages may use the"
        " API; its own pages always may.",
    )
    graphiql: bool = Field(default=True, description="Whether `/graphiql` serves a page to try queries on.")
    introspection: bool = Field(
        default=True,
        description="Whether clients may ask for the schema: introspection, `/schema.graphql` and suggestions"
        " in errors.",
    )
    get_queries: bool = Field(default=True, description="Whether queries may come by `GET`.")
    query_seconds: float = Field(
        default=30, gt=0, le=300, description="How long one GraphQL operation may take."
    )
    query_cost: int = Field(
        default=50_000, ge=1_000, description="How many fields the answer to one operation could hold."
    )
    rate_limit: int = Field(
        default=6_000,
        ge=0,
        description="Requests a minute that one token may send to one web process; 0 for any number.",
    )
    token_days: int = Field(
        default=366,
        ge=1,
        le=3660,
        description="How many days a new API token may live.",
    )
    oidc_issuers: Annotated[tuple[Issuer, ...], NoDecode] = Field(
        default=(),
        description="Issuers of OpenID Connect whose bearer tokens are taken: a JSON list of objects with"
        " `issuer` and `audience`.",
    )
    trusted_documents: Path | None = Field(
        default=None,
        description="Documents that are known by their SHA-256: a folder of `*.graphql` files, or a JSON file"
        " of hashes and texts.",
    )
    trusted_documents_only: bool = Field(default=False, description="Whether no other document is executed.")
    load_plugins: str | None = Field(
        default=None, description="Names of the plugins to load, separated by commas; all when absent."
    )
    simulator_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/]+/?$",
        description="Base URL of a simulator; providers of the cloud `simulator` use it.",
    )
    worker_host: str = Field(
        default="127.0.0.1", description="Where a worker answers `/healthz`, `/readyz` and `/metrics`."
    )
    worker_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="The port for that; 0 lets the system choose, and the worker says which: so workers of"
        " one machine do not clash.",
    )
    worker_threads: int = Field(default=4, ge=1, le=64, description="Runs that one worker carries at once.")
    tenant_runs: int = Field(default=2, ge=1, le=64, description="Runs of one tenant carried at once.")
    lease_seconds: float = Field(default=60, ge=1, le=3600, description="How long a claim holds unrenewed.")
    plan_hours: float = Field(
        default=24, gt=0, le=720, description="How long a restore plan may be executed."
    )
    archive_megabytes: int = Field(
        default=100,
        ge=1,
        le=2000,
        description="The largest backup archive that the API takes in, in millions of bytes; unpacked, ten"
        " times as much.",
    )
    log_format: str = Field(
        default="console",
        pattern="^(console|json)$",
        description="`console` for people, `json` for machines.",
    )
    log_level: str = Field(
        default="info", pattern="^(debug|info|warning|error)$", description="The least level that is logged."
    )

    @field_validator(
        "database_url",
        "database_admin_url",
        "secret_key",
        "simulator_url",
        "assertion_dir",
        "host",
        "data_dir",
        "trusted_documents",
        mode="wrap",
    )
    @classmethod
    def _absent_when_empty(cls, value: Any, check: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        """An empty variable is one that is not set: not a database of libpq's choice, nor every address."""
        assert info.field_name is not None
        return cls.model_fields[info.field_name].default if value == "" else check(value)

    @field_validator("oidc_issuers", mode="before")
    @classmethod
    def _decoded_issuers(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value or "[]")
        except ValueError:
            raise ValueError("this is no JSON") from None

    @field_validator("oidc_issuers")
    @classmethod
    def _distinct_issuers(cls, value: tuple[Issuer, ...]) -> tuple[Issuer, ...]:
        if len({one.issuer for one in value}) != len(value):
            raise ValueError("each issuer is named once")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _checked_origins(cls, value: str) -> str:
        for origin in split(value):
            if not re.fullmatch(
                r"https?://[a-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?", origin
            ):
                raise ValueError("each origin must be as https://console.example.com, in lower case")
        return value


def split(names: str) -> list[str]:
    """The names in a list that is separated by commas."""
    return [name.strip() for name in names.split(",") if name.strip()]


def load_settings() -> Settings:
    """The settings of this process. Raises ConfigurationError naming every bad variable, never its value."""
    try:
        return Settings()
    except ValidationError as exc:
        problems = "; ".join(
            f"ATLAS_{'_'.join(str(part) for part in error['loc']).upper()}: {error['msg']}"
            for error in exc.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(f"Bad settings. {problems}.") from None
