// The settings in force. Secrets are masked by the server and never come here.

import { html } from "../../vendor/htm-preact.js";
import { plural } from "../format.js";
import { useLive } from "../live.js";
import { setQuery } from "../router.js";
import { Card, Choice, Empty, ErrorNote, Field, Loading, Page, Table } from "../ui.js";

const SHOWN = [["changed", "Changed"], ["all", "All"]];
const text = (value) => (value === "" ? html`<span class="dim">empty</span>` : html`<code class="break">${typeof value === "string" ? value : JSON.stringify(value)}</code>`);

export function Settings({ query }) {
  const { data, error, refresh } = useLive("actor/settings/");
  const shown = query.get("show") === "changed" ? "changed" : "all";
  const word = (query.get("word") ?? "").toLowerCase();
  const rows = (data?.settings ?? []).filter((row) => (shown === "all" || row.source !== "default") && `${row.name} ${row.help}`.toLowerCase().includes(word));
  return html`
    <${Page} title="Settings" lead="What is in force in the API, and where it came from. Change them in the settings file or the environment, and start the services again.">
      <${Card} title="In force" note=${data && plural(rows.length, "setting")} actions=${html`<${Choice} label="Which settings" options=${SHOWN} value=${shown} onChange=${(value) => setQuery({ show: value === "all" ? "" : value })} />`}>
        <div class="filter" role="search"><${Field} label="Name or help contains" id="word" type="search" value=${query.get("word") ?? ""} onInput=${(event) => setQuery({ word: event.target.value })} /></div>
        ${error && html`<${ErrorNote} error=${error} retry=${refresh} />`}${!data && !error && html`<${Loading} rows=${12} />`}
        ${data && (rows.length ? html`<${Table} label="Settings" rows=${rows} keyOf=${(row) => row.name} columns=${[
          ["Setting", (row) => html`<code class="break">${row.name}</code><p class="help">${row.help}</p>`, { wide: 1 }], ["Value", (row) => text(row.value), { value: 1 }],
          ["From", (row) => (row.source === "default" ? html`<span class="dim">default</span>` : html`<span class=${row.source.startsWith("PULP_") ? "num" : "break"}>${row.source}</span>`)]]} />`
          : html`<${Empty} title="No setting fits.">${shown === "changed" ? "Those that have their defaults are under All." : "Try fewer letters."}<//>`)}
      <//>
    <//>`;
}
