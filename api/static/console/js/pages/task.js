// One task: what it does or why it does not, what it made, what went wrong.

import { html } from "../../vendor/htm-preact.js";
import { hasEnded } from "../api.js";
import { duration, plural, shortKey, shortName } from "../format.js";
import { useLive, useNames, useNow } from "../live.js";
import { pageOf } from "../router.js";
import { CancelButton, phaseOf, Reports } from "../tasks.js";
import { Card, Dotted, Empty, ErrorNote, Facts, Loading, Page, Resource, Snippet, State, Time } from "../ui.js";

const Link = ({ href }) => html`<a href=${pageOf(href)}>${href.replace(/^.*?\/api\/v3\//, "")}</a>`;

/** The tree of what a task waits for. */
function Waits({ waits, names, now }) {
  return html`<ul class="tree">${waits.map((wait) => html`
    <li key=${wait.resource}><${Resource} name=${wait.resource} names=${names} /> <span class="dim">${wait.shared ? "shared" : "exclusive"}, ${wait.ahead ? `${plural(wait.ahead, "task")} before it in line` : "next in line"}</span>
      <ul>${[...wait.held_by.map((one) => ["held by", one]), ...wait.next_in_line.map((one) => ["before it", one])].map(([how, one]) => html`
        <li key=${one.task.task}>${how} <a href=${pageOf(one.task.task)}>${shortName(one.task.actor)} …${shortKey(one.task.task)}</a>
          ${" "}<${State} state=${one.task.phase} /> <span class="dim">${duration((now - Date.parse(one.task.since)) / 1000)}${one.task.worker ? ` on ${one.task.worker}` : ""}${one.shared ? ", shared" : ""}</span>
          ${one.repeated && html`<span class="dim"> – what it waits for stands elsewhere in this tree</span>`}
          ${one.waits.length > 0 && html`<${Waits} waits=${one.waits} names=${names} now=${now} />`}</li>`)}
        ${wait.holders > wait.held_by.length && html`<li class="dim">and ${wait.holders - wait.held_by.length} more hold it</li>`}
        ${wait.ahead > wait.next_in_line.length && html`<li class="dim">and ${wait.ahead - wait.next_in_line.length} more are before it</li>`}
      </ul></li>`)}</ul>`;
}

const resourcesOf = (waits) => waits.flatMap((wait) => [wait.resource, ...[...wait.held_by, ...wait.next_in_line].flatMap((one) => resourcesOf(one.waits))]);

function Why({ id, now }) {
  const { data, error } = useLive(`actor/tasks/${id}/why/`, 2);
  const names = useNames(data ? resourcesOf(data.waits) : []);
  if (error && !data) return error.status === 403 ? null : html`<${Card} title="Why it does not run yet"><${ErrorNote} error=${error} /><//>`;
  if (!data) return html`<${Card} title="What it waits for"><${Loading} rows=${2} /><//>`;
  return html`
    <${Card} title=${data.task.state === "waiting" ? "Why it does not run yet" : "What it does"}>
      <p class="verdict" aria-live="polite">${data.verdict}</p>
      ${data.waits.length > 0 && html`<${Waits} waits=${data.waits} names=${names} now=${now} />`}
      ${data.causes.length > 0 && html`<p>In the end it waits for ${data.causes.slice(0, 10).map((cause, index) => html`${index ? ", " : ""}<a key=${cause.task} href=${pageOf(cause.task)}>${shortName(cause.actor)} …${shortKey(cause.task)}</a> (${cause.phase})`)}.</p>`}
    <//>`;
}

export function TaskPage({ id }) {
  const { data: task, error, refresh } = useLive(`tasks/${id}/`, 1);
  const now = useNow(1);
  const locks = task?.reserved_resources_record ?? [];
  const names = useNames(locks.map((name) => name.replace(/^shared:/, "")));
  if (error && !task) return html`<${Page} title="Task"><${ErrorNote} error=${error} retry=${refresh} /><//>`;
  if (!task) return html`<${Page} title="Task"><${Loading} /><//>`;
  const ran = task.started_at && duration(((task.finished_at ? Date.parse(task.finished_at) : now) - Date.parse(task.started_at)) / 1000);
  return html`
    <${Page} title=${shortName(task.name)} lead=${html`<${State} state=${phaseOf(task)} /> ${ran && html`<span class="num">${task.finished_at ? "ran" : "for"} ${ran}</span>`}`}
      actions=${!hasEnded(task) && html`<${CancelButton} href=${task.pulp_href} name=${task.name} small=${false} onDone=${refresh} />`}>
      ${error && html`<${ErrorNote} error=${error} />`}
      ${task.error && html`<${Card} title="What went wrong" className="wrong"><p>${task.error.description ?? "No reason was given."}</p>
        ${task.error.traceback && html`<details><summary>Traceback</summary><pre tabindex="0">${task.error.traceback}</pre></details>`}<//>`}
      ${!hasEnded(task) && html`<${Why} id=${id} now=${now} />`}
      ${task.progress_reports.length > 0 && html`<${Card} title="Progress"><${Reports} task=${task} /><//>`}
      <div class="columns">
        <${Card} title="What it made">${task.created_resources.length ? html`<ul class="plain">${task.created_resources.map((href) => html`<li key=${href}><${Link} href=${href} /></li>`)}</ul>`
          : html`<${Empty} title=${hasEnded(task) ? "It made nothing." : "Nothing yet."}>A sync makes a version only if something has changed.<//>`}<//>
        <${Card} title="Facts"><${Facts} of=${[
          ["Actor", html`<code><${Dotted} name=${task.name} /></code>`], ["Made", html`<${Time} at=${task.pulp_created} />`], ["Locks free", task.unblocked_at && html`<${Time} at=${task.unblocked_at} />`],
          ["Started", task.started_at && html`<${Time} at=${task.started_at} />`], ["Ended", task.finished_at && html`<${Time} at=${task.finished_at} />`],
          ["Locks", locks.length > 0 && locks.map((name) => html`<div key=${name}><${Resource} name=${name.replace(/^shared:/, "")} names=${names} />${name.startsWith("shared:") && html` <span class="dim">shared</span>`}</div>`)],
          ["Parent", task.parent_task && html`<${Link} href=${task.parent_task} />`],
          ["Children", task.child_tasks.length > 0 && task.child_tasks.map((href) => html`<div key=${href}><${Link} href=${href} /></div>`)],
          ["Correlation id", html`<code>${task.logging_cid}</code>`]]} /><//>
      </div>
      ${task.result !== null && html`<${Card} title="Result"><${Snippet} label="Result" text=${JSON.stringify(task.result, null, 2)} /><//>`}
    <//>`;
}
