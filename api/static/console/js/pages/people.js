// Users, groups and roles: who there is, and what each may do.

import { html } from "../../vendor/htm-preact.js";
import { address } from "../api.js";
import { plural } from "../format.js";
import { useLive } from "../live.js";
import { setQuery } from "../router.js";
import { Card, Choice, Empty, ErrorNote, Facts, Loading, Page, PAGE_SIZE, Pager, Pill, Table, Time } from "../ui.js";

const TABS = [["users", "Users"], ["groups", "Groups"], ["roles", "Roles"]];

const Kinds = ({ user }) => html`${user.is_staff && html`<${Pill}>staff</${Pill}> `}${!user.is_active && html`<${Pill} kind="bad">inactive</${Pill}>`}`;

const COLUMNS = {
  users: [["Name", (user) => html`<a href=${`#/users/${user.id}`}>${user.username}</a>`], ["Full name", (user) => `${user.first_name} ${user.last_name}`.trim(), { wide: 1 }],
    ["Is", (user) => html`<${Kinds} user=${user} />`], ["Groups", (user) => user.groups.map((group) => group.name).join(", "), { low: 1 }], ["Joined", (user) => html`<${Time} at=${user.date_joined} />`, { num: 1, low: 1 }]],
  groups: [["Name", (group) => group.name, { wide: 1 }], ["Id", (group) => group.id, { num: 1 }]],
  roles: [["Name", (role) => html`<code>${role.name}</code>`], ["What it is for", (role) => role.description ?? "", { wide: 1, low: 1 }], ["Built in", (role) => (role.locked ? "yes" : "")],
    ["Permissions", (role) => (role.permissions.length ? html`<details><summary class="num">${plural(role.permissions.length, "permission")}</summary><ul class="plain">${role.permissions.map((name) => html`<li key=${name}><code>${name}</code></li>`)}</ul></details>` : "none")]],
};
const EMPTY = {
  users: ["There is no user.", html`Make one with <code>pulp user create</code>.`],
  groups: ["There is no group yet.", html`A group gives all its users the same roles: <code>pulp group create</code>.`],
  roles: ["There is no role yet.", html`A role is a set of permissions that users are given together: <code>pulp role create</code>.`],
};

export function People({ query }) {
  const tab = TABS.some(([key]) => key === query.get("tab")) ? query.get("tab") : "users";
  const offset = Number(query.get("offset") ?? 0);
  const { data, error, refresh } = useLive(address(`${tab}/`, { limit: PAGE_SIZE, offset, ordering: tab === "users" ? "username" : "name" }));
  const [title, advice] = EMPTY[tab];
  return html`
    <${Page} title="Users and roles" lead="Who may do what. A role gives a user, or a group, permissions everywhere or on one object.">
      <${Card} title=${TABS.find(([key]) => key === tab)[1]} note=${data && `${data.count}`} actions=${html`<${Choice} label="What is listed" options=${TABS} value=${tab} onChange=${(value) => setQuery({ tab: value === "users" ? "" : value, offset: "" })} />`}>
        ${error && html`<${ErrorNote} error=${error} retry=${refresh} />`}${!data && !error && html`<${Loading} />`}
        ${data && (data.results.length ? html`<${Table} label=${tab} rows=${data.results} columns=${COLUMNS[tab]} /><${Pager} offset=${offset} total=${data.count} />` : html`<${Empty} title=${title}>${advice}<//>`)}
      <//>
    <//>`;
}

export function User({ id }) {
  const { data: user, error, refresh } = useLive(`users/${id}/`);
  const roles = useLive(`users/${id}/roles/`);
  if (error) return html`<${Page} title="User"><${ErrorNote} error=${error} retry=${refresh} /><//>`;
  if (!user) return html`<${Page} title="User"><${Loading} /><//>`;
  return html`
    <${Page} title=${user.username} lead=${`${user.first_name} ${user.last_name}`.trim()}>
      <div class="columns">
        <${Card} title="Facts"><${Facts} of=${[["Is", html`<${Kinds} user=${user} />`], ["Mail", user.email], ["Groups", user.groups.map((group) => group.name).join(", ")],
          ["Joined", html`<${Time} at=${user.date_joined} />`], ["PRN", html`<code class="break">${user.prn}</code>`]]} /><//>
        <${Card} title="Roles">
          ${roles.error && html`<${ErrorNote} error=${roles.error} />`}
          ${roles.data && (roles.data.results.length ? html`<${Table} label="Roles" rows=${roles.data.results} columns=${[
            ["Role", (one) => html`<code>${one.role}</code>`], ["On", (one) => one.content_object ?? one.domain ?? "everything", { wide: 1 }]]} />`
            : html`<${Empty} title="None of its own.">Its groups may have some, and a superuser needs none. Give one with <code>pulp user role-assignment add</code>.<//>`)}
        <//>
      </div>
    <//>`;
}
