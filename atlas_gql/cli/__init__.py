"""The `atlas` command."""

from atlas_gql.cli.app import app, main

__all__ = ["app", "main"]
