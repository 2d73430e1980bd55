// The task board: who runs what, who waits for which resource and behind whom, and the list of tasks.

import { html } from "../../vendor/htm-preact.js";
import { address, hasEnded } from "../api.js";
import { count, duration, plural, shortKey, shortName } from "../format.js";
import { useLive, useNames, useNow } from "../live.js";
import { LockGraph } from "../lockgraph.js";
import { pageOf, setQuery } from "../router.js";
import { CancelButton, phaseOf } from "../tasks.js";
import { Card, Choice, Dotted, Empty, ErrorNote, Field, Loading, Page, PAGE_SIZE, Pager, Resource, State, Table, Time } from "../ui.js";

const SHOWN = [["open", "Unfinished"], ["failed", "Failed"], ["all", "All"]];
const FILTERS = { open: { state__in: "running,canceling,waiting" }, failed: { state: "failed" }, all: {} };
const FIELDS = "pulp_href,name,state,pulp_created,started_at,finished_at,unblocked_at,reserved_resources_record,progress_reports,error,worker";

/** A worker and the task that it runs. */
function Worker({ process, now, refresh }) {
  return html`
    <li class="worker ${process.state ? "busy" : ""} ${process.alive ? "" : "dead"}">
      <p class="worker-name"><code>${process.name}</code></p>
      ${!process.alive ? html`<p class="dim">silent; its work is rescued within seconds unless it comes back</p>` : !process.task ? html`<p class="dim">${process.state ? "works in another domain" : "idle"}</p>` : html`
        <p><a href=${pageOf(process.task)}>${shortName(process.actor)}</a></p>
        <p class="worker-foot"><${State} state=${process.state} /><span class="num">${duration((now - Date.parse(process.started)) / 1000)}</span>
          <${CancelButton} href=${process.task} name=${process.actor} onDone=${refresh} /></p>`}
    </li>`;
}

/** What a waiting task waits for, as the lock graph has it. */
function waitsOf(task, locks) {
  return (locks?.edges ?? []).filter((edge) => edge.task === task.pulp_href && !edge.granted);
}

function Waits({ task, locks, names }) {
  const waits = waitsOf(task, locks);
  if (task.state !== "waiting") return html`<span class="dim">${task.reserved_resources_record.length ? plural(task.reserved_resources_record.length, "lock") : "none"}</span>`;
  if (task.unblocked_at) return html`<span class="dim">a worker</span>`;
  if (!waits.length) return html`<span class="dim">locks, further back in line</span>`;
  return waits.map((edge) => html`<span class="wait" key=${edge.resource}><${Resource} name=${edge.resource} names=${names} />
    <span class="dim"> no. ${edge.place}</span></span>`);
}

function Progressing({ task }) {
  const report = task.progress_reports.at(-1);
  if (task.state === "failed") return html`<span class="clip" title=${task.error?.description}>${task.error?.description ?? ""}</span>`;
  if (!report || task.state === "waiting") return null;
  return html`<span class="num">${report.message} ${count(report.done)}${report.total ? ` / ${count(report.total)}` : ""}</span>`;
}

function TaskList({ query, locks, names, now }) {
  const shown = FILTERS[query.get("show")] ? query.get("show") : "open";
  const offset = Number(query.get("offset") ?? 0);
  const name = query.get("name") ?? "";
  const path = address("tasks/", { ...FILTERS[shown], name__contains: name, ordering: shown === "open" ? "pulp_created" : "-pulp_created", limit: PAGE_SIZE, offset, fields: FIELDS });
  const { data, error, refresh } = useLive(path, 2);
  const ran = (task) => (task.started_at ? duration(((task.finished_at ? Date.parse(task.finished_at) : now) - Date.parse(task.started_at)) / 1000) : "");
  return html`
    <${Card} title="Tasks" note=${data && plural(data.count, "task")} actions=${html`
      <${Choice} label="Which tasks" options=${SHOWN} value=${shown} onChange=${(value) => setQuery({ show: value === "open" ? "" : value, offset: "" })} />`}>
      <form class="filter" role="search" onSubmit=${(event) => { event.preventDefault(); setQuery({ name: event.target.elements["task-name"].value, offset: "" }); }}>
        <${Field} label="Name contains" id="task-name" type="search" value=${name} placeholder="synchronize" /><button>Filter</button></form>
      ${error && html`<${ErrorNote} error=${error} retry=${refresh} />`}${!data && !error && html`<${Loading} />`}
      ${data && (data.results.length ? html`<${Table} label="Tasks" rows=${data.results} columns=${[
        ["State", (task) => html`<${State} state=${phaseOf(task)} />`],
        ["Task", (task) => html`<a href=${pageOf(task.pulp_href)}><${Dotted} name=${shortName(task.name)} /></a> <span class="dim num">…${shortKey(task.pulp_href)}</span>`, { task: 1 }],
        ["Waits for", (task) => html`<${Waits} task=${task} locks=${locks} names=${names} />`, { wide: 1, low: 1 }],
        [shown === "failed" ? "Why" : "Progress", (task) => html`<${Progressing} task=${task} />`, { low: 1 }],
        ["Made", (task) => html`<${Time} at=${task.pulp_created} />`, { num: 1, low: 1 }],
        ["Ran", (task) => ran(task), { num: 1 }],
        ["", (task) => !hasEnded(task) && html`<${CancelButton} href=${task.pulp_href} name=${task.name} onDone=${refresh} />`, { num: 1 }]]} />
        <${Pager} offset=${offset} total=${data.count} />`
        : html`<${Empty} title=${shown === "open" ? "Nothing is running or waiting." : "No task matches."}>
          ${shown === "open" ? html`Ended tasks are under <a href="#/tasks?show=all">All</a>. To start one, <a href="#/mirror">mirror a URL</a>.` : "Change the filter to see more."}<//>`)}
    <//>`;
}

export function Board({ query }) {
  const queue = useLive("actor/queue/", 1.5);
  const locks = useLive("actor/locks/", 1.5);
  const now = useNow(1);
  const names = useNames((locks.data?.resources ?? []).map((one) => one.name));
  const workers = (queue.data?.processes ?? []).filter((process) => process.kind === "worker");
  const graph = locks.data;
  return html`
    <${Page} title="Tasks" lead=${queue.data && `${queue.data.running + queue.data.canceling} running, ${queue.data.ready} ready, ${queue.data.blocked} blocked, ${queue.data.delayed} delayed`}>
      ${(queue.error || locks.error) && !(queue.data && locks.data) && html`<${ErrorNote} error=${queue.error || locks.error} />`}
      <${Card} title="Workers" note=${queue.data && `${plural(workers.length, "place")} to run a task`}>
        ${!queue.data ? !queue.error && html`<${Loading} rows=${2} />` : workers.length ? html`<ul class="workers">${workers.map((process) => html`
          <${Worker} key=${process.id + process.task} process=${process} now=${now} refresh=${queue.refresh} />`)}</ul>`
          : html`<${Empty} title="No worker is online.">Nothing runs until one is started with <code>pulp-worker</code>.<//>`}
      <//>
      <${Card} title="Who waits for what" note=${graph && (graph.contended > graph.resources.length ? `the ${graph.resources.length} resources most waited for, of ${count(graph.contended)}` : plural(graph.contended, "resource"))}>
        ${!graph ? !locks.error && html`<${Loading} rows=${3} />` : graph.resources.length ? html`<${LockGraph} graph=${graph} now=${now} names=${names} />`
          : html`<${Empty} title="No task waits for a lock.">Two tasks that need the same repository would stand here, one behind the other.<//>`}
      <//>
      <${TaskList} query=${query} locks=${graph} names=${names} now=${now} />
    <//>`;
}
