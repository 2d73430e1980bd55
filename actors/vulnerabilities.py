"""Asking what is known against the packages in a version, as a task."""

from __future__ import annotations

from pulp_actor.errors import NotFound
from pulp_actor.models import RepositoryVersion
from pulp_actor.queue import actor
from pulp_actor.vulnerabilities import scan


@actor(name="pulpcore.app.tasks.vulnerability_report.check_content", retry_on_loss=True)
def check_content(repository_version_pk: str) -> dict[str, int]:
    """Ask, and keep the answers.

    Returns:
        ``{"vulnerable": number of units there are findings for}``.
    """
    version = RepositoryVersion.get_or_none(RepositoryVersion.id == repository_version_pk)
    if version is None:
        raise NotFound(f"there is no repository version {repository_version_pk} any more")
    return {"vulnerable": scan(version)}
