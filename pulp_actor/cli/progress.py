"""Draws a task's progress reports as bars, on standard error, so that what a command prints can still be piped. It is given
tasks as the API shows them and asks nobody for anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from pulp_actor.cli.client import ENDED, Object


class _Count(ProgressColumn):
    """How much is done, of how much if that is known, and how much a second."""

    def render(self, task: Task) -> Text:
        if task.fields.get("waits"):
            return Text("")
        done = f"{task.completed:,.0f}" + (f"/{task.total:,.0f}" if task.total is not None else "")
        speed = task.finished_speed or task.speed
        return Text(f"{done} {f'{speed:,.0f}/s' if speed and speed >= 1 else '':>8}", justify="right", no_wrap=True)


class Bars:
    """Shows a task's progress reports as bars, and before it runs, that it waits; call it with the task."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}
        self._waiting: TaskID | None = None

    def __call__(self, task: Object) -> None:
        self._show_wait(task)
        for report in task["progress_reports"]:
            code = report["code"]
            if code not in self._bars:
                self._bars[code] = self._progress.add_task(report["message"], total=None)
            completed = task["state"] == "completed"
            total = report["total"] or (report["done"] if completed else None)
            ended = task["state"] in ENDED
            self._progress.update(
                self._bars[code], completed=report["done"], total=total, visible=bool(report["done"] or total or not ended))
            if ended:
                self._progress.stop_task(self._bars[code])

    def _show_wait(self, task: Object) -> None:
        if task["state"] == "waiting":
            what = "Waiting for a worker" if task["unblocked_at"] else "Waiting for other tasks"
            if self._waiting is None:
                self._waiting = self._progress.add_task(what, total=None, waits=True)
            self._progress.update(self._waiting, description=what)
        elif self._waiting is not None:
            self._progress.remove_task(self._waiting)
            self._waiting = None


@contextmanager
def task_bars() -> Iterator[Bars]:
    """Bars for the tasks that are waited for in the block; on anything but a terminal, nothing is drawn."""
    console = Console(stderr=True, highlight=False)
    columns = (SpinnerColumn(finished_text="[green]✓[/]"), TextColumn("{task.description}"), BarColumn(bar_width=None),
               _Count(), TimeElapsedColumn())
    with Progress(*columns, console=console, expand=console.width <= 100, disable=not console.is_terminal) as progress:
        yield Bars(progress)
