"""What is exported here is what is imported elsewhere: all of it, or nothing."""

from __future__ import annotations

import json
import os
import resource
import tarfile
from pathlib import Path

import pytest

from pulp_actor.models import (
    Artifact,
    ContentArtifact,
    Export,
    Exporter,
    Import,
    Repository,
    RepositoryVersion,
)
from pulp_actor.security.outbound import PathRefused
from pulp_actor.storage import StorageError, get_storage
from pulp_actor.transfer.errors import ArchiveRefused, TransferError
from pulp_actor.transfer.exporting import ExportedVersion, export_archive
from pulp_actor.transfer.importing import check_import, import_archive
from tests.integration.transfer.conftest import held, hold, repository

FILES = {f"dir{n % 3}/file-{n}": f"content {n}\n".encode() for n in range(1200)}


def export(exporter, *versions, **params):
    return export_archive(exporter, [one if isinstance(one, ExportedVersion) else ExportedVersion(one) for one in versions],
                          params)


def archive_of(made):
    (path,) = made.output["output_file_info"]
    return path


def test_everything_arrives(exporter, make_importer, elsewhere, task):
    first = hold(repository("first", description="the first", pulp_labels={"team": "a"}), FILES)
    second = hold(repository("second"), {"only/here": b"x", **{path: FILES[path] for path in list(FILES)[:5]}})
    made = export(exporter, first, second)
    assert task.reports["export.content"].done == 1206
    elsewhere()
    imported = import_archive(make_importer(second="2nd"), {"path": archive_of(made), "create_repositories": True})
    here = Repository.get(Repository.name == "first")
    assert held(here) == FILES
    assert (here.description, here.pulp_labels) == ("the first", {"team": "a"})
    assert held(Repository.get(Repository.name == "2nd")).keys() == {"only/here", *list(FILES)[:5]}
    assert (here.latest_version().number, task.reports["import.content"].done) == (1, 1206)
    assert Import.get().id == imported.id


def test_an_archive_is_a_plain_tar_that_holds_each_artifact_once(exporter):
    version = hold(repository("same"), {"a": b"same", "b": b"same", "c": b"other"})
    with tarfile.open(archive_of(export(exporter, version))) as archive:
        names = archive.getnames()
    assert names[0] == "manifest.json" and names[-1] == "end.json"
    assert sum(name.startswith("artifacts/") for name in names) == 2


def test_the_export_is_remembered(exporter, task):
    version = hold(repository("remembered"), {"a": b"a"})
    made = export(exporter, version)
    assert Exporter.get().last_export_id == made.id
    ((href, prn),) = task.created_resources
    assert href.endswith(f"/exporters/core/pulp/{exporter.id}/exports/{made.id}/") and prn.startswith("prn:core.pulpexport:")
    assert Export.get().exported[0]["version"] == 1


def test_chunks_and_their_table_of_contents(exporter, shelf, make_importer, elsewhere):
    made = export(exporter, hold(repository("chunks"), FILES), chunk_size="64KB")
    files = made.output["output_file_info"]
    assert len(files) > 5 and all(os.path.getsize(path) <= 65536 for path in files)
    toc = made.output["toc_info"]["file"]
    assert sorted(os.listdir(shelf)) == sorted(os.path.basename(path) for path in [*files, toc])
    assert json.loads(Path(toc).read_text())["files"] == {os.path.basename(path): digest for path, digest in files.items()}
    elsewhere()
    import_archive(make_importer(), {"toc": toc, "create_repositories": True})
    assert held(Repository.get()) == FILES


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_chunk_that_is_not_what_the_table_says(damage, exporter, make_importer, elsewhere):
    made = export(exporter, hold(repository("chunks"), FILES), chunk_size="64KB")
    last = list(made.output["output_file_info"])[-1]
    if damage == "missing":
        os.unlink(last)
    else:
        with open(last, "ab") as file:
            file.write(b"\0")
    elsewhere()
    with pytest.raises(ArchiveRefused):
        import_archive(make_importer(), {"toc": made.output["toc_info"]["file"], "create_repositories": True})
    assert Repository.select().count() == RepositoryVersion.select().count() == Import.select().count() == 0


def test_incremental_export_holds_new_bytes_only_and_makes_the_same_version(exporter, make_importer, elsewhere):
    source = repository("grows")
    first = hold(source, {"kept": b"kept", "gone": b"gone"})
    full = export(exporter, first)
    second = hold(source, {"kept": b"kept", "new": b"new"})
    more = export(exporter, ExportedVersion(second, first))
    with tarfile.open(archive_of(more)) as archive:
        assert sum(name.startswith("artifacts/") for name in archive.getnames()) == 1
    elsewhere()
    importer = make_importer()
    import_archive(importer, {"path": archive_of(full), "create_repositories": True})
    here = Repository.get()
    import_archive(importer, {"path": archive_of(more)}, [str(here.id)])
    assert held(here) == {"kept": b"kept", "new": b"new"}
    assert here.latest_version().number == 2


def test_incremental_archive_without_what_it_builds_on(exporter, make_importer, elsewhere):
    source = repository("grows")
    first = hold(source, {"kept": b"kept"})
    second = hold(source, {"kept": b"kept", "new": b"new"})
    more = export(exporter, ExportedVersion(second, first))
    elsewhere()
    with pytest.raises(TransferError, match="has to be imported first"):
        import_archive(make_importer(), {"path": archive_of(more), "create_repositories": True})
    assert Repository.select().count() == 0


def test_importing_again_changes_nothing(exporter, make_importer):
    source = repository("again")
    made = export(exporter, hold(source, {"a": b"a"}))
    import_archive(make_importer(), {"path": archive_of(made)}, [str(source.id)])
    assert source.latest_version().number == 1


def test_bytes_that_were_not_here_are_filled_in(exporter, make_importer):
    source = repository("filled")
    made = export(exporter, hold(source, {"a": b"a", "b": b"b"}))
    entry = ContentArtifact.get(ContentArtifact.relative_path == "a")
    ContentArtifact.update(artifact=None).where(ContentArtifact.id == entry.id).execute()
    import_archive(make_importer(), {"path": archive_of(made)}, [str(source.id)])
    assert ContentArtifact.get_by_id(entry.id).artifact_id == entry.artifact_id


def test_files_that_were_never_downloaded_cannot_be_exported(exporter, shelf):
    version = hold(repository("on demand"), {"a": b"a"})
    ContentArtifact.update(artifact=None).execute()
    with pytest.raises(TransferError, match="have not been downloaded yet, 'a' for one"):
        export(exporter, version)
    assert os.listdir(shelf) == []


@pytest.mark.parametrize("harm", ["removed", "changed"])
def test_a_store_that_has_lost_a_file(harm, exporter, shelf):
    version = hold(repository("lost"), {"a": b"aaaa"})
    path = get_storage().local_path(Artifact.get().file)
    path.unlink() if harm == "removed" else path.write_bytes(b"bbbb")
    with pytest.raises(TransferError, match="repair the repository first"):
        export(exporter, version)
    assert os.listdir(shelf) == [] and Export.select().count() == 0


def test_a_disk_that_takes_no_more(exporter, shelf):
    version = hold(repository("full"), {"a": b"a" * 100_000})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(StorageError, match="cannot be written"):
            export(exporter, version)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(shelf) == []
    export(exporter, version)
    assert len(os.listdir(shelf)) == 2


def test_dry_run_writes_nothing(exporter, shelf):
    assert export(exporter, hold(repository("dry"), {"a": b"a"}), dry_run=True) is None
    assert os.listdir(shelf) == []


def test_folders_that_are_not_allowed(exporter, shelf, tmp_path, make_importer):
    version = hold(repository("outside"), {"a": b"a"})
    for path in (f"{shelf}s", f"{shelf}/../other", "/etc", "shelf"):
        Exporter.update(path=path).execute()
        with pytest.raises(PathRefused):
            export(Exporter.get(), version)
    (shelf / "link").symlink_to(tmp_path)
    Exporter.update(path=str(shelf / "link" / "deep")).execute()
    with pytest.raises(PathRefused):
        export(Exporter.get(), version)
    with pytest.raises(PathRefused):
        import_archive(make_importer(), {"path": str(shelf / "link" / "a.tar")})


def test_where_an_archive_goes(exporter, make_importer):
    made = export(exporter, hold(repository("one"), {"a": b"a"}), hold(repository("two"), {"b": b"b"}))
    path = archive_of(made)
    with pytest.raises(TransferError, match="there is no repository 'three' here"):
        import_archive(make_importer(one="three"), {"path": path})
    with pytest.raises(TransferError, match="two repositories of the archive would go into 'two'"):
        import_archive(make_importer(one="two"), {"path": path})
    with pytest.raises(TransferError, match="have changed since"):
        import_archive(make_importer(), {"path": path})


def test_a_look_before_the_import(exporter, shelf):
    path = archive_of(export(exporter, hold(repository("look"), {"a": b"a"})))
    found = check_import(path, str(shelf / "none.json"), {"look": "nowhere", "other": "look"})
    assert not found["path"].messages
    assert "cannot be read" in found["toc"].messages[0]
    assert found["repo_mapping"].messages == (
        "there is no repository 'nowhere' here", "the archive holds no repository 'other'")
    assert "outside the folders" in check_import("/etc/passwd", None, None)["path"].messages[0]
