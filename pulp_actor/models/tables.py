"""Puts the table of a type of content into a statement that is written for any of them. Must never know a statement."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def for_model(query: str, model: Any) -> str:
    """``query`` with the names of the table and columns of a `DetailContent` put in.

    ``{table}``, ``{columns}`` (all of them), ``{key}`` (those of the natural key, of a row called ``old``) and
    ``{same_key}`` (that the rows ``unit`` and ``given`` have the same one).
    """
    meta = model._meta
    key = [meta.fields[name].column_name for name in model.natural_key_fields]
    parts = {
        "table": f'"{meta.table_name}"',
        "columns": ", ".join(f'"{field.column_name}"' for field in meta.sorted_fields),
        "key": ", ".join(f'old."{column}"' for column in key),
        "same_key": " AND ".join(f'unit."{column}" = given."{column}"' for column in key),
    }
    for name, text in parts.items():
        query = query.replace(f"{{{name}}}", text)
    return query
