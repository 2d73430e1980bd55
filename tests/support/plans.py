"""What a query costs, in pages rather than in time: a number that does not depend on the machine or on who else is busy. And
units that are made by the thousand, in SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pulp_actor.db import database


def pages(query: str, parameters: Mapping[str, Any] | Sequence[Any]) -> int:
    """Pages of tables and indexes that a query looks at. It is executed, and nothing of what it does stays."""
    plan = _executed(query, parameters)
    return sum(plan[f"{where} {how} Blocks"] for where in ("Shared", "Local") for how in ("Hit", "Read"))


def rows(query: str, parameters: Mapping[str, Any] | Sequence[Any]) -> int:
    """Rows that the steps of a query hand on, all together. It is executed, and nothing of what it does stays."""
    return round(_handed_on(_executed(query, parameters)))


def _handed_on(plan: Mapping[str, Any]) -> float:
    return plan["Actual Rows"] * plan["Actual Loops"] + sum(map(_handed_on, plan.get("Plans", ())))


def _executed(query: str, parameters: Mapping[str, Any] | Sequence[Any]) -> dict[str, Any]:
    with database.atomic() as transaction:
        (plan,) = database.execute_sql(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", parameters).fetchone()
        transaction.rollback()
    (top,) = plan if isinstance(plan, list) else json.loads(plan)
    return dict(top["Plan"])


FILL = """
CREATE TEMPORARY TABLE fresh ON COMMIT DROP AS
SELECT gen_random_uuid() AS id, gen_random_uuid() AS artifact_id, concat(%(prefix)s::text, number) AS path
FROM generate_series(1, %(count)s) AS number;
INSERT INTO artifact (id, file, size, sha256)
SELECT artifact_id, concat('artifact/', left(digest, 2), '/', substr(digest, 3)), 10, digest
FROM (SELECT artifact_id, encode(sha256(artifact_id::text::bytea), 'hex') AS digest FROM fresh) AS given;
INSERT INTO content (id, type) SELECT id, 'file.file' FROM fresh;
INSERT INTO file_content (content_id, digest, relative_path)
SELECT fresh.id, artifact.sha256, path FROM fresh JOIN artifact ON artifact.id = fresh.artifact_id;
INSERT INTO content_artifact (id, content_id, artifact_id, relative_path)
SELECT gen_random_uuid(), id, artifact_id, path FROM fresh;
SELECT id, artifact_id FROM fresh
"""


def fill(count: int, prefix: str = "") -> list[tuple[str, str]]:
    """(key, key of its artifact) of some new units, whose paths are numbers; each has an artifact of its own, without a
    file."""
    with database.atomic():
        rows = database.execute_sql(FILL, {"count": count, "prefix": prefix}).fetchall()
    return [(str(key), str(artifact)) for key, artifact in rows]
