// What GraphiQL's page does with a token: it asks, and it watches. Usage: graphiql.mjs URL
import { readFileSync } from "node:fs";
import { createContext, runInContext } from "node:vm";
import { parse } from "graphql";

const [url] = process.argv.slice(2);
const element = { addEventListener() {}, value: "", textContent: "" };
let fetcher = null;
const page = createContext({
  AbortController,
  TextDecoderStream,
  document: { getElementById: () => element },
  sessionStorage: { getItem: () => process.env.ATLAS_TOKEN },
  fetch: (path, options) => fetch(new URL(path, url), options),
  GraphiQL: null,
  React: { createElement: (_, props) => (fetcher = props.fetcher) },
  ReactDOM: { createRoot: () => ({ render() {}, unmount() {} }) },
});
runInContext(readFileSync("atlas_gql/web/assets/page.js", "utf8"), page);

async function asked(query, variables) {
  return fetcher({ query, variables }, { documentAST: parse(query) });
}

const { data } = await asked("{ viewer { name workspaces { nodes { id } } } }");
console.log(JSON.stringify(data.viewer.name));
const watching = "subscription($id: ID!) { runsChanged(workspaceId: $id) { runs { id } } }";
for (const id of [data.viewer.workspaces.nodes[0].id, "V29ya3NwYWNlOjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMA=="]) {
  for await (const event of await asked(watching, { id })) {
    console.log(JSON.stringify(event.errors?.map((error) => error.extensions.code) ?? event.data.runsChanged));
    break;
  }
}
