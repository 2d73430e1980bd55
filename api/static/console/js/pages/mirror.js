// "Mirror this URL": remote, repository, sync, publication and distribution in one go, each step shown while it happens.

import { html, useState } from "../../vendor/htm-preact.js";
import { ApiError, get, hasEnded, settle } from "../api.js";
import { pageOf } from "../router.js";
import { phaseOf, Reports } from "../tasks.js";
import { announce, Card, ErrorNote, Field, Page, State } from "../ui.js";
import { Snippets } from "./distributions.js";

const STEPS = [["remote", "Remote"], ["repository", "Repository"], ["sync", "Sync"], ["publication", "Publication"], ["distribution", "Distribution"]];
const MANIFEST = "PULP_MANIFEST";

/** The manifest's URL, where its directory may have been named. Throws ApiError. */
export function manifestUrl(text) {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!["http:", "https:", "file:"].includes(url?.protocol)) {
    throw new ApiError("This URL cannot be mirrored.", 400, { url: "It must begin with http://, https:// or file://." });
  }
  if (url.pathname.split("/").at(-1).includes(MANIFEST)) return text;
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/${MANIFEST}`;
  return url.href;
}

/** Make the object of a name, or change the one that is there. */
async function ensure(path, name, body) {
  const { results } = await get(path, { name, limit: 1 });
  if (results.length) {
    await settle("PATCH", results[0].pulp_href, body);
    return get(results[0].pulp_href);
  }
  const made = await settle("POST", path, { name, ...body });
  return made.pulp_href && !made.created_resources ? made : get(made.created_resources[0]);
}

/** Do it all; `tell(step, state)` is called as each step begins and ends, `watch` with the sync's task. */
async function mirror({ url, name, policy }, tell, watch) {
  const step = async (key, work) => { tell(key, "running"); const made = await work(); tell(key, "completed"); return made; };
  const manifest = manifestUrl(url);
  const remote = await step("remote", () => ensure("remotes/file/file/", name, { url: manifest, policy }));
  const repository = await step("repository", () => ensure("repositories/file/file/", name, { remote: remote.pulp_href }));
  await step("sync", () => settle("POST", `${repository.pulp_href}sync/`, { remote: remote.pulp_href, mirror: true }, watch));
  const latest = (await get(repository.pulp_href)).latest_version_href;
  await step("publication", async () => {
    const { count } = await get("publications/file/file/", { repository_version: latest, limit: 1 });
    if (!count) await settle("POST", "publications/file/file/", { repository_version: latest });
  });
  const distribution = await step("distribution", () => ensure("distributions/file/file/", name, { base_path: name, repository: repository.pulp_href }));
  return { repository, distribution, version: await get(latest) };
}

const SIGNS = { running: "▸", completed: "✓", failed: "✕" };
const WORDS = { running: "being done", completed: "done", failed: "failed", undefined: "to be done" };

function Steps({ states, task }) {
  return html`<ol class="steps">${STEPS.map(([key, label]) => html`
    <li key=${key} class=${states[key] ?? "ahead"}><span class="step-sign" aria-hidden="true">${SIGNS[states[key]] ?? ""}</span>
      <span>${label}<span class="hidden">: ${WORDS[states[key]]}</span>${key === "sync" && task && !hasEnded(task) && html` <${State} state=${phaseOf(task)} />`}</span>
      ${key === "sync" && task && html`<${Reports} task=${task} />`}</li>`)}</ol>`;
}

export function Mirror() {
  const [states, setStates] = useState(null);
  const [task, setTask] = useState(null);
  const [error, setError] = useState(null);
  const [result, setResult] = useState(null);
  const [name, setName] = useState({ text: "", own: false });
  const busy = states !== null && !error && !result;
  const guess = (event) => {
    if (name.own) return;
    const parts = event.target.value.replace(/^[a-z]+:\/\//, "").split(/[/?#]/).filter((part) => part && !part.includes(MANIFEST));
    setName({ text: (parts.length > 1 ? parts.at(-1) : "").toLowerCase().replace(/[^a-z0-9._-]+/g, "-"), own: false });
  };
  const submit = async (event) => {
    event.preventDefault();
    const form = event.target.elements;
    const wanted = { url: form.url.value.trim(), name: form["mirror-name"].value.trim().replace(/^\/+|\/+$/g, ""), policy: form.policy.value };
    setError(null); setResult(null); setTask(null); setStates({});
    try {
      setResult(await mirror(wanted, (key, state) => setStates((before) => ({ ...before, [key]: state })), setTask));
      announce("Mirrored.");
    } catch (problem) {
      setError(problem);
      setStates((before) => (Object.keys(before).length ? Object.fromEntries(Object.entries(before).map(([key, state]) => [key, state === "running" ? "failed" : state])) : null));
    }
  };
  const files = result && Object.values(result.version.content_summary.present).reduce((sum, one) => sum + one.count, 0);
  return html`
    <${Page} title="Mirror a URL" lead="Takes over a repository of files and serves it. Run again, it takes over what has changed.">
      <${Card}>
        <form class="wizard" onSubmit=${submit}>
          <${Field} label="URL" id="url" type="url" required placeholder="https://example.org/files/" onInput=${guess} error=${error?.fields?.url}
            help=${html`A directory that holds a <code>${MANIFEST}</code>, or the manifest itself.`} />
          <${Field} label="Name, and path to serve it at" id="mirror-name" required value=${name.text} onInput=${(event) => setName({ text: event.target.value, own: true })}
            pattern="[A-Za-z0-9._~\\/\\-]+" error=${error?.fields?.name ?? error?.fields?.base_path} help="Remote, repository and distribution go by this name." />
          <fieldset><legend>Files are fetched</legend>
            <label class="option"><input type="radio" name="policy" value="immediate" checked /> <span><b>now</b> – everything is here when it is done</span></label>
            <label class="option"><input type="radio" name="policy" value="on_demand" /> <span><b>on demand</b> – each when somebody asks for it first</span></label></fieldset>
          <button class="primary" disabled=${busy}>${busy ? "Mirroring…" : "Mirror"}</button>
        </form>
      <//>
      ${states && html`<${Card} title="Progress"><${Steps} states=${states} task=${task} />
        ${task && html`<p><a href=${pageOf(task.pulp_href)}>The sync's task</a></p>`}<//>`}
      ${error && html`<${ErrorNote} error=${error} />`}
      ${result && html`<${Card} title="Mirrored" className="right"><p>Version ${result.version.number} of <a href=${pageOf(result.repository.pulp_href)}>${result.repository.name}</a> holds ${files.toLocaleString("en")} files,
        served at <a href=${result.distribution.base_url} rel="noreferrer">${result.distribution.base_url}</a>.</p><${Snippets} distribution=${result.distribution} /><//>`}
    <//>`;
}
