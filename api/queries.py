"""Runs queries and returns plain rows: dicts from column name to what the driver returned. One place, so that a test can
count queries and so that nothing on a hot path goes through model instances."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
from peewee import DatabaseError, Select, Value

from pulp_actor.db import database, transaction
from pulp_actor.domains import belongs_to, belongs_to_domain, current_domain_id
from pulp_actor.errors import ValidationError
from pulp_actor.settings import settings

#: Milliseconds that a query with a costly filter may take.
COSTLY_TIMEOUT = 2_000


def execute(sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Run SQL and return its rows."""
    cursor = database.execute_sql(sql, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def fetch(query: Select) -> list[dict[str, Any]]:
    """Run a peewee query and return its rows; not its model's conversions."""
    return execute(*query.sql())


def count(query: Any) -> int:
    """How many rows a query has, without its columns and its order."""
    bare = query.clone()
    bare._returning = [Value(1, unpack=False).alias("one")]
    bare._order_by = None
    sql, parameters = bare.sql()
    return database.execute_sql(f"SELECT count(*) FROM ({sql}) AS counted", parameters).fetchone()[0]


class PreparedRead:
    """A query for one row by its keys, of the current domain, turned into SQL once; building it costs more than running
    it."""

    def __init__(self, rows: Callable[[], Select], columns: Sequence[Any]) -> None:
        self._rows, self._columns = rows, columns
        self._made: dict[bool, tuple[str, list[Any], list[int]]] = {}

    def _prepared(self) -> tuple[str, list[Any], list[int]]:
        domains = settings.DOMAIN_ENABLED
        if domains not in self._made:
            self._made[domains] = self._prepare(domains)
        return self._made[domains]

    def _prepare(self, domains: bool) -> tuple[str, list[Any], list[int]]:
        query: Any = self._rows()
        marks = []
        for column in self._columns:
            marks.append(_Mark())
            query = query.where(column == _marked(marks[-1]))
        if domains and belongs_to_domain(query.model):
            marks.append(_Mark())
            query = query.where(belongs_to(query.model, _marked(marks[-1])))
        sql, parameters = query.sql()
        return sql, list(parameters), [next(i for i, p in enumerate(parameters) if p is mark) for mark in marks]

    def fetch(self, keys: Sequence[Any]) -> dict[str, Any] | None:
        """The row, or None."""
        sql, template, positions = self._prepared()
        parameters = list(template)
        for position, key in zip(positions, [*keys, current_domain_id()], strict=False):
            parameters[position] = key
        rows = execute(sql, parameters)
        return rows[0] if rows else None


class _Mark:
    """Stands for a key in the SQL until there is one."""


def _marked(mark: _Mark) -> Value:
    return Value(mark, converter=lambda value: value, unpack=False)


@contextmanager
def limited(costly: bool) -> Iterator[None]:
    """Give queries in the block a time limit if they may be ``costly``, and say what is wrong with a filter's value.

    Raises:
        ValidationError: the database refused a value (a bad regular expression, a number out of range), or gave up.
    """
    try:
        if not costly:
            yield
            return
        with transaction():
            database.execute_sql(f"SET LOCAL statement_timeout = {COSTLY_TIMEOUT}")
            yield
    except DatabaseError as error:
        cause = error.__cause__ or error.__context__
        if isinstance(cause, psycopg2.errors.QueryCanceled):
            raise ValidationError({"errors": ["This filter takes too long."]}) from None
        if isinstance(cause, psycopg2.DataError):
            raise ValidationError({"errors": [f"A filter's value was refused: {_first_line(cause)}"]}) from None
        raise


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else "no reason given"
