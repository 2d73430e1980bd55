// Starts the console: theme, session, the app.

import { html, render } from "../vendor/htm-preact.js";
import { App } from "./app.js";
import { applyTheme } from "./theme.js";

applyTheme();
const place = document.getElementById("app");
place.textContent = "";
render(html`<${App} />`, place);
