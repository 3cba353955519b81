// The audits of GraphQL over HTTP, one JSON line each: {id, name, status, reason}.
import { serverAudits } from "graphql-http";

const [url] = process.argv.slice(2);
const authorization = `Bearer ${process.env.ATLAS_TOKEN}`;
const fetchFn = (target, init) =>
  fetch(target, { ...init, headers: { ...init?.headers, authorization } });

for (const audit of serverAudits({ url, fetchFn })) {
  const { id, name, status, reason } = await audit.fn();
  console.log(JSON.stringify({ id, name, status, reason }));
}
