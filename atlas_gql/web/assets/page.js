// GraphiQL with a token, which is kept for as long as the tab lives and nowhere else.
"use strict";

const KEY = "atlas.token";
const place = document.getElementById("graphiql");
const field = document.getElementById("token");
const state = document.getElementById("state");
let root = null;

function send(request, accept, signal) {
  return fetch("graphql", {
    method: "POST",
    headers: {
      Accept: accept,
      Authorization: `Bearer ${sessionStorage.getItem(KEY)}`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify(request),
    signal,
  });
}

async function answer(response) {
  if (response.status === 401) state.textContent = "This token opens nothing.";
  return response.json();
}

// The events of a subscription, until GraphiQL stops it.
async function* watch(request) {
  const stop = new AbortController();
  try {
    const response = await send(request, "text/event-stream", stop.signal);
    if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
      yield await answer(response);
      return;
    }
    let text = "";
    for await (const part of parts(response.body.pipeThrough(new TextDecoderStream()))) {
      const events = (text + part).split("\n\n");
      text = events.pop();
      for (const event of events) {
        if (event.startsWith("event: next\ndata: ")) yield JSON.parse(event.slice(18));
      }
    }
  } finally {
    stop.abort();
  }
}

// Streams cannot be iterated over in every browser.
async function* parts(stream) {
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}

function ask(request, { documentAST } = {}) {
  const operations = documentAST?.definitions.filter((each) => each.kind === "OperationDefinition") ?? [];
  const asked = operations.find((each) => each.name?.value === request.operationName) ?? operations[0];
  if (asked?.operation === "subscription") return watch(request);
  return send(request, "application/json").then(answer);
}

function show() {
  root?.unmount();
  root = null;
  field.value = "";
  const token = sessionStorage.getItem(KEY);
  state.textContent = token ? "A token is in use, until this tab is closed." : "A token is needed.";
  if (!token) return;
  root = ReactDOM.createRoot(place);
  // Without its editor for headers, a token cannot end in what GraphiQL itself stores.
  root.render(React.createElement(GraphiQL, { fetcher: ask, isHeadersEditorEnabled: false }));
}

document.getElementById("access").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = field.value.trim();
  if (token) sessionStorage.setItem(KEY, token);
  show();
});
document.getElementById("forget").addEventListener("click", () => {
  sessionStorage.removeItem(KEY);
  show();
});
show();
