"""The fields of objects whose features are not there yet; see `api.core.reserved`."""

from __future__ import annotations

from typing import Any

from api.schemas.base import WireSchema
from api.schemas.fields import DateTime, Text


def uri(**options: Any) -> Text:
    """An href that is not resolved here."""
    return Text(format="uri", **options)


class Named(WireSchema):
    """The fields that every object shows."""

    pulp_href = Text(format="uri", read_only=True)
    prn = Text(read_only=True)
    pulp_created = DateTime(read_only=True)
    pulp_last_updated = DateTime(read_only=True)
