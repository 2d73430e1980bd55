"""Where exports and imports are on the wire: below the exporter or importer that made them."""

from __future__ import annotations

from typing import Any

from pulp_actor.identifiers import href_of, registry
from pulp_actor.models import Exporter
from pulp_actor.models.resources import PULP_IMPORTER


def export_href(type_: str, exporter: Any, export: Any) -> str:
    """The href of an export of an exporter of a type."""
    return f"{href_of(registry.get(Exporter, type_), exporter)}exports/{export}/"


def import_href(importer: Any, key: Any) -> str:
    """The href of an import."""
    return f"{href_of(PULP_IMPORTER, importer)}imports/{key}/"
