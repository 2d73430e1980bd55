"""A version's files, or a publication's, in a folder of plain files."""

from __future__ import annotations

import os

import pytest

from pulp_actor.models import Artifact, ContentArtifact, Export, Exporter
from pulp_actor.plugins.file.publishing import publish
from pulp_actor.storage import get_storage
from pulp_actor.transfer.errors import TransferError
from pulp_actor.transfer.exporting import ExportedVersion
from pulp_actor.transfer.filesystem import export_files
from tests.integration.transfer.conftest import hold, repository

FILES = {"a": b"aaaa", "deep/er/b": b"bbbb"}


@pytest.fixture
def make_exporter(shelf):
    def make(method="write"):
        return Exporter.create(
            type="core.filesystem", name=method, path=str(shelf / "out"), details={"method": method})
    return make


def tree(folder):
    """Path -> bytes of every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("method", ["write", "hardlink", "symlink"])
def test_a_version(method, make_exporter, shelf):
    version = hold(repository("files"), FILES)
    export_files(make_exporter(method), ExportedVersion(version), None, {})
    assert tree(shelf / "out") == FILES
    target = shelf / "out" / "a"
    stored = {get_storage().local_path(row.file) for row in Artifact.select()}
    assert target.is_symlink() == (method == "symlink")
    assert any(os.path.samefile(target, path) for path in stored) == (method != "write")


def test_a_publication_has_its_manifest(make_exporter, shelf):
    version = hold(repository("published"), FILES)
    publication = publish(version.id)
    made = export_files(make_exporter(), ExportedVersion(version), publication, {})
    assert tree(shelf / "out").keys() == {*FILES, "PULP_MANIFEST"}
    assert made.exported[0]["publication"] == str(publication.id)


def test_again_takes_the_place_of_what_is_there_and_leaves_the_rest(make_exporter, shelf):
    source, exporter = repository("again"), make_exporter()
    export_files(exporter, ExportedVersion(hold(source, FILES)), None, {})
    (shelf / "out" / "mine").write_text("mine")
    export_files(exporter, ExportedVersion(hold(source, {"a": b"AAAA"})), None, {})
    assert tree(shelf / "out") == FILES | {"a": b"AAAA", "mine": b"mine"}
    assert Exporter.get().last_export_id == Export.select().order_by(Export.id.desc()).get().id


def test_without_what_an_earlier_version_had(make_exporter, shelf):
    source = repository("step")
    first = hold(source, {"a": b"aaaa"})
    second = hold(source, FILES)
    export_files(make_exporter(), ExportedVersion(second, first), None, {})
    assert tree(shelf / "out").keys() == {"deep/er/b"}


def test_a_link_that_leads_out_of_the_folder(make_exporter, shelf, tmp_path):
    (shelf / "out").mkdir()
    (tmp_path / "outside").mkdir()
    (shelf / "out" / "deep").symlink_to(tmp_path / "outside")
    with pytest.raises(TransferError, match="leads out of"):
        export_files(make_exporter(), ExportedVersion(hold(repository("out"), FILES)), None, {})
    assert list((tmp_path / "outside").rglob("*.*")) == [] and Export.select().count() == 0


def test_files_that_are_not_there(make_exporter, shelf):
    version = hold(repository("gone"), {"a": b"aaaa"})
    get_storage().local_path(Artifact.get().file).unlink()
    for method in ("write", "hardlink", "symlink"):
        with pytest.raises(TransferError, match="repair the repository"):
            export_files(make_exporter(method), ExportedVersion(version), None, {})
    ContentArtifact.update(artifact=None).execute()
    with pytest.raises(TransferError, match="have not been downloaded"):
        export_files(Exporter.get(), ExportedVersion(version), None, {})
    assert tree(shelf / "out") == {}
