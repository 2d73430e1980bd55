"""Secrets of an object: never shown, only whether each is set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peewee import Model

from api.schemas.fields import Row, WireField


class HiddenFields(WireField):
    """Which of the fields that are never shown have a value: ``[{"name": "password", "is_set": true}]``. Shown from the
    columns ``<name>_is_set`` of a row."""

    openapi_type = {
        "type": "array",
        "items": {
            "type": "object", "required": ["is_set", "name"],
            "properties": {"name": {"type": "string"}, "is_set": {"type": "boolean"}},
        },
    }

    def __init__(self, *names: str) -> None:
        def show(row: Row) -> list[dict[str, Any]]:
            return [{"name": name, "is_set": row[f"{name}_is_set"]} for name in names]

        super().__init__(read_only=True, show=show, help="Which of the fields that are never shown are set.")


def are_set(model: type[Model], names: Sequence[str]) -> list[Any]:
    """The columns that `HiddenFields` is shown from: whether each of these is not null."""
    return [getattr(model, name).is_null(False).alias(f"{name}_is_set") for name in names]
