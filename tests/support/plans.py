"""What a query costs, in pages rather than in time: a number that does not depend on the machine or on who else is busy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pulp_actor.db import database


def pages(query: str, parameters: Mapping[str, Any]) -> int:
    """Pages of tables and indexes that a query looks at. It is executed, and nothing of what it does stays."""
    with database.atomic() as transaction:
        (plan,) = database.execute_sql(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", parameters).fetchone()
        transaction.rollback()
    (top,) = plan if isinstance(plan, list) else json.loads(plan)
    return sum(top["Plan"][f"{where} {how} Blocks"] for where in ("Shared", "Local") for how in ("Hit", "Read"))
