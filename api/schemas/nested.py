"""Objects inside objects: a field that holds one, or a list, of another schema's."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError as MarshmallowError

from api.schemas.base import WireSchema, as_messages
from api.schemas.fields import Show, WireField
from pulp_actor.errors import ValidationError


class Object(WireField):
    """An object of ``schema``; with ``many``, a list of them. Shows a row's column as it is unless ``show`` says more."""

    default_error_messages = {"invalid": "A list is needed here."}

    def __init__(self, schema: type[WireSchema], *, many: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.schema, self.many = schema, many
        self._instance: WireSchema | None = None

    @property
    def instance(self) -> WireSchema:
        if self._instance is None:
            self._instance = self.schema()
        return self._instance

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            if not self.many:
                return self.instance.read(value)
            if not isinstance(value, list):
                raise self.make_error("invalid")
            return [self.instance.read(one) for one in value]
        except ValidationError as error:
            raise MarshmallowError(as_messages(error.messages)) from None

    def _column_shower(self, column: str) -> Show:
        return lambda row: row[column]

    def openapi(self, *, response: bool) -> dict[str, Any]:
        reference = {"$ref": f"#/components/schemas/{self.schema.wire_name}{'Response' if response else ''}"}
        found = super().openapi(response=response)
        return {"type": "array", "items": reference, **found} if self.many else {"allOf": [reference], **found}
