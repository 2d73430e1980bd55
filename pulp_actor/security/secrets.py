"""Which columns hold secrets, and moving all of them to the newest key of the keyring.

A column of `EncryptedTextField` is known by being declared; one that is encrypted in another way is registered by whoever
encrypts it. A plugin's are known once it is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from peewee import IntegerField

from pulp_actor.db import database, load_queries, transaction
from pulp_actor.security.encryption import Unreadable, keyring

#: Rows that are moved in one transaction.
BATCH = 500

SQL = load_queries("pulp_actor.security", "secrets.sql")


@dataclass(frozen=True)
class EncryptedColumn:
    """A column of encrypted values.

    Attributes:
        table, column: its name.
        key, key_type: the table's primary key, which is one column, and its type.
        text: whether it holds text and not bytes; text that begins with a brace is JSON that was never encrypted.
    """

    table: str
    column: str
    key: str = "id"
    key_type: str = "uuid"
    text: bool = False

    @property
    def name(self) -> str:
        """``remote.password``"""
        return f"{self.table}.{self.column}"


@dataclass
class Rotated:
    """What became of one column. Counts are of values.

    Attributes:
        moved: were under an older key, and are under the newest now.
        current: were under the newest key already.
        unreadable: keys of the rows whose value no key opens; they are left as they are.
    """

    moved: int
    current: int
    unreadable: list[str]


_columns: list[EncryptedColumn] = []
_fields: list[Any] = []


def register_column(column: EncryptedColumn) -> None:
    """Make a column part of every rotation."""
    _columns.append(column)


def register_field(field: Any) -> None:
    """Make the column of a model's field part of every rotation. The model may still be in the making."""
    _fields.append(field)


def encrypted_columns() -> list[EncryptedColumn]:
    """Every column that holds secrets, in order of its name."""
    found = {column.name: column for column in (*_columns, *map(_column_of, _fields))}
    return [found[name] for name in sorted(found)]


def _column_of(field: Any) -> EncryptedColumn:
    meta = field.model._meta
    number = isinstance(meta.primary_key, IntegerField)
    return EncryptedColumn(
        meta.table_name, field.column_name, meta.primary_key.column_name, "bigint" if number else "uuid")


def reencrypt(column: EncryptedColumn, *, dry_run: bool = False) -> Rotated:
    """Put a column's values under the newest key, in batches; what an interrupted run did stays done.

    Parameters:
        dry_run: only find out what there is to do.
    """
    result = Rotated(0, 0, [])
    for batch in _batches(column, lock=not dry_run):
        changed: dict[str, bytes] = {}
        for key, token in batch:
            try:
                newer = keyring.renew(token)
            except Unreadable:
                result.unreadable.append(key)
                continue
            if newer is None:
                result.current += 1
            else:
                changed[key] = newer
        result.moved += len(changed)
        if changed and not dry_run:
            _write(column, changed)
    return result


def _batches(column: EncryptedColumn, *, lock: bool) -> Iterator[list[tuple[str, bytes]]]:
    """Rows (key, value), batch by batch, each in a transaction that is open while the caller has it."""
    last: str | None = None
    query = _for(column, SQL.next_values)
    while True:
        with transaction():
            rows = database.execute_sql(query + (" FOR NO KEY UPDATE" if lock else ""), {"after": last, "limit": BATCH})
            batch = [(key, value.encode("ascii") if column.text else bytes(value)) for key, value in rows.fetchall()]
            if not batch:
                return
            last = batch[-1][0]
            yield batch


def _write(column: EncryptedColumn, changed: dict[str, bytes]) -> None:
    values = [value.decode("ascii") if column.text else value for value in changed.values()]
    database.execute_sql(_for(column, SQL.write_values), {"keys": list(changed), "values": values})


def _for(column: EncryptedColumn, query: str) -> str:
    """A query of this column. Names come from models and from code, never from data."""
    names = {"table": column.table, "column": column.column, "key": column.key, "key_type": column.key_type}
    kind = ("text", f"AND left({column.column}, 1) <> '{{'") if column.text else ("bytea", "")
    return query.format(**names, type=kind[0], encrypted=kind[1])
