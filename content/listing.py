"""Directory listings, for people (HTML) and programs (JSON), a page at a time. Must never list what a guard has not let
through: the caller asks the guard first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import quote

from aiohttp import web

from content.checkpoints import checkpoint_names
from content.lookup import beyond, parameters
from content.paths import encode
from content.views import View
from pulp_actor.db import database, load_queries
from pulp_actor.settings import settings

sql = load_queries("content", "listing.sql")

#: Entries on one page.
PAGE_SIZE = 1000

_SOURCES = (sql.published_artifacts, sql.published_metadata, sql.version_content)


_PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>Index of {title}</title><style>
:root {{ --text: #24292f; --faint: #6e7781; --line: #d8dee4; --hover: #f3f6f9; --link: #0b5fb0; --back: #fff }}
@media (prefers-color-scheme: dark) {{
  :root {{ --text: #dde3ea; --faint: #8d96a0; --line: #30363d; --hover: #1b2129; --link: #79b8ff; --back: #0f141a }}
}}
body {{ font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back);
        max-width: 60rem; margin: 2.5rem auto; padding: 0 1.25rem }}
h1 {{ font-size: 1.15rem; font-weight: 600; overflow-wrap: anywhere }}
a {{ color: var(--link); text-decoration: none }}
a:hover {{ text-decoration: underline }}
table {{ width: 100%; border-collapse: collapse }}
th {{ text-align: left; font-weight: 500; color: var(--faint); border-bottom: 1px solid var(--line) }}
th, td {{ padding: .3rem .6rem }}
td:first-child {{ overflow-wrap: anywhere }}
td + td {{ color: var(--faint); white-space: nowrap; font-variant-numeric: tabular-nums }}
th:last-child, td:last-child:not(:first-child) {{ text-align: right }}
tbody tr:hover {{ background: var(--hover) }}
.directory a {{ font-weight: 600 }}
</style></head>
<body><h1>{crumbs}</h1>
<table><thead><tr><th>Name</th><th>Date</th><th>Size</th></tr></thead><tbody>
{lines}
</tbody></table>{more}</body></html>
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a listing; the name of a directory ends in a slash and has no size."""

    name: str
    size: int | None = None
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries of a directory; ``after`` is what to ask the next page with, None on the last one."""

    entries: Sequence[Entry]
    after: str | None


def list_directory(view: View, directory: str, after: str = "", limit: int = 0) -> Page:
    """The entries of ``directory`` (``""`` or ending in a slash) below ``view`` that follow the entry ``after``, by
    default a ``PAGE_SIZE`` of them. Blocks."""
    limit = limit or PAGE_SIZE
    if view.checkpoint:
        return _page([Entry(f"{name}/") for name in checkpoint_names(view, after.removesuffix("/"), limit + 1)], limit)
    start = directory
    if after:
        start = beyond(directory + after) if after.endswith("/") else f"{directory}{after}\x01"
    wanted = parameters(view) | {
        "first": start, "beyond": beyond(directory) if directory else "\U0010ffff", "skip": len(directory) + 1,
        "limit": limit + 1,
    }
    names: set[str] = set()
    for query in _SOURCES:
        for (path,) in database.execute_sql(query, wanted):
            name, slash, _ = path[len(directory):].partition("/")
            names.add(name + slash)
    page = sorted(names, key=str.encode)[:limit + 1]
    files = [directory + name for name in page if not name.endswith("/")]
    found = {
        path: (size, date)
        for path, size, date in database.execute_sql(sql.details, parameters(view) | {"paths": files})
    }
    return _page([Entry(name, *found.get(directory + name, (None, None))) for name in page], limit)


def list_distributions(after: str = "", limit: int = 0) -> Page:
    """The distributions that are not hidden, as directories, domain first where domains are on. Blocks."""
    limit = limit or PAGE_SIZE
    domains = settings.DOMAIN_ENABLED
    after_domain, _, after_path = after.partition("/") if domains else ("default" if after else "", "", after)
    rows = database.execute_sql(sql.distributions, {
        "domain": None if domains else "default", "after_domain": after_domain, "after": after_path.removesuffix("/"),
        "limit": limit + 1,
    }).fetchall()
    entries = [Entry(f"{domain}/{path}/" if domains else f"{path}/", None, date) for domain, path, date in rows]
    return _page(entries, limit)


def _page(entries: list[Entry], limit: int) -> Page:
    """The first ``limit`` entries, of which one more than that was asked for."""
    return Page(entries[:limit], entries[limit - 1].name if len(entries) > limit else None)


def render(request: web.BaseRequest, title: str, page: Page, *, up: bool = True) -> web.Response:
    """The page as the client wants it: JSON if it asks for that, else HTML."""
    link = f"?after={quote(page.after, safe='')}" if page.after is not None else None
    if "application/json" in request.headers.get("Accept", ""):
        text, type_ = json.dumps(_as_data(title, page, link)), "application/json"
    else:
        text, type_ = _as_html(title, page, link, up), "text/html"
    headers = {"Vary": "Accept", "Cache-Control": "no-cache"}
    return web.Response(text=text, content_type=type_, charset="utf-8", headers=headers)


def _as_data(title: str, page: Page, link: str | None) -> dict[str, Any]:
    entries = [
        {
            "name": entry.name, "directory": entry.name.endswith("/"), "size": entry.size,
            "modified": entry.modified.isoformat() if entry.modified else None,
        }
        for entry in page.entries
    ]
    return {"path": title, "entries": entries, "next": link}


def _as_html(title: str, page: Page, link: str | None, up: bool) -> str:
    lines = ['<tr><td colspan="3"><a href="../">⬑ up</a></td></tr>'] if up else []
    lines += [_line(entry) for entry in page.entries]
    more = f'<p><a rel="next" href="{escape(link)}">more</a></p>' if link else ""
    return _PAGE.format(title=escape(title), crumbs=_crumbs(title), lines="\n".join(lines), more=more)


def _line(entry: Entry) -> str:
    href, name = escape(f"./{encode(entry.name)}"), escape(entry.name)
    kind = ' class="directory"' if entry.name.endswith("/") else ""
    date = f"{entry.modified:%Y-%m-%d %H:%M}" if entry.modified else ""
    size = "" if entry.size is None else f'<data value="{entry.size}" title="{entry.size:,} B">{_short(entry.size)}</data>'
    return f'<tr><td{kind}><a href="{href}">{name}</a></td><td>{date}</td><td>{size}</td></tr>'


def _crumbs(title: str) -> str:
    """The path below the prefix, each of its directories a link; relative, because a proxy may have put it elsewhere."""
    prefix = settings.CONTENT_PATH_PREFIX
    parts = [prefix, *title.removeprefix(prefix).split("/")[:-1]]
    links = [
        f'<a href="{"../" * (len(parts) - number) or "./"}">{escape(part)}</a>' for number, part in enumerate(parts, 1)
    ]
    return links[0] + "".join(f"{link}/" for link in links[1:])


def _short(size: int) -> str:
    """A size for people: ``1.4 MiB``."""
    if size < 1024:
        return f"{size} B"
    amount = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        amount /= 1024
        if amount < 1024:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1024:.1f} TiB"
