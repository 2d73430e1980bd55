"""Quotas: counted and checked in the transaction that would break them.

A domain's are kept by triggers of the database, whoever stores something; this module counts what is there when a quota is
made. A repository's are counted here, by each transaction that changes its latest version and so holds its row. The bytes of
a repository are those of the files of its units, also of those that are still to be fetched; the bytes of a domain are those
in its store.
"""

from __future__ import annotations

import uuid
from typing import Any

from pulp_actor.db import database, load_queries
from pulp_actor.errors import QuotaExceeded
from pulp_actor.models import Quota, Repository, mutations

SQL = load_queries("pulp_actor", "quotas.sql")


def check_repository(repository_id: uuid.UUID) -> None:
    """Count what a repository's latest version holds, if somebody wants to know; the caller's transaction has changed it.

    Raises:
        QuotaExceeded: it holds more than a quota allows.
    """
    for quota in Quota.select(Quota, Repository).join(Repository).where(Quota.repository == repository_id):
        _count(quota)
        _refuse(quota, "bytes", quota.used_bytes, quota.max_bytes)
        _refuse(quota, "units of content", quota.used_units, quota.max_units)


def recount_repository(repository_id: uuid.UUID) -> None:
    """As `check_repository`, where the version that went cannot be refused."""
    for quota in Quota.select().where(Quota.repository == repository_id):
        _count(quota)


def _count(quota: Quota) -> None:
    parameters = {"domain": str(quota.domain_id), "repository": str(quota.repository_id)}  # type: ignore[attr-defined]
    query = SQL.count_domain if quota.repository_id is None else SQL.count_repository  # type: ignore[attr-defined]
    quota.used_units, quota.used_bytes = database.execute_sql(query, parameters).fetchone()
    quota.save(only=["used_units", "used_bytes"])


def _refuse(quota: Quota, what: str, used: int, limit: int | None) -> None:
    repository: Any = quota.repository
    if limit is not None and used > limit:
        raise QuotaExceeded(
            f'the quota "{quota.name}" allows the repository "{repository.name}" {limit} {what}, and it would have {used}')


def _begin(quota: Quota) -> None:
    """Count what is there when a quota is made. Who is storing something at the moment is waited for, because they have not
    seen it; who stores something later has."""
    if quota.repository_id is None:  # type: ignore[attr-defined]
        database.execute_sql(SQL.wait_for_writers)
    else:
        database.execute_sql(SQL.wait_for_repository, (str(quota.repository_id),))  # type: ignore[attr-defined]
    _count(quota)


def _changed(quota: Quota, data: dict[str, Any]) -> None:
    if "repository_id" in data:
        _begin(quota)


mutations.register(Quota, mutations.Rules(unique=("name",), created=_begin, changed=_changed))
