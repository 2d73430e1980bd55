// What several pages do with tasks: the button that cancels one, and their progress.

import { html, useState } from "../vendor/htm-preact.js";
import { hasEnded, request } from "./api.js";
import { shortName } from "./format.js";
import { announce, Confirm, Progress } from "./ui.js";

/** A task's state, with waiting told apart: for locks, or for a worker. */
export const phaseOf = (task) => (task.state === "waiting" ? (task.unblocked_at ? "ready" : "blocked") : task.state);

/** Asks, then cancels a task. */
export function CancelButton({ href, name, small = true, onDone = () => {} }) {
  const [asking, setAsking] = useState(false);
  const answer = async (yes) => {
    setAsking(false);
    if (!yes) return;
    try {
      const task = await request("PATCH", href, { state: "canceled" });
      announce(task.state === "canceled" ? "The task was cancelled." : "The task is being interrupted.");
    } catch (error) {
      announce(error.status === 409 ? "The task had ended already." : error.message);
    }
    onDone();
  };
  return html`
    <button class=${small ? "small" : ""} onClick=${() => setAsking(true)} aria-label=${`Cancel ${shortName(name)}`}>Cancel</button>
    ${asking && html`<${Confirm} title="Cancel this task?" action="Cancel the task" onAnswer=${answer}>
      <p><b>${shortName(name)}</b> is interrupted, or taken out of the line if it has not started. What it has not finished is lost; nothing half made stays behind.</p><//>`}`;
}

export function Reports({ task }) {
  return html`<div class="reports">${task.progress_reports.map((report) => html`
    <${Progress} key=${report.code} label=${report.message} done=${report.done} total=${report.total} state=${hasEnded(task) ? task.state : report.state} />`)}</div>`;
}
