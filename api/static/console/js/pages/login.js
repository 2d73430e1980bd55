// Logging in: a session of the API's own.

import { html, useState } from "../../vendor/htm-preact.js";
import { logIn } from "../api.js";
import { Field, Page } from "../ui.js";

export function Login() {
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const form = event.target.elements;
    setBusy(true);
    setError(null);
    try {
      await logIn(form.username.value, form.password.value);
    } catch (problem) {
      setError(problem.status === 401 || problem.status === 403 ? "The user name or the password is wrong." : problem.message);
      form.password.value = "";
      form.password.focus();
    } finally {
      setBusy(false);
    }
  };
  return html`
    <${Page} title="Log in" lead="To the console of this content platform.">
      <form class="card login" onSubmit=${submit}>
        <${Field} label="User name" id="username" autocomplete="username" required autofocus />
        <${Field} label="Password" id="password" type="password" autocomplete="current-password" required error=${error} />
        <button class="primary" disabled=${busy}>${busy ? "Logging in…" : "Log in"}</button>
      </form>
    <//>`;
}
