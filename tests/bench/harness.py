"""What all benchmarks share: interleaved rounds, medians, a table for people and a JSON file for the documentation.

The machine is noisy: contenders take turns, round by round, so that a slow minute hits all of them.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "figures"


@dataclass
class Row:
    """One figure. ``goal`` says in words what it is to reach; ``reached`` whether it did (None: it has no goal)."""

    name: str
    value: float
    unit: str
    yardstick: str = ""
    yardstick_value: float | None = None
    goal: str = ""
    reached: bool | None = None
    rounds: list[float] = field(default_factory=list)


def interleave(contenders: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Call each contender once a round; returns the values of each, in order of rounds."""
    values: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, measure in contenders.items():
            values[name].append(measure())
            print(f"  round {number + 1}: {name}: {values[name][-1]:.4g}", file=sys.stderr, flush=True)
    return values


def median(values: list[float]) -> float:
    return statistics.median(values)


@contextmanager
def new_server() -> Iterator[str]:
    """A PostgreSQL server with its default durability, thrown away at the end; yields its database's URL."""
    from pulp_actor.db.embedded import EmbeddedServer

    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder) / "postgres")
        server.start()
        try:
            yield server.url
        finally:
            server.stop()


def report(title: str, rows: list[Row], filename: str) -> None:
    """Print the rows as a table and write them to ``docs/figures/<filename>.json``."""
    table = Table(title=title)
    for heading in ("what", "figure", "yardstick", "share", "goal", ""):
        table.add_column(heading, justify="right" if heading in ("figure", "share") else "left")
    for row in rows:
        share = f"{row.value / row.yardstick_value:.0%}" if row.yardstick_value else ""
        beside = f"{row.yardstick}: {row.yardstick_value:,.4g}" if row.yardstick_value is not None else ""
        mark = {True: "[green]reached[/]", False: "[red]missed[/]", None: ""}[row.reached]
        table.add_row(row.name, f"{row.value:,.4g} {row.unit}", beside, share, row.goal, mark)
    Console(width=150).print(table)
    RESULTS.mkdir(parents=True, exist_ok=True)
    facts = {"title": title, "python": platform.python_version(), "rows": [asdict(row) for row in rows]}
    (RESULTS / f"{filename}.json").write_text(json.dumps(facts, indent=1) + "\n")
