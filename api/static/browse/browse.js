// The browsable API: turns filled forms into requests, shows what came of them, and follows the tasks they start.
"use strict";

const JSON_ONLY = { Accept: "application/json" };

/** The headers of a request that changes something: with a session, the token of its other cookie. */
function changing() {
  const token = /(?:^|;\s*)csrftoken=([^;]+)/.exec(document.cookie);
  return token ? { ...JSON_ONLY, "X-CSRFToken": decodeURIComponent(token[1]) } : { ...JSON_ONLY };
}

// --- filters: the chosen one joins the query, the others stay -------------------------------------------------------

for (const form of document.querySelectorAll("form.filter")) {
  const { filter, value, ordering, q } = form.elements;
  filter.addEventListener("change", () => {
    const values = filter.selectedOptions[0].dataset.values;
    document.getElementById("values").replaceChildren(...(values ? values.split(",") : []).map((text) => new Option(text)));
    value.focus();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const query = new URLSearchParams(location.search);
    query.delete("offset");
    if (filter.value) query.append(filter.value, value.value);
    for (const [name, control] of [["ordering", ordering], ["q", q]]) {
      if (!control) continue;
      query.delete(name);
      if (control.value) query.set(name, control.value);
    }
    location.search = query;
  });
}

// --- forms ----------------------------------------------------------------------------------------------------------

/** What stands in a control, as the request names it; undefined: nothing to say. Throws if it cannot be read. */
function valueOf(control) {
  const text = control.value, empty = text.trim() === "";
  switch (control.dataset.kind) {
    case "file": return control.files[0];
    case "number": return empty ? (control.dataset.nullable === undefined ? undefined : null) : Number(text);
    case "boolean": return empty ? undefined : text === "true";
    case "lines": return text.split("\n").map((line) => line.trim()).filter(Boolean);
    case "json": return empty ? undefined : JSON.parse(text);
    default: return empty && control.dataset.nullable !== undefined ? null : text;
  }
}

/** True if somebody has put something else into a control than stood there at first. */
function changed(control) {
  if (control.type === "file") return control.files.length > 0;
  if (control.tagName === "SELECT") return [...control.options].some((one) => one.selected !== one.defaultSelected) && control.value !== first(control);
  return control.value !== control.defaultValue;
}

function first(select) {
  return ([...select.options].find((one) => one.defaultSelected) ?? select.options[0])?.value;
}

function showErrors(form, messages) {
  const rest = [];
  for (const [name, message] of Object.entries(messages)) {
    const place = form.querySelector(`[data-error="${CSS.escape(name)}"]`);
    const text = [message].flat().map((one) => typeof one === "string" ? one : JSON.stringify(one)).join(" ");
    if (!place) { rest.push(["detail", "errors", "non_field_errors"].includes(name) ? text : `${name}: ${text}`); continue; }
    place.textContent = text;
    place.hidden = false;
    form.elements[name].setAttribute("aria-invalid", "true");
  }
  const output = form.querySelector("output");
  output.className = "bad";
  output.textContent = rest.join("\n");
  form.querySelector("[aria-invalid=true]")?.focus();
}

function forgetErrors(form) {
  for (const place of form.querySelectorAll("[data-error]")) place.hidden = true;
  for (const control of form.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
  form.querySelector("output").textContent = "";
}

/** The body and the headers that a form's controls stand for; null if one of them cannot be read, which is shown. */
function requestOf(form) {
  const multipart = form.dataset.multipart !== undefined, body = {}, headers = changing(), errors = {};
  const controls = [...form.elements].filter((control) => control.dataset.kind);
  for (const control of controls) {
    if (!changed(control) && (form.dataset.partial !== undefined || !control.required)) continue;
    try {
      const value = valueOf(control);
      if (value === undefined || (value === "" && control.required)) {
        if (control.required) errors[control.name] = "This field is required.";
      } else if (control.dataset.kind === "header") headers[control.name] = value;
      else body[control.name] = value;
    } catch (error) { errors[control.name] = `This is not JSON: ${error.message}`; }
  }
  if (Object.keys(errors).length) { showErrors(form, errors); return null; }
  if (!controls.length) return { headers };
  if (!multipart) return { headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const data = new FormData();
  for (const [name, value] of Object.entries(body)) {
    if (value !== null) data.append(name, value instanceof File || typeof value === "string" ? value : JSON.stringify(value));
  }
  return { headers, body: data };
}

async function read(answer) {
  const text = await answer.text();
  try { return JSON.parse(text); } catch { return text; }
}

/** Go where the outcome of a request is to be seen, or show it below the form. */
async function follow(form, data) {
  const method = form.dataset.method, parent = location.pathname.replace(/[^/]+\/$/, "");
  const own = form.dataset.url === location.pathname;
  if (data?.task_group) { location.assign(data.task_group); return; }
  if (data?.task) {
    const task = await read(await fetch(data.task, { headers: JSON_ONLY }));
    if (task.state !== "completed" || !own) { location.assign(data.task); return; }
    data = { pulp_href: task.created_resources[0] };
  }
  if (method === "DELETE") { location.assign(parent); return; }
  if (data?.pulp_href && data.pulp_href !== location.pathname) { location.assign(data.pulp_href); return; }
  if (own) { location.reload(); return; }
  const output = form.querySelector("output");
  output.className = "";
  output.textContent = data ? JSON.stringify(data, null, 2) : "Done.";
}

for (const form of document.querySelectorAll("form.operation")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.dataset.undoing !== undefined && !confirm(`Delete ${location.pathname}?`)) return;
    forgetErrors(form);
    const request = requestOf(form), button = form.querySelector(":scope > button");
    if (!request) return;
    button.disabled = true;
    try {
      const answer = await fetch(form.dataset.url, { method: form.dataset.method, ...request });
      const data = await read(answer);
      if (answer.ok) await follow(form, data);
      else showErrors(form, typeof data === "object" && data ? data : { detail: `${answer.status} ${answer.statusText}` });
    } catch (error) { showErrors(form, { detail: `The server did not answer: ${error.message}` }); }
    button.disabled = false;
  });
}

// An address that ends in #create leads to that form, opened.
const wanted = document.getElementById(decodeURIComponent(location.hash.slice(1)));
if (wanted?.matches("details.operation")) { wanted.open = true; wanted.scrollIntoView(); }

// --- login ----------------------------------------------------------------------------------------------------------

document.querySelector("form.login")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { username, password } = event.target.elements, output = event.target.querySelector("output");
  const bytes = new TextEncoder().encode(`${username.value}:${password.value}`);
  const headers = { ...JSON_ONLY, "X-Requested-With": "XMLHttpRequest", Authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` };
  const answer = await fetch(document.body.dataset.login, { method: "POST", headers });
  if (answer.ok) { location.reload(); return; }
  output.className = "bad";
  output.textContent = (await read(answer)).detail ?? `${answer.status} ${answer.statusText}`;
  password.focus();
});

document.getElementById("logout")?.addEventListener("click", async () => {
  await fetch(document.body.dataset.login, { method: "DELETE", headers: changing() });
  location.reload();
});
