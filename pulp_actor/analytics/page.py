"""The summary as a page: plain HTML with bars, for light and dark, without a script. Everything that came in reports is
escaped."""

from __future__ import annotations

import html
from collections.abc import Mapping

from pulp_actor.analytics.store import ACTIVE_DAYS, Summary

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --bar: #2f6f8f; }
@media (prefers-color-scheme: dark) { :root { --bar: #69b3d6; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
.lead { margin: .3rem 0 2rem; opacity: .8; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; margin-bottom: 1.5rem; }
.figure { border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1.4rem; min-width: 9rem; }
.figure b { display: block; font-size: 2rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 1rem; }
section { border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.2rem; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 400; padding: .15rem .6rem .15rem 0; white-space: nowrap; }
td { padding: .15rem 0; width: 100%; } td.count { width: auto; text-align: right; padding-left: .6rem; }
.bar { background: var(--bar); height: .8rem; border-radius: .2rem; min-width: 2px; }
.days { display: flex; align-items: flex-end; gap: 3px; height: 7rem; border-bottom: 1px solid var(--line); }
.days span { flex: 1; background: var(--bar); border-radius: .15rem .15rem 0 0; }
.axis { display: flex; justify-content: space-between; opacity: .8; font-size: .85rem; }
.wide { grid-column: 1 / -1; }
"""


def render(summary: Summary) -> str:
    """The page."""
    parts = [
        _card("PostgreSQL", summary.postgresql), _card("Worker processes", summary.workers),
        _card("Content processes", summary.content_apps),
        *(_card(f"Component {name}", versions) for name, versions in summary.components.items()),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Installations</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body><main>'
        "<h1>Installations</h1>"
        f'<p class="lead">Those that have reported within the last {ACTIVE_DAYS} days.</p>'
        '<div class="figures">'
        f'<div class="figure"><b>{summary.installations}</b>installations</div>'
        f'<div class="figure"><b>{summary.reports}</b>reports in all</div></div>'
        f'<div class="cards">{_days(summary.days)}{"".join(parts)}</div></main></body></html>'
    )


def _card(title: str, counts: Mapping[str, int]) -> str:
    largest = max(counts.values(), default=1)
    rows = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th>'
        f'<td><div class="bar" style="width:{count / largest:.0%}"></div></td><td class="count">{count}</td></tr>'
        for name, count in counts.items()
    )
    return f"<section><h2>{html.escape(title)}</h2><table>{rows or '<tr><td>none yet</td></tr>'}</table></section>"


def _days(days: Mapping[str, int]) -> str:
    largest = max(days.values(), default=0) or 1
    bars = "".join(
        f'<span style="height:{count / largest:.0%}" title="{day}: {count}"></span>' for day, count in days.items())
    first, last = next(iter(days)), next(reversed(list(days)))
    return (
        f'<section class="wide"><h2>Installations that reported, by day</h2>'
        f'<div class="days" role="img" aria-label="{days[last]} on {last}, at most {largest} on a day">{bars}</div>'
        f'<div class="axis"><span>{first}</span><span>at most {largest}</span><span>{last}</span></div></section>'
    )
