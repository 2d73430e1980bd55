// The platform at a glance: is it well, what does it do, what did it do in the last hours.

import { html } from "../../vendor/htm-preact.js";
import { bytes, clock, count, duration, exact, plural, shortName } from "../format.js";
import { useHealth } from "../health.js";
import { useLive, useNow } from "../live.js";
import { byteTicks, Plot } from "../plots.js";
import { pageOf, setQuery } from "../router.js";
import { Card, Choice, Dotted, Empty, ErrorNote, Loading, Page, State, Table, Time } from "../ui.js";

const RANGES = [["0.25", "15 min"], ["1", "1 h"], ["24", "24 h"], ["168", "7 d"]];

/** What is wrong, in sentences; empty: all is well. */
function complaints(status, queue) {
  const found = [];
  if (!status.online_workers.length) found.push("No worker is online: nothing will run.");
  if (!status.online_content_apps.length) found.push("No content server is online: nothing is served.");
  for (const process of queue?.processes ?? []) if (!process.alive) found.push(`${process.name} (${process.kind}) is silent: dead, or not back yet.`);
  const { total, free } = status.storage ?? {};
  if (total && free / total < 0.05) found.push(`The store is nearly full: ${bytes(free)} are left.`);
  return found;
}

/** What goes on, and what does not, while nothing can be read. */
const MEANWHILE = "Nothing new can be asked for. Content that the content servers remember is still served; tasks go on when it is over.";

function Tiles({ status, queue, trouble, now }) {
  const wrong = trouble ? [`${trouble.title}.`, MEANWHILE] : complaints(status, queue);
  const old = trouble ? "old" : "";
  const workers = (queue?.processes ?? []).filter((process) => process.kind === "worker");
  const busy = new Set(workers.filter((process) => process.state).map((process) => process.id)).size;
  const online = new Set(workers.map((process) => process.id)).size;
  const waiting = queue ? queue.ready + queue.blocked + queue.delayed : 0;
  const { total, used, free } = status.storage ?? {};
  return html`
    <div class="tiles">
      <section class="tile ${wrong.length ? "bad" : "good"}"><h2>Health</h2><p class="figure">${wrong.length ? "Not well" : "Well"}</p>
        <p>${wrong.length ? wrong.join(" ") : `${plural(status.online_api_apps.length, "API process", "API processes")}, ${plural(status.online_content_apps.length, "content process", "content processes")}`}</p></section>
      <section class="tile ${old}"><h2>Workers</h2><p class="figure">${queue ? `${busy} of ${online}` : status.online_workers.length}</p><p>${queue ? "busy" : "online"}</p></section>
      <section class="tile ${old}"><h2>Queue</h2><p class="figure">${queue ? count(waiting) : "…"}</p>
        <p>${!queue ? "" : waiting ? `${queue.ready} ready, ${queue.blocked} blocked, ${queue.delayed} delayed.` : "Nothing waits."}
          ${queue?.oldest_waiting && html`${" "}Oldest: ${duration((now - Date.parse(queue.oldest_waiting)) / 1000)}.`}</p></section>
      <section class="tile ${old}"><h2>Storage</h2><p class="figure">${total ? bytes(free) : "unknown"}</p><p>${total ? `free of ${bytes(total)}` : "The store does not tell."}</p>
        ${total && html`<div class="meter" role="meter" aria-label="Storage used" aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round((used / total) * 100)}>
          <div class=${free / total < 0.1 ? "low" : ""} style=${{ width: `${(used / total) * 100}%` }} /></div>`}</section>
    </div>`;
}

const DEPTH = [{ key: "running", label: "running", colour: "c-running" }, { key: "ready", label: "ready", colour: "c-ready" },
  { key: "blocked", label: "blocked", colour: "c-blocked" }, { key: "delayed", label: "delayed", colour: "c-delayed" }];
const ENDED = [{ key: "well", label: "ended well or cancelled", colour: "c-completed" }, { key: "failed", label: "failed", colour: "c-failed" }];
const DISK = [{ key: "storage_used", label: "used", colour: "c-running" }];

function Plots({ hours, now }) {
  const { data, error, refresh } = useLive(`actor/samples/?hours=${hours}`, 15);
  if (error && !data) return html`<${ErrorNote} error=${error} retry=${refresh} />`;
  const points = (data?.points ?? []).map((point) => ({ ...point, well: Math.max(0, (point.ended ?? 0) - (point.failed ?? 0)), failed: point.failed ?? 0 }));
  const frame = { points, width: data?.width ?? 60, from: now - hours * 3600e3, to: now };
  const sum = (key) => points.reduce((total, point) => total + (point[key] ?? 0), 0);
  const deepest = Math.max(0, ...points.map((point) => point.ready + point.blocked + point.delayed));
  const last = points.at(-1);
  return html`
    <div class="plots">
      <${Plot} ...${frame} title="Queue" series=${DEPTH} show=${(value) => count(value)} summary=${`At most ${plural(deepest, "task")} waited.`} />
      <${Plot} ...${frame} title="Tasks ended" series=${ENDED} kind="bars" show=${(value) => count(value)}
        summary=${`${plural(sum("well") + sum("failed"), "task")} ended, ${count(sum("failed"))} of them failed.`} />
      <${Plot} ...${frame} title="Storage" series=${DISK} show=${bytes} mark=${(value) => bytes(value).replace(/\.0+ /, " ")} axis=${byteTicks}
        summary=${last?.storage_total ? `${bytes(last.storage_used)} of ${bytes(last.storage_total)} are used.` : "The store does not tell how full it is."} />
    </div>`;
}

function Running({ queue, now }) {
  const rows = queue.processes.filter((process) => process.task).sort((one, other) => one.started.localeCompare(other.started));
  return html`
    <${Card} title="Running now" note=${rows.length ? plural(rows.length, "task") : null}>
      ${rows.length ? html`<${Table} label="Running tasks" rows=${rows} keyOf=${(row) => row.task} columns=${[
        ["Task", (row) => html`<a href=${pageOf(row.task)}><${Dotted} name=${shortName(row.actor)} /></a>`, { wide: 1 }],
        ["State", (row) => html`<${State} state=${row.state} />`, { low: 1 }],
        ["For", (row) => duration((now - Date.parse(row.started)) / 1000), { num: 1 }],
        ["On", (row) => html`<code>${row.name}</code>`, { low: 1 }]]} />`
        : html`<${Empty} title="Nothing is running.">Start something: <a href="#/mirror">mirror a URL</a>, or sync a <a href="#/repositories">repository</a>.<//>`}
    <//>`;
}

function Failures() {
  const { data, error } = useLive("tasks/?state=failed&ordering=-pulp_created&limit=5&fields=pulp_href,name,error,finished_at,state", 10);
  return html`
    <${Card} title="Last failures" actions=${html`<a href="#/tasks?show=failed">All</a>`}>
      ${error && !data && html`<${ErrorNote} error=${error} />`}${!data && !error && html`<${Loading} rows=${3} />`}
      ${data && (data.results.length ? html`<${Table} label="Failed tasks" rows=${data.results} columns=${[
        ["Task", (task) => html`<a href=${pageOf(task.pulp_href)}><${Dotted} name=${shortName(task.name)} /></a>`],
        ["Why", (task) => html`<span class="clip lines" title=${task.error?.description}>${task.error?.description ?? "No reason was given."}</span>`, { wide: 1 }],
        ["When", (task) => html`<${Time} at=${task.finished_at} />`, { num: 1 }]]} />`
        : html`<${Empty} title="No task has failed.">Failed tasks stay here until they are purged.<//>`)}
    <//>`;
}

function Interruptions({ of }) {
  return html`
    <${Card} title="Interruptions" note="seen since this page was opened">
      <${Table} label="Interruptions" rows=${of} keyOf=${(row) => row.from} columns=${[
        ["What", (row) => row.title, { wide: 1 }], ["From", (row) => html`<span title=${exact(row.from)}>${clock(row.from, row.to, true)}</span>`, { num: 1 }],
        ["To", (row) => html`<span title=${exact(row.to)}>${clock(row.to, row.to, true)}</span>`, { num: 1 }],
        ["For", (row) => duration((row.to - row.from) / 1000), { num: 1 }]]} />
    <//>`;
}

function Processes({ queue }) {
  const seen = [...new Map(queue.processes.map((process) => [process.id, process])).values()];
  return html`
    <${Card} title="Processes" note=${`${plural(seen.length, "process", "processes")} online`}>
      <${Table} label="Processes" rows=${seen} keyOf=${(row) => row.id} columns=${[
        ["Name", (row) => html`<code>${row.name}</code>`, { wide: 1 }], ["Kind", (row) => row.kind],
        ["Does", (row) => (!row.alive ? html`<${State} state="silent" />` : row.task ? shortName(row.actor) : row.kind === "worker" ? "idle" : "serves"), { low: 1 }],
        ["Up since", (row) => html`<${Time} at=${row.since} />`, { num: 1 }]]} />
    <//>`;
}

export function Overview({ query }) {
  const hours = query.get("hours") ?? "1";
  const { status, trouble, interruptions } = useHealth();
  const queue = useLive("actor/queue/", 2);
  const now = useNow(1);
  return html`
    <${Page} title="Overview" actions=${html`<${Choice} label="Time range of the plots" options=${RANGES} value=${hours} onChange=${(value) => setQuery({ hours: value })} />`}>
      ${status ? html`<${Tiles} status=${status} queue=${queue.data} trouble=${trouble} now=${now} />` : !trouble && html`<${Loading} rows=${3} />`}
      <${Plots} hours=${Number(hours)} now=${now} />
      ${queue.error && !queue.data && html`<${ErrorNote} error=${queue.error} />`}
      <div class="columns">${queue.data && html`<${Running} queue=${queue.data} now=${now} />`}<${Failures} /></div>
      ${interruptions.length > 0 && html`<${Interruptions} of=${interruptions} />`}
      ${queue.data && html`<${Processes} queue=${queue.data} />`}
    <//>`;
}
