// Repositories, and one repository with its versions.

import { html, useState } from "../../vendor/htm-preact.js";
import { address, settle } from "../api.js";
import { plural } from "../format.js";
import { useLive } from "../live.js";
import { go, pageOf, setQuery } from "../router.js";
import { Reports } from "../tasks.js";
import { announce, Card, Empty, ErrorNote, Facts, Field, Labels, Loading, Page, PAGE_SIZE, Pager, Table, Time } from "../ui.js";

/** "file.file" of ".../repositories/file/file/…/". */
export const typeOf = (href) => href.replace(/^.*?\/api\/v3\/[^/]+\//, "").split("/").slice(0, 2).join(".");
export const numberOf = (versionHref) => (versionHref ? Number(/versions\/(\d+)\/$/.exec(versionHref)[1]) : null);

/** A filter by name and the page of a list, both in the address. */
export function NameFilter({ query, placeholder }) {
  const submit = (event) => { event.preventDefault(); setQuery({ name: event.target.elements["name-filter"].value, offset: "" }); };
  return html`<form class="filter" role="search" onSubmit=${submit}>
    <${Field} label="Name contains" id="name-filter" type="search" value=${query.get("name") ?? ""} placeholder=${placeholder} /><button>Filter</button></form>`;
}

export function useList(path, query, more = {}) {
  const offset = Number(query.get("offset") ?? 0);
  const list = useLive(address(path, { name__icontains: query.get("name") ?? "", ordering: "name", limit: PAGE_SIZE, offset, ...more }), 10);
  return { ...list, offset };
}

export function Repositories({ query }) {
  const { data, error, refresh, offset } = useList("repositories/", query);
  return html`
    <${Page} title="Repositories" lead="Each holds content in numbered versions that never change." actions=${html`<a class="button primary" href="#/mirror">Mirror a URL</a>`}>
      <${Card}>
        <${NameFilter} query=${query} placeholder="docs" />
        ${error && html`<${ErrorNote} error=${error} retry=${refresh} />`}${!data && !error && html`<${Loading} />`}
        ${data && (data.results.length ? html`<${Table} label="Repositories" rows=${data.results} columns=${[
          ["Name", (one) => html`<a href=${pageOf(one.pulp_href)}>${one.name}</a>`, { wide: 1 }],
          ["Type", (one) => typeOf(one.pulp_href)],
          ["Latest version", (one) => html`<a href=${pageOf(one.latest_version_href)}>${numberOf(one.latest_version_href)}</a>`, { num: 1 }],
          ["Labels", (one) => html`<${Labels} of=${one.pulp_labels} />`, { low: 1 }],
          ["Changed", (one) => html`<${Time} at=${one.pulp_last_updated} />`, { num: 1 }]]} /><${Pager} offset=${offset} total=${data.count} />`
          : html`<${Empty} title=${query.get("name") ? "No repository has such a name." : "There is no repository yet."}>
            ${query.get("name") ? "Try fewer letters." : html`<a href="#/mirror">Mirror a URL</a> to make one, or use <code>pulp file repository create</code>.`}<//>`)}
      <//>
    <//>`;
}

function Sync({ repository, onDone }) {
  const [task, setTask] = useState(null);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const sync = async () => {
    setBusy(true);
    setError(null);
    try {
      const done = await settle("POST", `${repository.pulp_href}sync/`, {}, setTask);
      announce(done.created_resources.length ? "Synced: there is a new version." : "Synced: nothing had changed.");
      onDone();
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  return html`
    <${Card} title="Sync" note=${html`from <a href=${pageOf(repository.remote)}>its remote</a>`} actions=${html`<button class="primary" disabled=${busy} onClick=${sync}>${busy ? "Syncing…" : "Sync now"}</button>`}>
      ${error && html`<${ErrorNote} error=${error} />`}
      ${task ? html`<${Reports} task=${task} /><p><a href=${pageOf(task.pulp_href)}>The task</a></p>` : html`<p class="dim">Takes over what has changed at the remote. A new version is made only if something has.</p>`}
    <//>`;
}

const counts = (version, kind) => Object.values(version.content_summary[kind]).reduce((sum, one) => sum + one.count, 0);

function Compare({ repository, versions }) {
  const numbers = versions.map((version) => version.number);
  const submit = (event) => {
    event.preventDefault();
    const { older, newer } = event.target.elements;
    go(`${pageOf(repository.pulp_href)}/diff/${older.value}/${newer.value}`);
  };
  return html`<form class="filter" onSubmit=${submit}>
    <${Field} label="Compare version" id="newer"><select id="newer" name="newer">${numbers.map((number) => html`<option key=${number} value=${number}>${number}</option>`)}</select><//>
    <${Field} label="with version" id="older"><select id="older" name="older">${numbers.map((number, index) => html`<option key=${number} value=${number} selected=${index === 1}>${number}</option>`)}</select><//>
    <button>Show the difference</button></form>`;
}

export function Repository({ path, query }) {
  const { data: repository, error, refresh } = useLive(path, 5);
  const offset = Number(query.get("offset") ?? 0);
  const versions = useLive(address(`${path}versions/`, { limit: PAGE_SIZE, offset }), 5);
  const remote = useLive(repository?.remote ?? null);
  const distributions = useLive(repository && address("distributions/", { repository: repository.pulp_href, limit: 10 }));
  if (error && !repository) return html`<${Page} title="Repository"><${ErrorNote} error=${error} retry=${refresh} /><//>`;
  if (!repository) return html`<${Page} title="Repository"><${Loading} /><//>`;
  return html`
    <${Page} title=${repository.name} lead=${repository.description || `A repository of type ${typeOf(repository.pulp_href)}.`}>
      <div class="columns">
        <${Card} title="Facts"><${Facts} of=${[
          ["Latest version", html`<a href=${pageOf(repository.latest_version_href)}>${numberOf(repository.latest_version_href)}</a>`],
          ["Remote", repository.remote && html`<a href=${pageOf(repository.remote)}>${remote.data?.name ?? "…"}</a>`],
          ["Versions kept", repository.retain_repo_versions ?? "all"], ["Published", repository.autopublish === undefined ? null : repository.autopublish ? "each new version" : "on request"],
          ["Served as", distributions.data?.results.length > 0 && distributions.data.results.map((one) => html`<div key=${one.pulp_href}><a href=${pageOf(one.pulp_href)}>${one.base_path}</a></div>`)],
          ["Labels", Object.keys(repository.pulp_labels).length > 0 && html`<${Labels} of=${repository.pulp_labels} />`],
          ["Made", html`<${Time} at=${repository.pulp_created} />`], ["PRN", html`<code class="break">${repository.prn}</code>`]]} /><//>
        ${repository.remote ? html`<${Sync} repository=${repository} onDone=${() => { refresh(); versions.refresh(); }} />`
          : html`<${Card} title="Sync"><${Empty} title="It has no remote.">Give it one to sync from, or add content to it by uploading.<//><//>`}
      </div>
      <${Card} title="Versions" note=${versions.data && plural(versions.data.count, "version")}>
        ${versions.error && html`<${ErrorNote} error=${versions.error} />`}${!versions.data && !versions.error && html`<${Loading} />`}
        ${versions.data && html`
          ${versions.data.results.length > 1 && html`<${Compare} repository=${repository} versions=${versions.data.results} />`}
          <${Table} label="Versions" rows=${versions.data.results} columns=${[
            ["Version", (one) => html`<a href=${pageOf(one.pulp_href)}>${one.number}</a>`], ["Units", (one) => counts(one, "present").toLocaleString("en"), { num: 1 }],
            ["Added", (one) => html`<span class=${counts(one, "added") ? "plus" : "dim"}>+${counts(one, "added").toLocaleString("en")}</span>`, { num: 1 }],
            ["Removed", (one) => html`<span class=${counts(one, "removed") ? "minus" : "dim"}>−${counts(one, "removed").toLocaleString("en")}</span>`, { num: 1 }],
            ["", (one) => one.number > 0 && html`<a href=${`${pageOf(repository.pulp_href)}/diff/${one.number - 1}/${one.number}`}>what changed<span class="hidden"> in version ${one.number}</span></a>`, { wide: 1 }],
            ["Made", (one) => html`<${Time} at=${one.pulp_created} />`, { num: 1, low: 1 }]]} /><${Pager} offset=${offset} total=${versions.data.count} />`}
      <//>
    <//>`;
}
