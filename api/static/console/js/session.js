// Who is logged in. A session is a cookie that no script can read; what changes something carries the token of another
// cookie, which no other site can read. A password is never kept.

const listeners = new Set();

export const session = { username: null, checked: false };

export function onSession(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function setUser(username) {
  session.username = username;
  session.checked = true;
  for (const listener of listeners) listener();
}

const TOKEN = /(?:^|;\s*)csrftoken=([^;]+)/;

/** Whether there may be a session: its own cookie cannot be read, but the one that comes with it can. */
export const hasSession = () => TOKEN.test(document.cookie);

/** The headers that a request needs to be taken for ours. */
export function sessionHeaders(method) {
  const headers = { "X-Requested-With": "XMLHttpRequest" };
  if (method !== "GET") {
    const token = TOKEN.exec(document.cookie);
    if (token) headers["X-CSRFToken"] = decodeURIComponent(token[1]);
  }
  return headers;
}
