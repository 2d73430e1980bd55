// The lock graph: a lane for each resource that tasks wait for, with those who hold it, and behind them those who wait for
// it in line. A task that stands in several lanes is one task: a curve ties its places together. The same is told as a list
// of sentences.

import { html, useState } from "../vendor/htm-preact.js";
import { duration, plural, resourceKind, shortKey, shortName } from "./format.js";
import { pageOf } from "./router.js";
import { Resource } from "./ui.js";

const BOX = { width: 152, height: 44, gap: 24 };
const LANE = { height: 66, top: 26, left: 2, label: 176 };
const STEP = BOX.width + BOX.gap;

/** Where everything stands: lanes, the places of tasks in them, ties between the places of one task, the size of it all. */
export function layout(graph) {
  const of = (resource, granted) => graph.edges.filter((edge) => edge.resource === resource.name && edge.granted === granted);
  const widest = Math.max(1, ...graph.resources.map((resource) => of(resource, true).length));
  const first = LANE.left + LANE.label + BOX.gap, line = first + widest * STEP + 14;
  const lanes = graph.resources.map((resource, row) => {
    const y = LANE.top + row * LANE.height;
    const held = of(resource, true).map((edge, index) => ({ ...edge, y, x: first + index * STEP }));
    const waiting = of(resource, false).map((edge, index) => ({ ...edge, y, x: line + index * STEP }));
    return { resource, y, held, waiting, more: resource.waiting - waiting.length, moreHeld: resource.holders - held.length };
  });
  const places = new Map();
  for (const lane of lanes) for (const place of [...lane.held, ...lane.waiting]) places.set(place.task, [...(places.get(place.task) ?? []), place]);
  const ties = [...places.values()].flatMap((all) => all.slice(1).map((to, index) => ({ task: to.task, from: all[index], to })));
  const width = Math.max(...lanes.map((lane) => line + lane.waiting.length * STEP + (lane.more > 0 ? 60 : 0)));
  return { lanes, ties, first, line, width, height: LANE.top + lanes.length * LANE.height - (LANE.height - BOX.height) + 4 };
}

const cut = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

function Place({ place, task, now, chosen, choose, where }) {
  const name = cut(shortName(task.actor).split(".").at(-1), 19);
  const more = `${task.phase} ${duration((now - Date.parse(task.since)) / 1000, 1)}${place.shared ? " · shared" : ""}`;
  return html`
    <a class="place ${task.phase} ${chosen === place.task ? "chosen" : ""}" href=${pageOf(task.task)} aria-label=${`${name} ${more}, ${where}`}
      onPointerEnter=${() => choose(place.task)} onPointerLeave=${() => choose(null)} onFocus=${() => choose(place.task)} onBlur=${() => choose(null)}>
      <rect x=${place.x} y=${place.y} width=${BOX.width} height=${BOX.height} rx="7" />
      <text x=${place.x + 10} y=${place.y + 18} class="place-name">${name}</text>${" "}
      <text x=${place.x + 10} y=${place.y + 34} class="place-more">${more}</text>
    </a>`;
}

function Lane({ lane, tasks, now, names, ...choice }) {
  const { resource, y, held, waiting } = lane, middle = y + BOX.height / 2, end = LANE.left + LANE.label;
  const name = names.get(resource.name)?.name ?? resource.name.replace(/^prn:[^:]*:.*/, `…${shortKey(resource.name)}`);
  const kind = resourceKind(resource.name) || "resource";
  const behind = held.length ? held.at(-1).x + BOX.width : end;
  return html`
    <g class="lane">
      ${held.map((place, index) => html`<path key=${place.task} class="holds" d=${`M${index ? place.x - BOX.gap : end} ${middle}H${place.x}`} />`)}
      ${waiting.map((place, index) => html`<path key=${place.task} class="waits" marker-end="url(#arrow)" d=${`M${place.x} ${middle}H${(index ? place.x - BOX.gap : behind) + 5}`} />`)}
      <g class="node"><rect x=${LANE.left} y=${y} width=${LANE.label} height=${BOX.height} rx=${BOX.height / 2} />
        <text x=${LANE.left + LANE.label / 2} y=${y + 18} text-anchor="middle" class="node-name">${cut(name, 21)}</text>
        <text x=${LANE.left + LANE.label / 2} y=${y + 34} text-anchor="middle" class="place-more">${kind}${lane.moreHeld > 0 ? ` · ${resource.holders} hold it` : ""}</text></g>
      ${held.map((place) => html`<${Place} key=${place.task} place=${place} task=${tasks.get(place.task)} now=${now} where=${`holds ${kind} ${name}`} ...${choice} />`)}
      ${waiting.map((place) => html`<${Place} key=${place.task} place=${place} task=${tasks.get(place.task)} now=${now}
        where=${`number ${place.place} in line for ${kind} ${name}`} ...${choice} />`)}
      ${lane.more > 0 && html`<text x=${waiting.at(-1).x + BOX.width + 12} y=${middle + 4} class="place-more">+${lane.more}</text>`}
    </g>`;
}

/** From the bottom of one place to the top of another. */
function Tie({ tie, chosen }) {
  const x = [tie.from.x, tie.to.x].map((left) => left + BOX.width / 2), y = [tie.from.y + BOX.height, tie.to.y];
  const bend = Math.max(12, (y[1] - y[0]) / 2);
  return html`<path class="tie ${chosen ? "chosen" : ""}" d=${`M${x[0]} ${y[0]}C${x[0]} ${y[0] + bend} ${x[1]} ${y[1] - bend} ${x[1]} ${y[1]}`} />`;
}

/** The graph in words: one item per resource. */
function Words({ graph, tasks, now, names }) {
  const link = (edge) => {
    const task = tasks.get(edge.task);
    return html`<a href=${pageOf(edge.task)}>${shortName(task.actor)} …${shortKey(edge.task)}</a> (${task.phase} ${duration((now - Date.parse(task.since)) / 1000)}${edge.shared ? ", shared" : ""})`;
  };
  return html`
    <ul class="words">${graph.resources.map((resource) => {
      const edges = graph.edges.filter((edge) => edge.resource === resource.name);
      const held = edges.filter((edge) => edge.granted), line = edges.filter((edge) => !edge.granted);
      return html`<li key=${resource.name}><${Resource} name=${resource.name} names=${names} /> is held by
        ${held.length ? held.map((edge, index) => html`${index ? ", " : " "}${link(edge)}`) : " nobody"}${resource.holders > held.length ? ` and ${resource.holders - held.length} more` : ""}.
        ${plural(resource.waiting, "task waits", "tasks wait")} for it:
        <ol>${line.map((edge) => html`<li key=${edge.task}>${link(edge)}</li>`)}</ol>
        ${resource.waiting > line.length ? `and ${resource.waiting - line.length} more.` : ""}</li>`;
    })}</ul>`;
}

export function LockGraph({ graph, now, names }) {
  const [chosen, choose] = useState(null);
  const tasks = new Map(graph.tasks.map((task) => [task.task, task]));
  const drawn = layout(graph);
  const waiting = graph.resources.reduce((sum, one) => sum + one.waiting, 0);
  const sum = `${plural(graph.contended, "resource is", "resources are")} waited for, in ${plural(waiting, "place")} in line.`;
  return html`
    <div class="lockgraph-box" tabindex="0" role="region" aria-label="Lock graph, scrolls sideways">
      <svg class="lockgraph" width=${drawn.width} height=${drawn.height} role="group" aria-label=${`Lock graph: ${sum} The list below says the same in words.`}>
        <defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" /></marker></defs>
        ${[[LANE.left, "Resource"], [drawn.first, "Held by"], [drawn.line, "In line"]].map(([x, text]) => html`<text key=${text} class="lane-head" x=${x} y="12">${text}</text>`)}
        <g class="ties">${drawn.ties.map((tie, index) => html`<${Tie} key=${index} tie=${tie} chosen=${chosen === tie.task} />`)}</g>
        ${drawn.lanes.map((lane) => html`<${Lane} key=${lane.resource.name} lane=${lane} tasks=${tasks} now=${now} names=${names} chosen=${chosen} choose=${choose} />`)}
      </svg>
    </div>
    <details class="in-words"><summary>The same in words</summary><${Words} graph=${graph} tasks=${tasks} now=${now} names=${names} /></details>`;
}
