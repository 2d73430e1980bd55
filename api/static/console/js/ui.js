// The parts that pages are made of. Every one is usable by keyboard and named for screen readers.

import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { ago, bytes, exact, resourceKind, shortKey } from "./format.js";
import { useNow } from "./live.js";
import { pageOf, setQuery } from "./router.js";

/** Say something to whoever cannot see that it happened, and show it for a while to whoever can. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
  dispatchEvent(new CustomEvent("announce", { detail: text }));
}

export function Toasts() {
  const [texts, setTexts] = useState([]);
  useEffect(() => {
    const listener = ({ detail }) => {
      const one = { text: detail };
      setTexts((before) => [...before.slice(-2), one]);
      setTimeout(() => setTexts((before) => before.filter((other) => other !== one)), 5000);
    };
    addEventListener("announce", listener);
    return () => removeEventListener("announce", listener);
  }, []);
  return html`<div class="toasts" aria-hidden="true">${texts.map((one) => html`<p key=${one}>${one.text}</p>`)}</div>`;
}

/** A page: its heading takes the focus when it is opened, so that a screen reader begins there. */
export function Page({ title, lead, actions, children }) {
  const heading = useRef(null);
  useEffect(() => {
    document.title = `${title} · pulp-actor`;
  }, [title]);
  useEffect(() => {
    if (document.activeElement === document.body || !document.activeElement?.closest("main, dialog")) {
      heading.current?.focus({ preventScroll: true });
    }
    scrollTo(0, 0);
  }, []);
  return html`
    <div class="page">
      <header class="page-head">
        <div><h1 tabindex="-1" ref=${heading}>${title}</h1>${lead && html`<p class="lead">${lead}</p>`}</div>
        ${actions && html`<div class="actions">${actions}</div>`}
      </header>
      ${children}
    </div>`;
}

export function Card({ title, note, actions, children, className = "" }) {
  return html`
    <section class="card ${className}">
      ${title && html`<header><h2>${title}</h2>${note && html`<p class="note">${note}</p>`}${actions && html`<div class="actions">${actions}</div>`}</header>`}
      ${children}
    </section>`;
}

const SIGNS = {
  completed: "✓", failed: "✕", canceled: "⊘", canceling: "⊘", skipped: "⊘", running: "▸", waiting: "·", ready: "·",
  blocked: "‖", delayed: "◷", silent: "?",
};

/** A task's state as a sign, a colour and a word. */
export const State = ({ state }) =>
  html`<span class="state ${state}"><span aria-hidden="true">${SIGNS[state] ?? "•"}</span>${state}</span>`;

export const Pill = ({ kind = "", children }) => html`<span class="pill ${kind}">${children}</span>`;

/** A moment as people say it; the exact one is a tooltip. */
export function Time({ at }) {
  const now = useNow(5);
  return at ? html`<time dateTime=${at} title=${exact(at)}>${ago(at, now)}</time>` : html`<span class="dim">never</span>`;
}

/** A size with the exact number of bytes as a tooltip. */
export const Size = ({ of }) =>
  html`<span title=${of === null || of === undefined ? undefined : `${of.toLocaleString("en")} bytes`}>${bytes(of)}</span>`;

/** A lock's name: the name of the object it stands for, if that is known. */
export function Resource({ name, names }) {
  const found = names.get(name);
  const kind = resourceKind(name);
  if (!found && !kind) return html`<code class="resource">${name}</code>`;
  const text = html`${kind && html`<span class="dim">${kind}</span> `}${found ? found.name : `…${shortKey(name)}`}`;
  return found ? html`<a class="resource" href=${pageOf(found.href)} title=${name}>${text}</a>`
    : html`<span class="resource" title=${name}>${text}</span>`;
}

export const Empty = ({ title, children }) => html`<div class="empty"><p class="empty-title">${title}</p><p>${children}</p></div>`;

const TITLES = { null: "This was not done", 403: "You may not see this", 404: "There is nothing here" };

const ADVICE = {
  0: "Check the network and that the API runs. This page goes on trying.",
  403: "Ask an administrator for the permission it names.",
  404: "It may have been deleted. The lists in the menu show what there is.",
  503: "The API runs, but not its database. This page goes on trying.",
};

export function ErrorNote({ error, retry }) {
  if (!error) return null;
  const title = TITLES[error.status] ?? "This could not be read";
  return html`
    <div class="error" role="alert">
      <p class="error-title">${title}</p><p>${error.message} ${ADVICE[error.status] ?? ""}</p>
      ${retry && error.status !== 403 && html`<button onClick=${retry}>Try again</button>`}
    </div>`;
}

/** Room for what is still on its way, as high as it will be. */
export const Loading = ({ rows = 5 }) => html`
  <div class="loading" role="status"><span class="hidden">Loading</span>
    ${Array.from({ length: rows }, (_, number) => html`<div class="bone" key=${number} />`)}
  </div>`;

/**
 * A table that scrolls sideways in its own box. A column is [heading, cell(row), options]: `num` for figures, `wide` for
 * what takes the room that is left, `low` for what small screens do without.
 */
export function Table({ label, columns, rows, keyOf = (row) => row.pulp_href, rowClass = () => "" }) {
  const classes = (options = {}) => Object.keys(options).join(" ");
  return html`
    <div class="table" tabindex="0" role="region" aria-label=${label}>
      <table>
        <thead><tr>${columns.map(([heading, , options]) => html`
          <th scope="col" class=${classes(options)}>${heading || html`<span class="hidden">Actions</span>`}</th>`)}</tr></thead>
        <tbody>${rows.map((row) => html`
          <tr key=${keyOf(row)} class=${rowClass(row)}>${columns.map(([, cell, options]) => html`
            <td class=${classes(options)}>${cell(row)}</td>`)}</tr>`)}</tbody>
      </table>
    </div>`;
}

export const PAGE_SIZE = 25;

/** Which page of a list is shown, in the address. */
export function Pager({ offset, total, size = PAGE_SIZE, name = "offset" }) {
  if (total <= size && !offset) return null;
  const last = Math.min(offset + size, total);
  return html`
    <nav class="pager" aria-label="Pages">
      <button disabled=${!offset} onClick=${() => setQuery({ [name]: Math.max(0, offset - size) || "" })}>Previous</button>
      <span role="status">${Math.min(offset + 1, total)}–${last} of ${total.toLocaleString("en")}</span>
      <button disabled=${last >= total} onClick=${() => setQuery({ [name]: offset + size })}>Next</button>
    </nav>`;
}

/** Facts about an object: [name, value] pairs; those without a value are left out. */
export const Facts = ({ of }) => html`
  <dl class="facts">${of.filter(([, value]) => ![null, undefined, "", false].includes(value)).map(([name, value]) => html`
    <div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

export function Labels({ of }) {
  const pairs = Object.entries(of || {});
  return pairs.length ? pairs.map(([name, value]) => html`<${Pill} key=${name}>${name}${value ? `=${value}` : ""}</${Pill}> `) : null;
}

/** A labelled input; `error` says what is wrong with it. */
export function Field({ label, id, help, error, children, ...input }) {
  const described = [help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(" ");
  return html`
    <div class="field">
      <label for=${id}>${label}</label>
      ${children || html`<input id=${id} aria-describedby=${described || undefined} aria-invalid=${error ? "true" : undefined} ...${input} />`}
      ${help && html`<p class="help" id="${id}-help">${help}</p>`}
      ${error && html`<p class="field-error" id="${id}-error">${error}</p>`}
    </div>`;
}

/** Text to paste somewhere, with a button that copies it. */
export function Snippet({ label, text }) {
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    announce("Copied");
  };
  return html`
    <div class="snippet"><pre tabindex="0" role="region" aria-label=${label}>${text}</pre>
      <button class="small" onClick=${copy} aria-label=${`Copy: ${label}`}>Copy</button></div>`;
}

/** How far something is: of an unknown total, only how much is done. */
export function Progress({ label, done, total, state }) {
  if (!total && state === "completed") total = done;
  const known = total > 0;
  const share = known ? Math.min(1, done / total) : 0;
  return html`
    <div class="progress ${known || state !== "running" ? "" : "unknown"}">
      <div class="progress-head"><span>${label}</span><span class="num">${done.toLocaleString("en")}${known ? ` / ${total.toLocaleString("en")}` : ""}</span></div>
      <div class="track" role="progressbar" aria-label=${label} aria-valuemin="0" aria-valuemax=${known ? total : undefined}
        aria-valuenow=${known ? done : undefined} aria-valuetext=${known ? undefined : `${done} done`}><div style=${{ width: `${share * 100}%` }} /></div>
    </div>`;
}

/** A question that must be answered before something cannot be undone. Focus goes into it, and back. */
export function Confirm({ title, children, action, onAnswer }) {
  const dialog = useRef(null);
  useEffect(() => {
    const opened = dialog.current;
    opened.showModal();
    return () => opened.close();
  }, []);
  return html`
    <dialog ref=${dialog} aria-labelledby="confirm-title" onCancel=${(event) => { event.preventDefault(); onAnswer(false); }}>
      <h2 id="confirm-title">${title}</h2>${children}
      <div class="actions"><button onClick=${() => onAnswer(false)}>Leave it</button><button class="danger" onClick=${() => onAnswer(true)}>${action}</button></div>
    </dialog>`;
}

/** A dotted name that may be broken at its dots. */
export const Dotted = ({ name }) => name.split(".").map((part, index) => (index ? html`.<wbr />${part}` : part));

/** One of a few, as tabs of a row. */
export function Choice({ label, options, value, onChange }) {
  return html`
    <div class="choice" role="group" aria-label=${label}>${options.map(([key, text]) => html`
      <button key=${key} aria-pressed=${String(key === value)} onClick=${() => onChange(key)}>${text}</button>`)}</div>`;
}
