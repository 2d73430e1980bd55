// One version of a repository, and the difference between two.

import { html } from "../../vendor/htm-preact.js";
import { address } from "../api.js";
import { plural } from "../format.js";
import { useLive } from "../live.js";
import { pageOf } from "../router.js";
import { Card, Empty, ErrorNote, Facts, Loading, Page, PAGE_SIZE, Pager, Time } from "../ui.js";
import { UnitTable } from "../units.js";

const total = (summary) => Object.values(summary).reduce((sum, one) => sum + one.count, 0);
/** The list of all units of a type, from the address of those of one version. */
const listOf = (href) => href.split("?")[0];

function Units({ title, path, offset, name, note, empty }) {
  const { data, error, refresh } = useLive(address(path, { limit: PAGE_SIZE, offset }));
  return html`
    <${Card} title=${title} note=${data ? plural(data.count, "unit") : note}>
      ${error && html`<${ErrorNote} error=${error} retry=${refresh} />`}${!data && !error && html`<${Loading} rows=${3} />`}
      ${data && (data.results.length ? html`<${UnitTable} units=${data.results} label=${title} /><${Pager} offset=${offset} total=${data.count} name=${name} />` : html`<${Empty} title=${empty}>That is all there is to say.<//>`)}
    <//>`;
}

export function Version({ repository, number, query }) {
  const parent = useLive(repository);
  const { data: version, error, refresh } = useLive(`${repository}versions/${number}/`);
  if (error) return html`<${Page} title="Version ${number}"><${ErrorNote} error=${error} retry=${refresh} /><//>`;
  if (!version) return html`<${Page} title="Version ${number}"><${Loading} /><//>`;
  const { present, added, removed } = version.content_summary;
  const types = Object.entries(present);
  return html`
    <${Page} title=${`${parent.data?.name ?? "…"}, version ${number}`} lead=${html`of repository <a href=${pageOf(version.repository)}>${parent.data?.name ?? "…"}</a>`}
      actions=${version.number > 0 && html`<a class="button" href=${`${pageOf(version.repository)}/diff/${version.number - 1}/${number}`}>What changed</a>`}>
      <${Card}><${Facts} of=${[["Units", total(present).toLocaleString("en")], ["Added", `+${total(added).toLocaleString("en")}`], ["Removed", `−${total(removed).toLocaleString("en")}`],
        ["Made", html`<${Time} at=${version.pulp_created} />`], ["Made from", version.base_version && html`<a href=${pageOf(version.base_version)}>version ${version.base_version.split("/").at(-2)}</a>`]]} /><//>
      ${types.length ? types.map(([type, { href }]) => html`<${Units} key=${type} title=${type} path=${href} name=${`offset-${type}`} offset=${Number(query.get(`offset-${type}`) ?? 0)} />`)
        : html`<${Card}><${Empty} title="This version is empty.">Sync the repository, or add content to it, to make the next one.<//><//>`}
    <//>`;
}

export function Diff({ repository, older, newer, query }) {
  const parent = useLive(repository);
  const [from, to] = [useLive(`${repository}versions/${older}/`), useLive(`${repository}versions/${newer}/`)];
  const error = from.error ?? to.error ?? parent.error;
  const title = `${parent.data?.name ?? "…"}: version ${older} to ${newer}`;
  if (error) return html`<${Page} title=${title}><${ErrorNote} error=${error} /><//>`;
  if (!from.data || !to.data) return html`<${Page} title=${title}><${Loading} /><//>`;
  const types = new Map([from.data, to.data].flatMap((version) => Object.entries(version.content_summary.present).map(([type, { href }]) => [type, listOf(href)])));
  const only = (here, there) => `repository_version="${here.pulp_href}" AND NOT repository_version="${there.pulp_href}"`;
  const offset = (name) => Number(query.get(name) ?? 0);
  return html`
    <${Page} title=${title} lead=${html`Versions of <a href=${pageOf(to.data.repository)}>${parent.data?.name ?? "…"}</a>`} actions=${html`<a class="button" href=${`${pageOf(to.data.repository)}/diff/${newer}/${older}`}>The other way round</a>`}>
      ${types.size === 0 && html`<${Card}><${Empty} title="Both versions are empty.">There is nothing to compare.<//><//>`}
      ${[...types].map(([type, list]) => html`
        <div class="columns" key=${type}>
          <${Units} title="Added: ${type}" path=${address(list, { q: only(to.data, from.data) })} name=${`added-${type}`} offset=${offset(`added-${type}`)} empty="Nothing was added." />
          <${Units} title="Removed: ${type}" path=${address(list, { q: only(from.data, to.data) })} name=${`removed-${type}`} offset=${offset(`removed-${type}`)} empty="Nothing was removed." />
        </div>`)}
    <//>`;
}
