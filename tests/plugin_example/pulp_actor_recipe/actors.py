"""What a worker can be asked to do for the recipe plugin. An actor is a plain function to its unit test."""

from collections.abc import Iterator
from urllib.parse import quote, urljoin

from pulp_actor.identifiers import href, prn
from pulp_actor.models import (
    Artifact,
    ContentArtifact,
    Remote,
    Repository,
    RepositoryContent,
    RepositoryVersion,
)
from pulp_actor.publishing import publishing
from pulp_actor.queue import actor, current_task
from pulp_actor.sync import DeclaredArtifact, DeclaredContent, Downloader, Pipeline, run
from pulp_actor.versions import VersionBuilder, announce, new_version, version_content
from pulp_actor_recipe import cookbook
from pulp_actor_recipe.models import RecipeContent


@actor(name="pulp_recipe.app.tasks.synchronize")
def synchronize(remote_pk: str, repository_pk: str, mirror: bool) -> None:
    """Mirror a remote into a new version of a repository."""
    remote, repository = Remote.get_by_id(remote_pk), Repository.get_by_id(repository_pk)
    with new_version(repository) as version:
        if mirror:
            version.remove_all()
        run(_fill(version, remote))
    announce(version.made)


async def _fill(version: VersionBuilder, remote: Remote) -> None:
    task = current_task()
    with (
        task.progress("sync.parsing.recipes", "Reading Recipes") as parsed,
        task.progress("sync.downloading.artifacts", "Downloading Artifacts") as downloaded,
    ):
        async with Downloader(remote) as downloader:
            file = await downloader.fetch(remote.url)
            pipeline = Pipeline(
                remote, version, downloader, on_units=parsed.increment, on_downloads=downloaded.increment)
            await pipeline.run(_declare(file.path.read_bytes(), remote.url))
            file.discard()


def _declare(text: bytes, url: str) -> Iterator[DeclaredContent]:
    base = urljoin(url, ".")
    for path, servings, sha256, size in cookbook.read(text, url):
        yield DeclaredContent(
            RecipeContent, {"relative_path": path, "servings": servings, "digest": sha256},
            [DeclaredArtifact(base + quote(path), path, size, {"sha256": sha256})],
        )


@actor(name="pulp_recipe.app.tasks.publish")
def publish(repository_version_pk: str) -> None:
    """Publish a version: its recipes as they are, and a cookbook of them, so that others can mirror it."""
    version = RepositoryVersion.get_by_id(repository_version_pk)
    with publishing(version, "recipe.recipe", pass_through=True) as draft:
        draft.add(cookbook.NAME, cookbook.write(_entries(version)))
    current_task().add_created_resource(href(draft.publication), prn(draft.publication))


def _entries(version: RepositoryVersion) -> Iterator[cookbook.Entry]:
    rows = (
        RecipeContent.select(
            RecipeContent.relative_path, RecipeContent.servings, RecipeContent.digest, Artifact.size)
        .join(RepositoryContent, on=RepositoryContent.content == RecipeContent.content)
        .join(ContentArtifact, on=ContentArtifact.content == RecipeContent.content)
        .join(Artifact)
        .where(version_content(version))
        .order_by(RecipeContent.relative_path)
    )
    return (cookbook.Entry(*row) for row in rows.tuples())
