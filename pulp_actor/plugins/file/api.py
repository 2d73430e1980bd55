"""The file plugin's API endpoints: declarations, and what is particular to files."""

from __future__ import annotations

from api.call import Answer, Call
from api.core.alternates import AlternateContentSourceSchema, source_endpoint
from api.core.content import ContentSchema, content_endpoint
from api.core.distributions import DistributionSchema, distribution_endpoint
from api.core.publications import PublicationSchema, publication_endpoint, shown_distributions
from api.core.remotes import RemoteSchema, policy_field, remote_endpoint
from api.core.repositories import RepositorySchema, repository_endpoints
from api.core.uploading import SingleArtifactSchema, unit_operations
from api.endpoints import Operation
from api.filters import text_filters
from api.operations import action
from api.schemas.base import WireSchema, refuse
from api.schemas.common import AsyncOperation
from api.schemas.fields import Boolean, Json, Text
from api.schemas.references import Reference
from pulp_actor.identifiers import registry
from pulp_actor.models import Publication, Remote, Repository, RepositoryVersion
from pulp_actor.plugins.file.models import FileContent

SYNCHRONIZE = "pulp_file.app.tasks.synchronizing.synchronize"
REFRESH = "pulp_file.app.tasks.acs.refresh"
PUBLISH = "pulp_file.app.tasks.publishing.publish"
TYPE = "file.file"
GIT = "file.git"
REMOTE_TYPES = (TYPE, GIT)
MANIFEST = "PULP_MANIFEST"


class FileRepositorySchema(RepositorySchema):
    wire_name = "file.FileRepository"

    remote = Reference(
        Remote, types=REMOTE_TYPES, null=True, help="Where the repository is synced from when a sync does not say.")
    autopublish = Boolean(detail=True, default=False, help="Whether each new version is published.")
    manifest = Text(detail=True, null=True, default=MANIFEST, help="Name of the manifest that publishing writes.")
    last_sync_details = Json(
        read_only=True, show=lambda row: row["details"].get("last_sync_details") or {}, help="How the last sync went.")


class SyncSchema(WireSchema):
    wire_name = "FileRepositorySyncURL"

    remote = Reference(Remote, types=REMOTE_TYPES, help="What to sync from; by default the repository's remote.")
    mirror = Boolean(default=False, help="Whether units that the remote does not have are removed.")
    optimize = Boolean(default=True, help="Whether a sync is skipped when nothing has changed.")


def _sync(call: Call) -> Answer:
    repository: Repository = call.instance
    data = call.read()
    remote: Remote | None = data.get("remote") or repository.remote
    if remote is None:
        raise refuse("remote", "The repository has no remote, so that one is needed here.")
    kwargs = {
        "remote_pk": str(remote.id), "repository_pk": str(repository.id), "mirror": data["mirror"],
        "optimize": data["optimize"],
    }
    return call.accepted(SYNCHRONIZE, kwargs, exclusive=[repository], shared=[remote])


class FileRemoteSchema(RemoteSchema):
    wire_name = "file.FileRemote"

    policy = policy_field("PolicyEnum")


class FileGitRemoteSchema(RemoteSchema):
    wire_name = "file.FileGitRemote"

    class Meta(RemoteSchema.Meta):
        exclude = ("policy",)

    git_ref = Text(detail=True, default="HEAD", help="The branch, tag or commit that is mirrored.")


class FileContentSchema(SingleArtifactSchema, ContentSchema):
    wire_name = "file.FileContent"

    md5 = Text(read_only=True, show=lambda row: row["artifact_md5"])
    sha1 = Text(read_only=True, show=lambda row: row["artifact_sha1"])
    sha224 = Text(read_only=True, show=lambda row: row["artifact_sha224"])
    sha256 = Text(read_only=True, show=lambda row: row["artifact_sha256"] or row["digest"])
    sha384 = Text(read_only=True, show=lambda row: row["artifact_sha384"])
    sha512 = Text(read_only=True, show=lambda row: row["artifact_sha512"])


class FileContentUploadSchema(FileContentSchema):
    wire_name = "FileContentUpload"

    class Meta(FileContentSchema.Meta):
        exclude = ("repository",)


class FileAlternateContentSourceSchema(AlternateContentSourceSchema):
    wire_name = "file.FileAlternateContentSource"

    remote = Reference(Remote, types=(TYPE,), required=True, help="The remote that the content is fetched with.")


class FilePublicationSchema(PublicationSchema):
    wire_name = "file.FilePublication"

    distributions = shown_distributions()
    manifest = Text(detail=True, null=True, default=MANIFEST, help="Name of the manifest; null: none is written.")
    checkpoint = Boolean(help="Whether this is a checkpoint, which stays reachable by its time.")


def _publish(call: Call) -> Answer:
    data = call.read(schema=call.endpoint.wire)
    version: RepositoryVersion = data["repository_version"]
    repository = version.repository
    if repository.type != TYPE:
        raise refuse("repository_version", "This is a version of another type of repository.")
    manifest = data["manifest"] if "manifest" in call.given else repository.details.get("manifest", MANIFEST)
    kwargs = {
        "repository_version_pk": str(version.id), "manifest": manifest, "checkpoint": data.get("checkpoint", False),
    }
    return call.accepted(PUBLISH, kwargs, shared=[repository])


class FileDistributionSchema(DistributionSchema):
    wire_name = "file.FileDistribution"

    repository = Reference(Repository, types=(TYPE,), null=True, help="Serves what this repository holds at the time.")
    publication = Reference(Publication, types=(TYPE,), null=True, help="Serves this publication.")
    checkpoint = Boolean(help="Whether it serves the repository's checkpoints by their time.")


endpoints = [
    *repository_endpoints(
        registry.by_path("repositories/file/file"), FileRepositorySchema, tag="Repositories: File",
        operations=[action("sync", _sync, SyncSchema, help="Mirror a remote.")],
    ),
    remote_endpoint(registry.by_path("remotes/file/file"), FileRemoteSchema, tag="Remotes: File"),
    remote_endpoint(registry.by_path("remotes/file/git"), FileGitRemoteSchema, tag="Remotes: Git"),
    content_endpoint(
        registry.by_path("content/file/files"), FileContentSchema, tag="Content: Files",
        filters=[
            *text_filters("relative_path", FileContent.relative_path),
            *text_filters("digest", FileContent.digest, ("exact",)),
            *text_filters("sha256", FileContent.digest, ("exact",)),
        ],
        order=("digest", "relative_path"), operations=unit_operations(FileContentSchema, FileContentUploadSchema),
    ),
    publication_endpoint(
        registry.by_path("publications/file/file"), FilePublicationSchema, tag="Publications: File",
        operations=[
            Operation("create", "POST", _publish, request=FilePublicationSchema, responses={202: AsyncOperation})],
    ),
    distribution_endpoint(
        registry.by_path("distributions/file/file"), FileDistributionSchema, tag="Distributions: File"),
    source_endpoint(
        registry.by_path("acs/file/file"), FileAlternateContentSourceSchema, tag="Acs: File", refresh=REFRESH),
]

