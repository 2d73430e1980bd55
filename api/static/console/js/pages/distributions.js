// Distributions: where content is served, with what to paste to get it.

import { html } from "../../vendor/htm-preact.js";
import { useLive } from "../live.js";
import { pageOf } from "../router.js";
import { Card, Empty, ErrorNote, Facts, Labels, Loading, Page, Pager, Snippet, Table, Time } from "../ui.js";
import { NameFilter, typeOf, useList } from "./repositories.js";

const slash = (url) => `${url.replace(/\/+$/, "")}/`;
const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`);

/** Ready to paste: how to look at a distribution, fetch all of it, and see it with the pulp command. */
export function snippets(distribution) {
  const url = slash(distribution.base_url), type = typeOf(distribution.pulp_href).split(".")[0];
  const found = [];
  if (type === "file") {
    found.push(["Everything, with curl", `curl -fsS ${quoted(`${url}PULP_MANIFEST`)} | cut -d, -f1 | while read -r path; do\n  curl -fsS --create-dirs -o "$path" ${quoted(url)}"\${path// /%20}"\ndone`]);
    found.push(["Mirror it on another platform", `pulp-actor mirror ${quoted(url)} --at ${quoted(distribution.base_path)}`]);
  } else {
    found.push(["With curl", `curl -fsS ${quoted(url)}`]);
  }
  found.push(["With the pulp command", `pulp ${type} distribution show --name ${quoted(distribution.name)}`]);
  return found;
}

export function Snippets({ distribution }) {
  return html`<div class="snippets">${snippets(distribution).map(([label, text]) => html`<div key=${label}><h3>${label}</h3><${Snippet} label=${label} text=${text} /></div>`)}</div>`;
}

export function Distributions({ query }) {
  const { data, error, refresh, offset } = useList("distributions/", query);
  return html`
    <${Page} title="Distributions" lead="A distribution serves a repository, or one publication of it, at a path.">
      <${Card}>
        <${NameFilter} query=${query} placeholder="docs" />
        ${error && html`<${ErrorNote} error=${error} retry=${refresh} />`}${!data && !error && html`<${Loading} />`}
        ${data && (data.results.length ? html`<${Table} label="Distributions" rows=${data.results} columns=${[
          ["Name", (one) => html`<a href=${pageOf(one.pulp_href)}>${one.name}</a>`],
          ["Served at", (one) => html`<a class="break" href=${one.base_url} rel="noreferrer">${one.base_url}</a>`, { wide: 1 }],
          ["Type", (one) => typeOf(one.pulp_href), { low: 1 }],
          ["Open to", (one) => (one.content_guard ? "who passes its guard" : "everyone"), { low: 1 }],
          ["Changed", (one) => html`<${Time} at=${one.pulp_last_updated} />`, { num: 1 }]]} /><${Pager} offset=${offset} total=${data.count} />`
          : html`<${Empty} title=${query.get("name") ? "No distribution has such a name." : "Nothing is served yet."}>
            ${query.get("name") ? "Try fewer letters." : html`<a href="#/mirror">Mirror a URL</a> to serve something, or use <code>pulp file distribution create</code>.`}<//>`)}
      <//>
    <//>`;
}

export function Distribution({ path }) {
  const { data: one, error, refresh } = useLive(path, 10);
  const repository = useLive(one?.repository ?? null);
  if (error && !one) return html`<${Page} title="Distribution"><${ErrorNote} error=${error} retry=${refresh} /><//>`;
  if (!one) return html`<${Page} title="Distribution"><${Loading} /><//>`;
  return html`
    <${Page} title=${one.name} lead=${html`Serves <a href=${one.base_url} rel="noreferrer">${one.base_url}</a>`}>
      <${Card} title="Get it" note="ready to paste">
        ${one.content_guard && html`<p>A guard protects it: add the credentials that the guard asks for.</p>`}
        <${Snippets} distribution=${one} />
      <//>
      <${Card} title="Facts"><${Facts} of=${[
        ["Base path", html`<code>${one.base_path}</code>`],
        ["Serves", one.repository ? html`the latest of <a href=${pageOf(one.repository)}>${repository.data?.name ?? "…"}</a>` : one.publication ? html`<code class="break">${one.publication}</code>` : "nothing yet: give it a repository or a publication"],
        ["Guard", one.content_guard && html`<code class="break">${one.content_guard}</code>`], ["Pull-through from", one.remote && html`<a href=${pageOf(one.remote)}>a remote</a>`],
        ["Labels", Object.keys(one.pulp_labels).length > 0 && html`<${Labels} of=${one.pulp_labels} />`],
        ["Made", html`<${Time} at=${one.pulp_created} />`], ["PRN", html`<code class="break">${one.prn}</code>`]]} /><//>
    <//>`;
}
