// Search over all content, and one unit: where it is, and where it is served.

import { html } from "../../vendor/htm-preact.js";
import { address, root } from "../api.js";
import { plural } from "../format.js";
import { useLive } from "../live.js";
import { pageOf, setQuery } from "../router.js";
import { Card, Empty, ErrorNote, Facts, Field, Labels, Loading, Page, PAGE_SIZE, Pager, Size, Time } from "../ui.js";
import { digestOf, unitName, UnitTable } from "../units.js";

const FILES = "content/file/files/";
const DIGEST = /^[0-9a-f]{64}$/;

/** The parameters that search for a text: a digest, an expression in the API's own language, or a part of a path. */
function search(list, text) {
  if (!text) return {};
  if (text.includes("=")) return { q: text };
  if (list !== FILES) return { pulp_label_select: text };
  return DIGEST.test(text) ? { sha256: text } : { relative_path__icontains: text };
}

export function Content({ query }) {
  const list = query.get("type") || FILES;
  const text = query.get("text") ?? "";
  const offset = Number(query.get("offset") ?? 0);
  const { data: paths } = useLive(root());
  const { data, error, refresh } = useLive(address(list, { ...search(list, text), limit: PAGE_SIZE, offset }));
  const types = Object.keys(paths ?? { [FILES.slice(0, -1)]: "" }).filter((path) => /^content\/[^/]+\/[^/]+$/.test(path) || path === "content");
  const submit = (event) => {
    event.preventDefault();
    const { type, text: words } = event.target.elements;
    setQuery({ type: type.value === FILES ? "" : type.value, text: words.value.trim(), offset: "" });
  };
  return html`
    <${Page} title="Content" lead="Every unit is stored once, however many repositories hold it.">
      <${Card} title="Units" note=${data && plural(data.count, "unit")}>
        <form class="filter" role="search" onSubmit=${submit}>
          <${Field} label="Type" id="type"><select id="type" name="type">${types.map((path) => html`
            <option key=${path} value=${`${path}/`} selected=${`${path}/` === list}>${path === "content" ? "all types" : path.replace("content/", "")}</option>`)}</select><//>
          <${Field} label="Search" id="text" type="search" value=${text} placeholder=${list === FILES ? "part of a path, or a SHA-256" : "label=value"} help=${html`Or an expression: <code>relative_path__startswith=a AND NOT sha256=…</code>`} />
          <button class="primary">Search</button>
        </form>
        ${error && html`<${ErrorNote} error=${error} retry=${refresh} />`}${!data && !error && html`<${Loading} />`}
        ${data && (data.results.length ? html`<${UnitTable} units=${data.results} label="Units" /><${Pager} offset=${offset} total=${data.count} />`
          : html`<${Empty} title=${text ? "Nothing fits." : "There is no content yet."}>${text ? "Try fewer letters, or another type." : html`<a href="#/mirror">Mirror a URL</a> to get some.`}<//>`)}
      <//>
    <//>`;
}

function Where({ unit }) {
  const repositories = useLive(address("repositories/", { latest_with_content: unit.pulp_href, limit: 20 }));
  const distributions = useLive(address("distributions/", { with_content: unit.pulp_href, limit: 20 }));
  const path = unit.relative_path;
  return html`
    <div class="columns">
      <${Card} title="In repositories" note="whose latest version holds it">
        ${repositories.error && html`<${ErrorNote} error=${repositories.error} />`}
        ${repositories.data && (repositories.data.results.length ? html`<ul class="plain">${repositories.data.results.map((one) => html`<li key=${one.pulp_href}><a href=${pageOf(one.pulp_href)}>${one.name}</a></li>`)}</ul>`
          : html`<${Empty} title="In none.">Older versions may hold it; if none does, cleaning up orphans removes it.<//>`)}
      <//>
      <${Card} title="Served at">
        ${distributions.error && html`<${ErrorNote} error=${distributions.error} />`}
        ${distributions.data && (distributions.data.results.length ? html`<ul class="plain">${distributions.data.results.map((one) => html`<li key=${one.pulp_href}>
          ${path ? html`<a class="break" href=${`${one.base_url.replace(/\/$/, "")}/${path.split("/").map(encodeURIComponent).join("/")}`} rel="noreferrer">${one.base_path}/${path}</a>` : html`<a href=${pageOf(one.pulp_href)}>${one.base_path}</a>`}</li>`)}</ul>`
          : html`<${Empty} title="Nowhere.">Make a <a href="#/distributions">distribution</a> of a repository that holds it.<//>`)}
      <//>
    </div>`;
}

export function Unit({ path }) {
  const { data: unit, error, refresh } = useLive(path);
  const artifact = useLive(unit?.artifact ?? null);
  if (error) return html`<${Page} title="Content"><${ErrorNote} error=${error} retry=${refresh} /><//>`;
  if (!unit) return html`<${Page} title="Content"><${Loading} /><//>`;
  const shown = ["relative_path", "sha256", "pulp_href", "prn", "artifact", "artifacts", "pulp_labels", "pulp_created", "pulp_last_updated"];
  return html`
    <${Page} title=${unitName(unit)} lead="A unit of type ${path.split("/").slice(1, 3).join("/")}">
      <${Card} title="Facts"><${Facts} of=${[
        ["SHA-256", digestOf(unit) && html`<code class="break">${digestOf(unit)}</code>`], ["Size", artifact.data && html`<${Size} of=${artifact.data.size} />`],
        ["Stored", unit.artifact === undefined ? null : unit.artifact ? "here" : "on demand: fetched when somebody asks for it first"],
        ["Known", html`<${Time} at=${unit.pulp_created} />`], ["Labels", Object.keys(unit.pulp_labels ?? {}).length > 0 && html`<${Labels} of=${unit.pulp_labels} />`],
        ...Object.entries(unit).filter(([name, value]) => !shown.includes(name) && value !== null && typeof value !== "object").map(([name, value]) => [name, html`<code class="break">${String(value)}</code>`]),
        ["PRN", html`<code class="break">${unit.prn}</code>`]]} /><//>
      <${Where} unit=${unit} />
    <//>`;
}
