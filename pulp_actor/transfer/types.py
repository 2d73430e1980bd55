"""The types of content as an archive needs to know them: their tables, and which units refer to which others."""

from __future__ import annotations

from typing import Any

from peewee import ForeignKeyField

from pulp_actor.models import Content, DetailContent
from pulp_actor.transfer.errors import TransferError
from pulp_actor.versions.members import detail_models


def model_of_type(type_: str) -> type[DetailContent]:
    """The model of a type of content. Raises TransferError if no plugin here has it."""
    model = detail_models().get(type_)
    if model is None:
        raise TransferError(f"this platform has no plugin for content of type {type_}")
    return model


def references(model: type[DetailContent]) -> list[str]:
    """The columns of a type that hold keys of other units."""
    return [
        field.column_name for field in model._meta.sorted_fields
        if isinstance(field, ForeignKeyField) and field.name != "content"
        and issubclass(field.rel_model, Content | DetailContent)
    ]


def exported_types() -> list[str]:
    """All types, none before one that its units refer to."""
    def depth(model: Any) -> int:
        """0: refers to nothing; 1: to units of some type; 2: to units of any."""
        to = [field.rel_model for field in model._meta.sorted_fields if field.column_name in references(model)]
        return 0 if not to else 2 if Content in to else 1

    models = detail_models()
    return sorted(models, key=lambda type_: (depth(models[type_]), type_))
