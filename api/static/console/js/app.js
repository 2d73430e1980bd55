// The frame around all pages: menu, who is logged in, whether the server answers; and which page an address leads to.

import { html, useEffect, useErrorBoundary, useState } from "../vendor/htm-preact.js";
import { currentDomain, get, logOut, RECOVERED, setDomain, statusPath, whoAmI } from "./api.js";
import { clock } from "./format.js";
import { useHealth } from "./health.js";
import { useLive } from "./live.js";
import { Board } from "./pages/board.js";
import { Content, Unit } from "./pages/content.js";
import { Distribution, Distributions } from "./pages/distributions.js";
import { Login } from "./pages/login.js";
import { Mirror } from "./pages/mirror.js";
import { Overview } from "./pages/overview.js";
import { People, User } from "./pages/people.js";
import { Remote, Remotes } from "./pages/remotes.js";
import { Repositories, Repository } from "./pages/repositories.js";
import { Settings } from "./pages/settings.js";
import { TaskPage } from "./pages/task.js";
import { Diff, Version } from "./pages/version.js";
import { go, pathOf, useRoute } from "./router.js";
import { onSession, session } from "./session.js";
import { applyTheme, chosenTheme } from "./theme.js";
import { Choice, Empty, ErrorNote, Loading, Page, Toasts } from "./ui.js";

const MENU = [
  ["", [["", "Overview"], ["tasks", "Tasks"]]],
  ["Content", [["repositories", "Repositories"], ["content", "Content"], ["remotes", "Remotes"], ["distributions", "Distributions"], ["mirror", "Mirror a URL"]]],
  ["Administration", [["users", "Users and roles"], ["settings", "Settings"]]],
];

const NotFound = () => html`<${Page} title="No such page"><${Empty} title="This address leads nowhere.">The menu shows what there is.<//><//>`;

/** The page of a path; an object's page has the object's path in the API. */
function pageFor([area, ...rest], query) {
  const href = pathOf([area ?? "", ...rest]);
  if (!area) return html`<${Overview} query=${query} />`;
  if (area === "tasks") return rest.length ? html`<${TaskPage} key=${href} id=${rest[0]} />` : html`<${Board} query=${query} />`;
  if (area === "repositories") {
    if (!rest.length) return html`<${Repositories} query=${query} />`;
    const repository = pathOf([area, ...rest.slice(0, 3)]);
    if (rest[3] === "versions" && rest.length === 5) return html`<${Version} key=${href} repository=${repository} number=${rest[4]} query=${query} />`;
    if (rest[3] === "diff" && rest.length === 6) return html`<${Diff} key=${href} repository=${repository} older=${rest[4]} newer=${rest[5]} query=${query} />`;
    return rest.length === 3 ? html`<${Repository} key=${href} path=${repository} query=${query} />` : html`<${NotFound} />`;
  }
  if (area === "content") return rest.length === 3 ? html`<${Unit} key=${href} path=${href} />` : html`<${Content} query=${query} />`;
  if (area === "distributions") return rest.length ? html`<${Distribution} key=${href} path=${href} />` : html`<${Distributions} query=${query} />`;
  if (area === "remotes") return rest.length ? html`<${Remote} key=${href} path=${href} />` : html`<${Remotes} query=${query} />`;
  if (area === "mirror") return html`<${Mirror} />`;
  if (area === "users") return rest.length ? html`<${User} key=${href} id=${rest[0]} />` : html`<${People} query=${query} />`;
  if (area === "settings") return html`<${Settings} query=${query} />`;
  return html`<${NotFound} />`;
}

function Theme() {
  const [theme, setTheme] = useState(chosenTheme);
  const choose = (next) => { applyTheme(next); setTheme(next); };
  return html`<${Choice} label="Theme" value=${theme} onChange=${choose} options=${[["light", "Light"], ["dark", "Dark"], ["system", "Auto"]]} />`;
}

function Menu({ area, open, close }) {
  return html`
    <nav id="menu" class=${open ? "open" : ""} aria-label="Main">
      ${MENU.map(([heading, links]) => html`<div key=${heading}>${heading && html`<p>${heading}</p>`}<ul>${links.map(([path, text]) => html`
        <li key=${path}><a href="#/${path}" aria-current=${area === path ? "page" : undefined} onClick=${close}>${text}</a></li>`)}</ul></div>`)}
      <${Theme} />
    </nav>`;
}

/** Whether the platform answers, in the head of every page. */
function Pulse() {
  const { status, trouble } = useHealth();
  if (trouble) return html`<span class="pulse bad" role="alert"><i aria-hidden="true" />${trouble.title}</span>`;
  if (!status) return html`<span class="pulse"><i aria-hidden="true" />Connecting</span>`;
  if (!status.online_workers.length) return html`<span class="pulse warn"><i aria-hidden="true" />No worker is online</span>`;
  return html`<span class="pulse good"><i aria-hidden="true" />Well</span>`;
}

/** Above every page while the platform is away: since when, and what that means for what stands below. */
function Interruption() {
  const { trouble } = useHealth();
  return trouble && html`
    <div class="error interruption"><p class="error-title">${trouble.title} since ${clock(trouble.from, trouble.from, true)}</p>
      <p>What stands below is what was known then. This page goes on by itself as soon as there are answers.</p></div>`;
}

function Domains() {
  const { data } = useLive("domains/?fields=name&limit=100");
  if (!data) return null;
  return html`<label class="domain">Domain <select value=${currentDomain() || "default"} onChange=${(event) => { setDomain(event.target.value); go("#/"); dispatchEvent(new Event("domain")); }}>
    ${data.results.map(({ name }) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>`;
}

function Head({ open, toggle, domains }) {
  return html`
    <header class="top">
      <button class="menu-button" aria-controls="menu" aria-expanded=${String(open)} onClick=${toggle}><span aria-hidden="true">☰</span><span class="hidden">Menu</span></button>
      <a class="brand" href="#/"><img src="static/icon.svg" alt="" width="24" height="24" /><span>pulp-actor</span></a>
      <${Pulse} />
      <div class="top-end">
        ${domains && html`<${Domains} />`}
        <${Theme} />
        ${session.username && html`<span class="who">${session.username}</span><button class="small" onClick=${() => logOut().catch(() => {})}>Log out</button>`}
      </div>
    </header>`;
}

function Main({ path, query }) {
  const [failure, reset] = useErrorBoundary((error) => console.error(error));
  useEffect(reset, [path.join("/")]);
  if (failure) return html`<${Page} title="This page broke"><${ErrorNote} error=${{ message: failure.message }} retry=${reset} /><//>`;
  return pageFor(path, query);
}

export function App() {
  const { path, query } = useRoute();
  const [, turn] = useState(0);
  const [failure, setFailure] = useState(null);
  const [open, setOpen] = useState(false);
  const [generation, setGeneration] = useState(0);
  const [domains, setDomains] = useState(false);
  const check = () => {
    setFailure(null);
    whoAmI().catch(setFailure);
    get(statusPath()).then((status) => {
      setDomains(status.domain_enabled);
      if (status.domain_enabled && !currentDomain()) setDomain("default");
    }, () => { /* the pulse in the head says that nobody answers, and this is tried again when somebody does */ });
  };
  useEffect(() => {
    const off = onSession(() => turn((number) => number + 1));
    check();
    const again = () => { if (!session.checked) check(); };
    const changed = () => setGeneration((number) => number + 1);
    addEventListener(RECOVERED, again);
    addEventListener("domain", changed);
    return () => { off(); removeEventListener(RECOVERED, again); removeEventListener("domain", changed); };
  }, []);
  let main;
  if (session.username) main = html`<${Main} key=${`${generation}/${path.slice(0, 1)}`} path=${path} query=${query} />`;
  else if (failure) main = html`<${Page} title="pulp-actor"><${ErrorNote} error=${failure} retry=${check} /><//>`;
  else if (!session.checked) main = html`<${Loading} rows=${6} />`;
  else main = html`<${Login} />`;
  return html`
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.querySelector("h1")?.focus(); }}>Skip to the content</a>
    <${Head} open=${open} toggle=${() => setOpen(!open)} domains=${domains && session.username} />
    <div class="frame ${session.username ? "" : "alone"}">
      ${session.username && html`<${Menu} area=${path[0] ?? ""} open=${open} close=${() => setOpen(false)} />`}
      <main id="main"><${Interruption} />${main}</main>
    </div>
    <${Toasts} />`;
}
