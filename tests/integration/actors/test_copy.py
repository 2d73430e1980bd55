"""Copying from one repository to another."""

from __future__ import annotations

import pytest

from actors.repository import copy_content
from pulp_actor.models import Artifact, Content
from pulp_actor.plugins.file.content import create_file_content
from pulp_actor.versions import PathTaken, new_version
from tests.integration.actors.conftest import paths
from tests.integration.actors.test_orphan import artifact


@pytest.fixture
def source(make_repository):
    """A repository whose first version has three files, and whose second has one of them changed."""
    repository = make_repository()
    with new_version(repository) as version:
        version.add([create_file_content(artifact(path.encode()), path).content_id for path in ("a", "b", "c")])
    create_file_content(artifact(b"changed"), "a", repository)
    return repository


def copy(version, repository, **options):
    copy_content(str(version.id), str(repository.id), **options)
    return repository.latest_version()


def test_all_of_a_version_is_copied_and_nothing_is_stored_again(source, make_repository):
    target = make_repository()
    create_file_content(artifact(b"own"), "own", target)
    before = (Content.select().count(), Artifact.select().count())
    version = copy(source.latest_version(), target)
    assert paths(version) == {"a", "b", "c", "own"}
    assert version.content_summary["added"] == {"file.file": 3}
    assert (Content.select().count(), Artifact.select().count()) == before
    assert copy(source.latest_version(), target).number == version.number, "nothing new, no new version"


def test_an_old_version_and_only_some_units(source, make_repository):
    target = make_repository()
    units = [create_file_content(artifact(path.encode()), path) for path in ("a", "b", "elsewhere")]
    wanted = [str(unit.content_id) for unit in units]
    first = source.versions.where(source.versions.model.number == 1).get()
    assert paths(copy(first, target, content_units=wanted)) == {"a", "b"}
    assert copy(first, target, content_units=[]).number == 1


def test_what_is_in_the_way_is_replaced_or_refused(source, make_repository):
    target = make_repository()
    create_file_content(artifact(b"mine"), "a", target)
    with pytest.raises(PathTaken, match="'a'"):
        copy(source.latest_version(), target, overwrite=False)
    version = copy(source.latest_version(), target)
    assert version.content_summary == {
        "present": {"file.file": 3}, "added": {"file.file": 3}, "removed": {"file.file": 1}}
