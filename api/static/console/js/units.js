// Units of content of any type: what to call one, and a table of them.

import { html } from "../vendor/htm-preact.js";
import { pageOf } from "./router.js";
import { Table, Time } from "./ui.js";

/** The name of a unit, whatever its type calls it. */
export const unitName = (unit) => unit.relative_path ?? unit.filename ?? unit.name ?? Object.keys(unit.artifacts ?? {})[0] ?? unit.pulp_href.split("/").at(-2);

export const digestOf = (unit) => unit.sha256 ?? unit.digest ?? null;

export function UnitTable({ units, label }) {
  return html`<${Table} label=${label} rows=${units} columns=${[
    ["Name", (unit) => html`<a class="break" href=${pageOf(unit.pulp_href)}>${unitName(unit)}</a>`, { wide: 1 }],
    ["SHA-256", (unit) => (digestOf(unit) ? html`<code title=${digestOf(unit)}>${digestOf(unit).slice(0, 12)}…</code>` : html`<span class="dim">none</span>`), { low: 1 }],
    ["Known", (unit) => html`<${Time} at=${unit.pulp_created} />`, { num: 1 }]]} />`;
}
