"""Writes docs/performance.md from the figures that the benchmarks left in `docs/figures`.

    python -m tests.bench.document
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.bench.harness import RESULTS

DOCUMENT = RESULTS.parent / "performance.md"

HEAD = """# Performance

What `make bench` measured, each figure beside its yardstick in the same run: contenders take turns, round by round, and the
median of the rounds counts. The machine has two cores and is shared; compare the columns of one row, not the rows of two
machines. The raw figures are in `docs/figures`.
"""

#: The reports, in the order of the document, and what to know about each.
REPORTS = {
    "queue": "The task engine. The yardstick is a psycopg2 loop that claims one row per transaction with SKIP LOCKED and"
             " then marks it done; 8 threads in 2 processes are set against two such loops.",
    "api": "The API. The yardstick is a Falcon handler that runs one indexed SELECT through peewee under the same gunicorn.",
    "sync": "Syncing, publishing and what they need of memory.",
    "transfer": "Archives. An import is bound by the disk, which flushes each artifact.",
    "content": "The content server, over loopback with the same number of processes as its yardsticks.",
}


def render() -> str:
    """The document as text."""
    parts = [HEAD]
    for name, introduction in REPORTS.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            parts.append(_section(json.loads(path.read_text()), introduction))
    return "\n".join(parts)


def _section(facts: dict[str, Any], introduction: str) -> str:
    lines = [f"## {facts['title']}", "", introduction, "", "| | measured | yardstick | share | goal | |",
             "|---|---:|---|---:|---|---|"]
    for row in facts["rows"]:
        beside, share = "", ""
        if row["yardstick_value"]:
            beside = f"{row['yardstick']}: {row['yardstick_value']:,.4g}"
            share = f"{row['value'] / row['yardstick_value']:.0%}"
        mark = {True: "reached", False: "**missed**", None: ""}[row["reached"]]
        name = " ".join(row["name"].split())
        lines.append(f"| {name} | {row['value']:,.4g} {row['unit']} | {beside} | {share} | {row['goal']} | {mark} |")
    return "\n".join([*lines, ""])


def main() -> None:
    Path(DOCUMENT).write_text(render())


if __name__ == "__main__":
    main()
