// Where the reader is: behind the "#" stands the path of a page, which for an object is its path in the API.

import { useEffect, useState } from "../vendor/htm-preact.js";

/** { path: ["repositories", "file", "file", id], query: URLSearchParams } */
export function route() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query) };
}

/** The page of an href: what stands behind ".../api/v3/" in it. */
export function pageOf(href) {
  return `#/${href.replace(/^.*?\/api\/v3\//, "").replace(/\/$/, "")}`;
}

/** The href of an object's page. */
export const pathOf = (parts) => `${parts.map(encodeURIComponent).join("/")}/`;

export function useRoute() {
  const [here, setHere] = useState(route);
  useEffect(() => {
    const listener = () => setHere(route());
    addEventListener("hashchange", listener);
    return () => removeEventListener("hashchange", listener);
  }, []);
  return here;
}

/** Change parameters of this page's address without a new entry in the history. */
export function setQuery(changes) {
  const { path, query } = route();
  for (const [name, value] of Object.entries(changes)) {
    if (value === "" || value === null || value === undefined) query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  const hash = `#/${path.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
  history.replaceState(null, "", hash);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

export const go = (hash) => { location.hash = hash; };
