"""Repository versions: made whole in one transaction, deleted without loss to their neighbours, and read.

    with new_version(repository) as version:
        version.add(content_ids)
        version.remove(other_ids)
    version.made            # the RepositoryVersion, or None if nothing changed
"""

from pulp_actor.versions.builder import PathTaken, VersionBuilder, new_version
from pulp_actor.versions.deletion import delete_version, retain_versions
from pulp_actor.versions.facts import version_facts
from pulp_actor.versions.hooks import announce, on_new_version
from pulp_actor.versions.members import version_content

__all__ = [
    "PathTaken", "VersionBuilder", "announce", "delete_version", "new_version", "on_new_version", "retain_versions",
    "version_content", "version_facts",
]
