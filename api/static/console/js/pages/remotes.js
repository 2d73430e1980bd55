// Remotes: where repositories are synced from.

import { html } from "../../vendor/htm-preact.js";
import { address } from "../api.js";
import { useLive } from "../live.js";
import { pageOf } from "../router.js";
import { Card, Empty, ErrorNote, Facts, Labels, Loading, Page, Pager, Table, Time } from "../ui.js";
import { NameFilter, typeOf, useList } from "./repositories.js";

const POLICIES = { immediate: "fetched at once", on_demand: "fetched when asked for, and kept", streamed: "fetched each time" };

export function Remotes({ query }) {
  const { data, error, refresh, offset } = useList("remotes/", query);
  return html`
    <${Page} title="Remotes" lead="Where repositories are synced from." actions=${html`<a class="button primary" href="#/mirror">Mirror a URL</a>`}>
      <${Card}>
        <${NameFilter} query=${query} placeholder="docs" />
        ${error && html`<${ErrorNote} error=${error} retry=${refresh} />`}${!data && !error && html`<${Loading} />`}
        ${data && (data.results.length ? html`<${Table} label="Remotes" rows=${data.results} columns=${[
          ["Name", (one) => html`<a href=${pageOf(one.pulp_href)}>${one.name}</a>`],
          ["URL", (one) => html`<span class="break">${one.url}</span>`, { wide: 1 }], ["Type", (one) => typeOf(one.pulp_href), { low: 1 }],
          ["Files are", (one) => POLICIES[one.policy] ?? one.policy, { low: 1 }], ["Changed", (one) => html`<${Time} at=${one.pulp_last_updated} />`, { num: 1 }]]} /><${Pager} offset=${offset} total=${data.count} />`
          : html`<${Empty} title=${query.get("name") ? "No remote has such a name." : "There is no remote yet."}>
            ${query.get("name") ? "Try fewer letters." : html`<a href="#/mirror">Mirror a URL</a> to make one, or use <code>pulp file remote create</code>.`}<//>`)}
      <//>
    <//>`;
}

export function Remote({ path }) {
  const { data: one, error, refresh } = useLive(path, 10);
  const users = useLive(one && address("repositories/", { remote: one.pulp_href, limit: 50 }));
  if (error && !one) return html`<${Page} title="Remote"><${ErrorNote} error=${error} retry=${refresh} /><//>`;
  if (!one) return html`<${Page} title="Remote"><${Loading} /><//>`;
  const secrets = (one.hidden_fields ?? []).filter((field) => field.is_set).map((field) => field.name);
  return html`
    <${Page} title=${one.name} lead=${one.url}>
      <div class="columns">
        <${Card} title="Facts"><${Facts} of=${[
          ["URL", html`<span class="break">${one.url}</span>`], ["Files are", POLICIES[one.policy] ?? one.policy], ["TLS", one.tls_validation ? "checked" : "not checked"],
          ["Proxy", one.proxy_url], ["At a time", one.download_concurrency], ["Requests per second", one.rate_limit], ["Tries again", one.max_retries],
          ["Secrets that are set", secrets.length > 0 && secrets.join(", ")], ["Labels", Object.keys(one.pulp_labels).length > 0 && html`<${Labels} of=${one.pulp_labels} />`],
          ["Made", html`<${Time} at=${one.pulp_created} />`], ["PRN", html`<code class="break">${one.prn}</code>`]]} /><//>
        <${Card} title="Repositories that use it">
          ${users.error && html`<${ErrorNote} error=${users.error} />`}
          ${users.data && (users.data.results.length ? html`<ul class="plain">${users.data.results.map((repository) => html`<li key=${repository.pulp_href}><a href=${pageOf(repository.pulp_href)}>${repository.name}</a></li>`)}</ul>`
            : html`<${Empty} title="None.">A repository that names it as its remote can be synced with one button.<//>`)}
        <//>
      </div>
    <//>`;
}
