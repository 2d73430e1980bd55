// Whether the platform answers: one look for the whole page every few seconds, and at once when any request fails. It keeps
// the interruptions it has seen until the page is closed, and once one is over has everybody ask again.

import { useEffect, useState } from "../vendor/htm-preact.js";
import { poll, RECOVERED, serverNow, statusPath, TROUBLE } from "./api.js";
import { duration } from "./format.js";
import { announce } from "./ui.js";

/** What can be wrong with the whole, and what is said when it no longer is. */
const API_AWAY = { title: "The API does not answer", over: "The API answers again" };
const API_BROKEN = { title: "The API has a problem", over: "The API is well again" };
const DATABASE_AWAY = { title: "The database is away", over: "The database is back" };

const SECONDS = 3, LONGEST_PAUSE = 5, KEPT = 20;

/** `status`: the last that was told; `trouble`: {title, from} or null; `interruptions`: [{title, from, to}], newest first. */
let health = { status: null, trouble: null, interruptions: [] };
const watchers = new Set();
let looking = false;

function troubleIn(status, error) {
  if (error) return error.status ? API_BROKEN : API_AWAY;
  return status && !status.database_connection.connected ? DATABASE_AWAY : null;
}

function see({ data, error }) {
  const status = data ?? health.status;
  const before = health.trouble, kind = troubleIn(status, error), now = serverNow();
  let { trouble, interruptions } = health;
  if (kind?.title !== before?.title) {
    trouble = kind && { ...kind, from: now };
    if (before) interruptions = [{ title: before.title, from: before.from, to: now }, ...interruptions].slice(0, KEPT);
  }
  health = { status, trouble, interruptions };
  for (const watcher of watchers) watcher(health);
  if (before && !trouble) {
    announce(`${before.over}, after ${duration((now - before.from) / 1000)}.`);
    dispatchEvent(new Event(RECOVERED));
  }
}

/** The platform's health, as it changes. */
export function useHealth() {
  const [known, setKnown] = useState(health);
  useEffect(() => {
    watchers.add(setKnown);
    setKnown(health);
    if (!looking) poll(statusPath(), SECONDS, see, { wake: TROUBLE, longest: LONGEST_PAUSE });
    looking = true;
    return () => watchers.delete(setKnown);
  }, []);
  return known;
}
