// What pages read: answers that stay fresh, the names of resources, and the time.

import { useCallback, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { get, poll, serverNow } from "./api.js";

/**
 * The answer at `path`, asked for again every `seconds` (0: once). Old data stays while newer is awaited or an error is
 * shown. `path` may be null: there is nothing to ask for yet.
 */
export function useLive(path, seconds = 0) {
  const [state, setState] = useState({ path, data: null, error: null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (!path) return undefined;
    return poll(path, seconds, ({ data, error }) => setState((before) => ({
      path, error: error ?? null, data: data !== undefined ? data : before.path === path ? before.data : null,
    })));
  }, [path, seconds, turn]);
  const refresh = useCallback(() => setTurn((number) => number + 1), []);
  const fits = state.path === path;
  return { data: fits ? state.data : null, error: fits ? state.error : null, refresh };
}

/** The server's time, every `seconds`. */
export function useNow(seconds = 1) {
  const [now, setNow] = useState(serverNow);
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) setNow(serverNow()); }, seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds]);
  return now;
}

const FAMILIES = [["repository", "repositories/"], ["remote", "remotes/"], ["distribution", "distributions/"]];
const known = new Map();

/** PRN -> {name, href} of those resources among `names` that have a name of their own and can be seen. */
export function useNames(names) {
  const [, setTurn] = useState(0);
  const asked = useRef(new Set());
  const missing = names.filter((name) => name.startsWith("prn:") && !known.has(name) && !asked.current.has(name));
  const wanted = missing.sort().join();
  useEffect(() => {
    if (!wanted) return;
    for (const name of wanted.split(",")) asked.current.add(name);
    for (const [word, path] of FAMILIES) {
      const prns = wanted.split(",").filter((name) => name.split(":")[1].endsWith(word)).slice(0, 50);
      if (!prns.length) continue;
      get(path, { prn__in: prns.join(), fields: "prn,name,pulp_href", limit: 50 }).then((page) => {
        for (const one of page.results) known.set(one.prn, { name: one.name, href: one.pulp_href });
        setTurn((number) => number + 1);
      }, () => { /* whoever may not see them sees their PRNs */ });
    }
  }, [wanted]);
  return known;
}
