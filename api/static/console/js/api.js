// The public API over fetch: requests, errors that can be shown, polling that asks "anything new?", tasks to wait for.
// It knows nothing of the page.

import { hasSession, session, sessionHeaders, setUser } from "./session.js";

/** The root of the API: "/pulp/api/v3/", the console being "/pulp/console/"; below it, or a domain's, all paths begin. */
const HOME = new URL("../", document.baseURI).pathname;
let domain = "";

export const root = () => `${HOME}${domain ? `${domain}/` : ""}api/v3/`;
export const setDomain = (name) => { domain = name; };
export const currentDomain = () => domain;

/** The status is the whole platform's, whatever the domain. */
export const statusPath = () => `${HOME}api/v3/status/`;

/** How far the server's clock is ahead of ours, in ms; the resolution of HTTP's Date is a second. */
let ahead = 0;
export const serverNow = () => Date.now() + ahead;

/** Events of the window: a request found the server away or broken; the server is well again. */
export const TROUBLE = "trouble", RECOVERED = "recovered";

/**
 * The API refused a request (`status`), could not be reached (0), or a task of its did not do its work (null); `message`
 * can be shown, `fields` says which input it is about.
 */
export class ApiError extends Error {
  constructor(message, status = 0, fields = {}) {
    super(message);
    this.status = status;
    this.fields = fields;
  }
}

/** An href or a path below the API root as an address. */
export function address(path, parameters = {}) {
  const known = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const query = new URLSearchParams(known).toString();
  const base = path.startsWith("/") ? path : root() + path;
  return query ? `${base}${base.includes("?") ? "&" : "?"}${query}` : base;
}

function flat(value) {
  if (Array.isArray(value)) return value.map(flat).join(" ");
  if (value && typeof value === "object") return Object.values(value).map(flat).join(" ");
  return String(value);
}

async function refusal(answer) {
  let body = null;
  try { body = await answer.json(); } catch { /* a proxy's page: the status says what there is to say */ }
  if (body && typeof body === "object") {
    if (body.detail) return new ApiError(flat(body.detail), answer.status);
    const { non_field_errors: general, ...fields } = body;
    const told = Object.entries(fields).map(([name, text]) => `${name}: ${flat(text)}`);
    return new ApiError([flat(general ?? []), ...told].join(" ").trim(), answer.status, fields);
  }
  return new ApiError(`The server answered ${answer.status} ${answer.statusText}.`.trim(), answer.status);
}

async function send(method, path, { body, headers = {}, signal } = {}) {
  const options = { method, signal, cache: "no-store", credentials: "same-origin", redirect: "error" };
  options.headers = { Accept: "application/json", ...sessionHeaders(method), ...headers };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(address(path), options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    dispatchEvent(new Event(TROUBLE));
    throw new ApiError("The server cannot be reached.");
  }
  const date = Date.parse(answer.headers.get("Date"));
  if (date && Math.abs(date - Date.now()) > 2000) ahead = date - Date.now();
  if (answer.status === 401 && session.username) setUser(null);
  if (answer.status >= 500) dispatchEvent(new Event(TROUBLE));
  if (answer.status >= 400) throw await refusal(answer);
  return answer;
}

/** Send a request; returns the JSON of the answer, or null. Throws ApiError. */
export async function request(method, path, body) {
  const answer = await send(method, path, { body });
  return answer.status === 204 ? null : (await answer.text().then((text) => (text ? JSON.parse(text) : null)));
}

export const get = (path, parameters) => request("GET", address(path, parameters));

/** Wait, but not once the network comes or goes, or `wake` happens. */
const pause = (ms, signal, wake) => new Promise((resolve) => {
  const ended = new AbortController();
  const done = () => { clearTimeout(timer); ended.abort(); resolve(); };
  const timer = setTimeout(done, ms);
  for (const change of ["online", "offline", wake]) addEventListener(change, done, { signal: ended.signal });
  signal.addEventListener("abort", done, { once: true });
});

const visible = (signal) => new Promise((resolve) => {
  if (!document.hidden || signal.aborted) { resolve(); return; }
  document.addEventListener("visibilitychange", resolve, { once: true, signal });
  signal.addEventListener("abort", resolve, { once: true });
});

/** Longest pause between two tries while the server does not answer, in seconds; the first is one of 1 s. */
const LONGEST_PAUSE = 30;

/**
 * Look at `path` every `seconds` (0: until there is an answer) while the page is seen, and tell `found({data, error})`
 * what has changed. An answer that is the same as the last one crosses the wire as a line. A refusal ends it; after
 * any other failure it is tried again, after `longest` seconds at most or when the event `wake` happens. Returns what
 * ends it; `found` is not called after that.
 */
export function poll(path, seconds, found, { wake = RECOVERED, longest = LONGEST_PAUSE } = {}) {
  const stop = new AbortController();
  const { signal } = stop;
  (async () => {
    let tag = '""', failures = 0;
    while (!signal.aborted) {
      try {
        const answer = await send("GET", path, { headers: { "If-None-Match": tag }, signal });
        const data = answer.status === 304 ? undefined : await answer.json();
        if (signal.aborted) return;
        tag = answer.headers.get("ETag") || '""';
        if (data !== undefined || failures) found({ data, error: null });
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        found({ error: error instanceof ApiError ? error : new ApiError(String(error)) });
        if (error.status >= 400 && error.status < 500) return;
      }
      if (!seconds && !failures) return;
      await pause(1000 * (failures ? Math.min(2 ** (failures - 1), longest) : seconds), signal, wake);
      await visible(signal);
    }
  })();
  return () => stop.abort();
}

const ENDED = ["completed", "failed", "canceled", "skipped"];
export const hasEnded = (task) => ENDED.includes(task.state);

/** Wait until a task has ended; `watch` sees it each time it has changed. Throws ApiError unless it completed. */
export function taskEnd(href, watch = () => {}) {
  return new Promise((resolve, reject) => {
    const stop = poll(href, 0.5, ({ data, error }) => {
      if (error && error.status >= 400 && error.status < 500) { stop(); reject(error); return; }
      if (!data) return;
      watch(data);
      if (!hasEnded(data)) return;
      stop();
      if (data.state === "completed") resolve(data);
      else reject(new ApiError(data.error?.description || `The task was ${data.state}.`, null));
    });
  });
}

/** Send a request that makes a task or answers at once, and wait for its end. */
export async function settle(method, path, body, watch) {
  const answer = await request(method, path, body);
  return answer?.task ? taskEnd(answer.task, watch) : answer;
}

/** Begin a session; the password is sent this once and not kept. Throws ApiError. */
export async function logIn(username, password) {
  const credentials = btoa(String.fromCharCode(...new TextEncoder().encode(`${username}:${password}`)));
  const answer = await send("POST", "login/", { headers: { Authorization: `Basic ${credentials}` } });
  setUser((await answer.json()).username);
}

/** Whose session there is; asks the API. */
export async function whoAmI() {
  if (!hasSession()) { setUser(null); return; }
  try {
    setUser((await get("login/")).username);
  } catch (error) {
    if (error.status !== 401 && error.status !== 403) throw error;
    setUser(null);
  }
}

export async function logOut() {
  try { await request("DELETE", "login/"); } finally { setUser(null); }
}
