"""The commands of administrators: they ask the API, with a token, and never the database."""

from atlas_gql.cli.remote import backup, login, restore, runs

__all__ = ["backup", "login", "restore", "runs"]
