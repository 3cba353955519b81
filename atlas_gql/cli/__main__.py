"""`python -m atlas_gql.cli` is `atlas`."""

from atlas_gql.cli import main

main()
