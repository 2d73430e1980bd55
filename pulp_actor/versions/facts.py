"""The facts of a version as the wire has them, for a task's result: hrefs, counts, times."""

from __future__ import annotations

import datetime
from typing import Any

from pulp_actor.identifiers import api_prefix, href_of, prn_of, registry, version_href
from pulp_actor.models import RepositoryVersion
from pulp_actor.models.resources import REPOSITORY_VERSION
from pulp_actor.versions.members import detail_models

#: The filter of a content list that selects what each part of a summary counts.
_FILTERS = {
    "added": "repository_version_added", "removed": "repository_version_removed", "present": "repository_version",
}


def version_facts(version: RepositoryVersion) -> dict[str, Any]:
    """A version as JSON, in the form in which clients read it from the API."""
    repository = version.repository
    href = version_href(repository.type, repository.id, version.number)
    prn = prn_of(REPOSITORY_VERSION, version.id)
    base = version.base_version
    return {
        "pulp_href": href,
        "prn": prn,
        "pulp_created": _time(version.pulp_created),
        "pulp_last_updated": _time(version.pulp_last_updated),
        "number": version.number,
        "repository": href_of(registry.of(repository), repository.id),
        "base_version": version_href(repository.type, repository.id, base.number) if base else None,
        "content_summary": _summary(version.content_summary, href),
        "vuln_report": f"{api_prefix()}vuln_report/?repo_versions={prn}",
    }


def _summary(summary: dict[str, dict[str, int]], version: str) -> dict[str, Any]:
    models = detail_models()
    return {
        part: {
            type_: {"count": count, "href": f"{_content_list(models.get(type_), type_)}?{parameter}={version}"}
            for type_, count in summary.get(part, {}).items()
        }
        for part, parameter in _FILTERS.items()
    }


def _content_list(model: Any, type_: str) -> str:
    path = registry.get(model, type_).path if model is not None else "content"
    return f"{api_prefix()}{path}/"


def _time(value: datetime.datetime) -> str:
    return value.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
