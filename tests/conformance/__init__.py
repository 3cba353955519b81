"""What others hold a GraphQL server to. `python -m conformance` runs it."""
