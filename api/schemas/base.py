"""The base of all schemas: loads and checks a request, says what of it is to be stored, and makes responses from rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any, ClassVar

from marshmallow import RAISE, Schema
from marshmallow import ValidationError as MarshmallowError
from peewee import Model

from api.schemas.fields import DateTime, Row, Show, Text, WireField
from api.schemas.references import show_href, show_prn
from pulp_actor.errors import ValidationError


class WireSchema(Schema):
    """An object on the wire. Its fields are `WireField`; unknown fields in a request are refused.

    Attributes:
        wire_name: the schema's name in the OpenAPI document; ``Response`` and ``Patched`` are put around it.
    """

    wire_name: ClassVar[str] = ""

    class Meta:
        unknown = RAISE

    error_messages = {
        "unknown": "This field is not known here.",
        "type": "An object is needed here.",
    }

    def read(self, data: Any, *, partial: bool = False, current: Model | None = None) -> dict[str, Any]:
        """Load a request's data. ``current`` is the row that a change applies to.

        Raises:
            ValidationError: by field.
        """
        try:
            loaded = self.load(data, partial=partial)
        except MarshmallowError as error:
            raise ValidationError(as_messages(error.messages)) from None
        self.check(loaded, current)
        return loaded

    def check(self, data: dict[str, Any], current: Model | None) -> None:
        """Rules over several fields; ``data`` may be changed. Raises ValidationError."""

    def stored(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Loaded data as JSON-able columns, the fields of ``details`` gathered in one value."""
        columns: dict[str, Any] = {}
        for name, value in data.items():
            field = self.wire_fields[name]
            column, value = field.stored(name, value) if value is not None else (field.stored_column(name), None)
            if field.detail:
                columns.setdefault("details", {})[name] = value
            else:
                columns[column] = value
        return columns

    @property
    def wire_fields(self) -> dict[str, WireField]:
        return self.fields  # type: ignore[return-value]

    @cached_property
    def shown(self) -> dict[str, Show]:
        """What makes each value of a response, by field."""
        return {name: field.shower(name) for name, field in self.wire_fields.items() if not field.load_only}

    def show(self, row: Row) -> dict[str, Any]:
        """The object in a response."""
        return {name: show(row) for name, show in self.shown.items()}

    def shower(self, only: Collection[str], without: Collection[str]) -> Callable[[Row], dict[str, Any]]:
        """`show`, limited to the fields in ``only`` (if any) and not in ``without``."""
        if not only and not without:
            return self.show
        pairs = [
            (name, show) for name, show in self.shown.items() if (not only or name in only) and name not in without
        ]
        return lambda row: {name: show(row) for name, show in pairs}


def as_messages(messages: Any) -> dict[str, Any]:
    """marshmallow's messages in the shape clients parse: fields to lists of sentences, the rest as non_field_errors."""
    if not isinstance(messages, dict):
        return {"non_field_errors": messages if isinstance(messages, list) else [str(messages)]}
    return {("non_field_errors" if name == "_schema" else name): value for name, value in messages.items()}


def refuse(field: str, message: str) -> ValidationError:
    """The error that names one field."""
    return ValidationError({field: [message]})


class ObjectSchema(WireSchema):
    """An object with an href, a PRN and two timestamps.

    Attributes:
        model: the model of the rows. Where it has a ``type`` column, rows have one too.
    """

    model: ClassVar[type[Model]]

    pulp_href = Text(format="uri", read_only=True, help="Where the object is.")
    prn = Text(read_only=True, help="The name of the object, which stays when servers move.")
    pulp_created = DateTime(read_only=True, help="When the object was made.")
    pulp_last_updated = DateTime(read_only=True, help="When the object was last changed.")

    @cached_property
    def shown(self) -> dict[str, Show]:
        shown = {name: field.shower(name) for name, field in self.wire_fields.items() if not field.load_only}
        type_column = "type" if "type" in self.model._meta.fields else None
        for name, default in (("pulp_href", show_href), ("prn", show_prn)):
            if name in shown and self.wire_fields[name].declared_show is None:
                shown[name] = default(self.model, "id", type_column)
        return shown
