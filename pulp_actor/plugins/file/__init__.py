"""The file plugin: repositories of plain files, described by a manifest of paths, digests and sizes.

Shaped exactly as a third-party plugin is: this module says what there is and where; it must stay cheap to import.
"""

from importlib import resources

from pulp_actor import API_CONTRACT_VERSION
from pulp_actor.identifiers import ResourceType
from pulp_actor.models import AlternateContentSource, Distribution, Publication, Remote, Repository
from pulp_actor.plugins import Plugin
from pulp_actor.plugins.file.models import FileContent

plugin = Plugin(
    name="file",
    version=API_CONTRACT_VERSION,
    package="pulp-actor-file",
    module="pulp_actor.plugins.file",
    resources=(
        ResourceType(Repository, "repositories/file/file", "file.filerepository", "file.file"),
        ResourceType(Remote, "remotes/file/file", "file.fileremote", "file.file"),
        ResourceType(Remote, "remotes/file/git", "file.filegitremote", "file.git"),
        ResourceType(FileContent, "content/file/files", "file.filecontent", "file.file"),
        ResourceType(Publication, "publications/file/file", "file.filepublication", "file.file"),
        ResourceType(Distribution, "distributions/file/file", "file.filedistribution", "file.file"),
        ResourceType(AlternateContentSource, "acs/file/file", "file.filealternatecontentsource", "file.file"),
    ),
    migrations=str(resources.files(__name__) / "migrations"),
    actors="pulp_actor.plugins.file.actors",
    api="pulp_actor.plugins.file.api",
    content="pulp_actor.plugins.file.serving",
)
