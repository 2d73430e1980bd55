"""The field that says which secrets of an object are set."""

from __future__ import annotations

from typing import Any

from api.schemas.fields import WireField


class HiddenFields(WireField):
    """Which of the fields that are never shown have a value: ``[{"name": "password", "is_set": true}]``."""

    openapi_type = {
        "type": "array",
        "items": {
            "type": "object", "required": ["is_set", "name"],
            "properties": {"name": {"type": "string"}, "is_set": {"type": "boolean"}},
        },
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, help="Which of the fields that are never shown are set.", **kwargs)
