"""The audits of the npm package graphql-http, against an API with a token: all of them must be content.

And what GraphiQL's page does there: it asks, and it watches.
"""

from __future__ import annotations

import json
import sys

from atlas_gql.testing.installation import installation
from atlas_gql.testing.postgres import fresh_database
from conformance.node import run
from support.paths import DATA_DIR

AUDITS = 61


def main() -> int:
    with fresh_database(DATA_DIR) as database, installation(database, worker=False) as atlas:
        token = atlas.new_place(provider=False).token
        output = run("tests/npm/audits.mjs", f"{atlas.url}/graphql", ATLAS_TOKEN=token)
        page = run("tests/npm/graphiql.mjs", f"{atlas.url}/graphiql", ATLAS_TOKEN=token)
    results = [json.loads(line) for line in output.splitlines()]
    failed = [result for result in results if result["status"] != "ok"]
    for result in failed:
        sys.stdout.write(f"{result['id']} {result['name']}: {result['status']}: {result.get('reason')}\n")
    sys.stdout.write(f"conformance: {len(results) - len(failed)} of {len(results)} audits passed\n")
    asked, watched, refused = page.splitlines()
    works = (bool(asked), watched, refused) == (True, '{"runs":[]}', '["NOT_FOUND"]')
    sys.stdout.write(
        f"conformance: GraphiQL's page {'asks and watches' if works else 'does not work: ' + page}\n"
    )
    return 0 if works and len(results) == AUDITS and not failed else 1


if __name__ == "__main__":
    raise SystemExit(main())
