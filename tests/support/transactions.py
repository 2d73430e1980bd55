"""What other sessions of a test's database are in the middle of."""

from __future__ import annotations

from pulp_actor.db import database


def open_transactions() -> list[str]:
    """The last statement of each other session that is in a transaction."""
    rows = database.execute_sql(
        "SELECT query FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL "
        "AND backend_type = 'client backend'")
    return [query for (query,) in rows.fetchall()]
