"""How tasks are drawn on a terminal: lists, one task, the tree of what blocks it, the live overview.

It turns what `pulp_actor.queue.inspect` and `pulp_actor.queue.overview` return into rich renderables, and must never ask
the database anything itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from pulp_actor.queue.inspect import Blocker, Explanation, TaskDetails, TaskInfo, TaskRow, Wait
from pulp_actor.queue.models import FINAL_STATES
from pulp_actor.queue.overview import HotResource, Overview, Process
from pulp_actor.queue.telling import duration, moment_text, short_name, verdict

#: Causes that are listed below a tree.
MAX_CAUSES = 10
#: Running tasks and processes that the overview lists.
MAX_RUNNING = 20
MAX_PROCESSES = 40
#: Columns of a terminal that is wide.
WIDE = 100

_COLOURS = {
    "ready": "cyan", "blocked": "yellow", "delayed": "blue", "running": "green", "canceling": "magenta",
    "completed": "default", "failed": "red", "canceled": "magenta", "skipped": "magenta",
}
#: What is said of a task in a state, before the time for which it has been in it.
_SINCE = {
    "ready": "ready for", "blocked": "waiting for", "delayed": "put off for", "running": "running for",
    "canceling": "running for",
}


@dataclass(frozen=True)
class Cropped:
    """A name that loses its middle where there is no room for it: its beginning says what it is, its end which one."""

    text: str

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(min(len(self.text), 8), len(self.text))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room, text = options.max_width, self.text
        if len(text) > room:
            tail = max(0, room * 2 // 3 - 1)
            text = f"{text[:room - 1 - tail]}…{text[len(text) - tail:]}"
        yield Text(text, no_wrap=True)


def _table(**columns: str) -> Table:
    """A table without lines; a column is ``kept`` as wide as it is, ``cropped`` where room is short, or ``number``."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, kind in columns.items():
        table.add_column(
            name.replace("_", " "), no_wrap=kind != "cropped", overflow="ellipsis",
            justify="right" if kind == "number" else "left")
    return table


def _state(phase: str) -> str:
    return f"[{_COLOURS.get(phase, 'default')}]{phase}[/]"


# One task, and lists of tasks


def task_table(rows: Sequence[TaskRow]) -> RenderableType:
    """The list of tasks."""
    if not rows:
        return Text("No task matches.")
    return _TaskList(rows)


@dataclass(frozen=True)
class _TaskList:
    """The list of tasks as a table; on a narrow terminal without the columns that one can do without."""

    rows: Sequence[TaskRow]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.max_width >= WIDE
        units = 2 if wide else 1
        more = {"WORKER": "cropped", "LOCKS": "number"} if wide else {}
        table = _table(ID="kept", STATE="kept", ACTOR="cropped", AGE="number", RAN="number", **more)
        for row in self.rows:
            last: list[RenderableType] = [Cropped(row.task.worker or ""), str(row.locks or "")] if wide else []
            table.add_row(
                str(row.task.id), _state(row.task.phase), Cropped(short_name(row.task.actor)),
                duration(row.now - row.task.created, units), duration(row.ran, units), *last)
        yield table


def task_details(found: TaskDetails, href: str) -> RenderableType:
    """Everything about one task."""
    task, columns, now = found.task, found.columns, found.now
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    rows: list[tuple[str, Any]] = [
        ("task", href), ("state", Text.from_markup(_state(task.phase))),
        ("error", (columns["error"] or {}).get("description", "")), ("actor", task.actor), ("queue", task.queue),
        ("created", moment_text(task.created, now)), ("unblocked", moment_text(task.unblocked, now)),
        ("started", moment_text(task.started, now)), ("finished", moment_text(task.finished, now)),
        ("ran", duration(((task.finished or now) - task.started) if task.started else None)),
        ("due", moment_text(task.eta, now)), ("worker", task.worker), ("attempt", columns["attempt"] or ""),
        ("retries", columns["retries"] or ""), ("priority", columns["priority"] or ""),
        ("parent", columns["parent_id"]), ("group", columns["group_id"]), ("correlation id", columns["logging_cid"]),
        ("locks", "\n".join(_locks(found))),
        ("progress", "\n".join(_progress(report) for report in found.progress)),
        ("created resources", "\n".join(found.created_resources)),
        ("children", "\n".join(str(child) for child in found.children)),
        ("diagnostics", ", ".join(found.profile_artifacts)),
        ("traceback", (columns["error"] or {}).get("traceback", "")),
        ("result", "" if columns["result"] is None else json.dumps(columns["result"], indent=1)),
    ]
    for name, value in rows:
        if value not in (None, ""):
            table.add_row(name, value if isinstance(value, Text) else Text(str(value)))
    return table


def _locks(found: TaskDetails) -> list[str]:
    """The locks of a task: as tickets while it is unfinished, else as it asked for them."""
    if found.locks:
        return [
            f"{resource}  {_mode(shared)}, {'held' if held else f'waiting, {ahead} before it'}"
            for resource, shared, held, ahead in found.locks]
    asked = [(name, False) for name in found.columns["exclusive"]] + [(name, True) for name in found.columns["shared"]]
    ended = ", given back" if found.task.state in FINAL_STATES else ""
    return [f"{resource}  {_mode(shared)}{ended}" for resource, shared in asked]


def _mode(shared: bool) -> str:
    return "shared" if shared else "exclusive"


def _progress(report: dict[str, Any]) -> str:
    total = f"/{report['total']}" if report["total"] is not None else ""
    suffix = f" {report['suffix']}" if report["suffix"] else ""
    return f"{report['message']}: {report['done']}{total}{suffix} ({report['state']})"


# Why


def explanation(why: Explanation) -> RenderableType:
    """The tree of what a task waits for, and what it all comes down to."""
    tree = Tree(_line(why.task, why.now, ""))
    _add_waits(tree, why.waits, why.now)
    parts: list[RenderableType] = [tree, Text(verdict(why))]
    if why.waits:
        parts[1] = Text(f"{verdict(why)} In the end it waits for:")
        parts += [Text.from_markup("  " + _line(cause, why.now, "")) for cause in why.causes[:MAX_CAUSES]]
        if len(why.causes) > MAX_CAUSES:
            parts.append(Text(f"  and {len(why.causes) - MAX_CAUSES} more"))
    return Group(*parts)


def _line(task: TaskInfo, now: datetime, how: str) -> str:
    """A task in a tree, with markup: since when it is in its state, and where it runs."""
    phase = task.phase
    where = f" on {escape(task.worker)}" if task.worker and task.state in ("running", "canceling") else ""
    note = ", being cancelled" if phase == "canceling" else ""
    since = f"{_SINCE.get(phase, phase)} {duration(now - (task.since if phase != 'blocked' else task.created))}"
    if phase not in _SINCE:
        since += " ago"
    return f"{how}[bold]{task.id}[/] {escape(task.actor)} [{_COLOURS[phase]}]{since}{where}{note}[/]"


def _add_waits(tree: Tree, waits: Sequence[Wait], now: datetime) -> None:
    for wait in waits:
        ahead = f", {wait.ahead} before it in line" if wait.ahead else ", next in line"
        branch = tree.add(f"[cyan]{escape(wait.resource)}[/] {_mode(wait.shared)}{ahead}")
        for blocker in wait.held_by:
            _add_blocker(branch, blocker, now, f"held ({_mode(blocker.shared)}) by ")
        _add_rest(branch, wait.holders - len(wait.held_by), "holds it", "hold it")
        for blocker in wait.next_in_line:
            _add_blocker(branch, blocker, now, "before it ")
        _add_rest(branch, wait.ahead - len(wait.next_in_line), "is before it", "are before it")


def _add_rest(branch: Tree, count: int, one: str, many: str) -> None:
    if count > 0:
        branch.add(f"[dim]1 more {one}[/]" if count == 1 else f"[dim]{count} more {many}[/]")


def _add_blocker(branch: Tree, blocker: Blocker, now: datetime, how: str) -> None:
    node = branch.add(_line(blocker.task, now, how))
    if blocker.repeated:
        node.add("[dim]what it waits for stands elsewhere in this tree[/]")
    elif blocker.cut:
        node.add(f"[dim]waits for more: pulp-actor tasks why {blocker.task.id}[/]")
    _add_waits(node, blocker.waits, now)


# The overview


def overview_page(found: Overview) -> RenderableType:
    """The queue at a glance."""
    return Group(
        _headline(found), Text(), _workers(found), Text(), _running(found), Text(), _hottest(found.hottest, found.now))


def _headline(found: Overview) -> RenderableType:
    waiting = found.ready + found.blocked + found.delayed
    oldest = f", oldest {duration(found.now - found.oldest_waiting)}" if found.oldest_waiting else ""
    parts = [f"[cyan]{found.ready:,} ready[/]"]
    if found.oldest_ready:
        parts[0] += f" for up to {duration(found.now - found.oldest_ready)}"
    parts += [f"[yellow]{found.blocked:,} blocked[/]", f"[blue]{found.delayed:,} delayed[/]"]
    lines = [
        f"[bold]{found.now:%Y-%m-%d %H:%M:%S %Z}[/]",
        f"[bold]waiting[/] {waiting:,} ({', '.join(parts)}){oldest}",
        f"[bold]workers[/] {_busy(found)} of {len({one.id for one in found.workers})} busy",
        f"[bold]running[/] [green]{found.running}[/]" + (f", {found.canceling} being cancelled" if found.canceling else ""),
        "[bold]queues[/] " + (", ".join(f"{escape(name)} {depth}" for name, depth in found.queues.items()) or "empty"),
    ]
    return Text.from_markup("\n".join(lines))


def _busy(found: Overview) -> int:
    return len({process.id for process in found.workers if process.task})


def _workers(found: Overview) -> RenderableType:
    processes: dict[UUID, list[Process]] = {}
    for process in found.processes:
        processes.setdefault(process.id, []).append(process)
    if not found.workers:
        warning = Text("No worker is online: nothing will run until one is started with `pulp-worker`.", style="red")
        if not processes:
            return warning
    table = _table(PROCESS="cropped", KIND="kept", UP="number", HEARTBEAT="number", DOES="cropped")
    for rows in list(processes.values())[:MAX_PROCESSES]:
        first = rows[0]
        table.add_row(
            Cropped(first.name), first.kind, duration(found.now - first.since),
            f"{duration(found.now - first.last_heartbeat)} ago", _occupation(rows))
    if len(processes) > MAX_PROCESSES:
        table.add_row(f"and {len(processes) - MAX_PROCESSES} more")
    return table if found.workers else Group(warning, table)


def _occupation(rows: Sequence[Process]) -> RenderableType:
    """What a process does, from its rows in the overview."""
    if not rows[0].alive:
        return "[red]silent; its tasks are rescued within seconds unless it comes back[/]"
    if rows[0].kind != "worker":
        return "serves"
    tasks = [row for row in rows if row.task]
    if not tasks:
        return "idle"
    return Cropped(short_name(tasks[0].actor or "")) if len(tasks) == 1 else f"{len(tasks)} tasks"


def _running(found: Overview) -> RenderableType:
    running = [process for process in found.processes if process.task]
    if not running:
        return Text("Nothing is running.")
    table = _table(RUNNING_TASK="cropped", STATE="kept", ACTOR="cropped", FOR="number", ON="cropped")
    longest_first = sorted(running, key=lambda process: process.started or found.now)
    for process in longest_first[:MAX_RUNNING]:
        table.add_row(
            Cropped(str(process.task)), _state(process.state or ""), Cropped(short_name(process.actor or "")),
            duration(found.now - process.started if process.started else None), Cropped(process.name))
    return table


def _hottest(resources: Sequence[HotResource], now: datetime) -> RenderableType:
    if not resources:
        return Text("No task waits for a lock.")
    more = {"MORE": "number"} if any(hot.holders > 1 for hot in resources) else {}
    table = _table(RESOURCE="cropped", WAITING="number", FIRST_FOR="number", HELD_BY="cropped", **more)
    for hot in resources:
        others = [f"+{hot.holders - 1}" if hot.holders > 1 else ""] if more else []
        table.add_row(
            Cropped(hot.resource), f"{hot.waiting:,}", duration(now - hot.since), Cropped(str(hot.held_by or "")), *others)
    return table
