// GraphiQL with a token, which is kept for as long as the tab lives and nowhere else.
"use strict";

const KEY = "atlas.token";
const place = document.getElementById("graphiql");
const field = document.getElementById("token");
const state = document.getElementById("state");
let root = null;

async function ask(request) {
  const response = await fetch("graphql", {
    method: "POST",
    headers: {
      Accept: "application/json",
      Authorization: `Bearer ${sessionStorage.getItem(KEY)}`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify(request),
  });
  if (response.status === 401) state.textContent = "This token opens nothing.";
  return response.json();
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
