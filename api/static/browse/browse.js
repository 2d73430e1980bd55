// Sends the forms of the browsable API as JSON, and shows what came of it.
for (const form of document.querySelectorAll("form[data-method]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const method = form.dataset.method, text = form.elements.body?.value, output = form.querySelector("output");
    if (method === "DELETE" && !confirm("Delete " + location.pathname + "?")) return;
    const answer = await fetch(location.pathname, {
      method, body: text, headers: { Accept: "application/json", ...(text === undefined ? {} : { "Content-Type": "application/json" }) },
    });
    const body = await answer.text();
    let data = null;
    try { data = JSON.parse(body); } catch { /* shown as it is */ }
    const target = data?.task ?? data?.task_group ?? data?.pulp_href;
    if (answer.ok && target && target !== location.pathname) { location.assign(target); return; }
    if (answer.ok && method !== "DELETE") { location.reload(); return; }
    output.className = answer.ok ? "" : "bad";
    output.textContent = answer.status + " " + (data ? JSON.stringify(data, null, 2) : body);
  });
}
