"""Exporters, exports, importers and imports over the API: what is accepted, what is refused, what is shown."""

from __future__ import annotations

import pytest

from pulp_actor.db import connected
from pulp_actor.models import Exporter, Importer, RepositoryVersion
from pulp_actor.queue.models import Task, TaskGroup
from pulp_actor.settings import settings
from pulp_actor.transfer.exporting import ExportedVersion, export_archive
from tests.integration.api.conftest import give, on

FILES = "repositories/file/file/"
PULP, FILESYSTEM, IMPORTERS = "exporters/core/pulp/", "exporters/core/filesystem/", "importers/core/pulp/"


@pytest.fixture
def shelf(tmp_path):
    with settings.override(ALLOWED_EXPORT_PATHS=[str(tmp_path)], ALLOWED_IMPORT_PATHS=[str(tmp_path)]):
        yield tmp_path


@pytest.fixture
def repository(api):
    return api.made(FILES, {"name": "files"})


@pytest.fixture
def exporter(api, shelf, repository):
    return api.made(PULP, {"name": "out", "path": str(shelf), "repositories": [repository["pulp_href"]]})


def waiting():
    with connected():
        return Task.select().where(Task.state == "waiting").get()


def test_an_archive_exporter(api, exporter, repository):
    assert exporter["repositories"] == [repository["pulp_href"]] and exporter["last_export"] is None
    assert exporter["prn"].startswith("prn:core.pulpexporter:")
    assert api.get(PULP, "name=out").json["count"] == 1
    assert api.patch(exporter["pulp_href"], {"name": "new"}).status_code == 202
    assert api.get(exporter["pulp_href"]).json["name"] == "new"
    assert api.post(f"{exporter['pulp_href']}exports/", {}).status_code == 202
    assert api.delete(exporter["pulp_href"]).status_code == 202


def test_a_repository_that_was_deleted_leaves_the_exporter(api, exporter, repository):
    api.delete(repository["pulp_href"])
    assert api.get(exporter["pulp_href"]).json["repositories"] == []
    assert "repositories" in api.post(f"{exporter['pulp_href']}exports/", {}).json


@pytest.mark.parametrize(("body", "field"), [
    ({"path": "/etc"}, "path"), ({"path": "relative"}, "path"), ({"path": "{shelf}/../x"}, "path"),
    ({"path": "{shelf}s"}, "path"), ({"repositories": ["/pulp/api/v3/nothing/"]}, "repositories"),
    ({"method": "copy"}, "method"),
])
def test_exporters_that_are_refused(body, field, api, shelf):
    body = {name: value.replace("{shelf}", str(shelf)) if isinstance(value, str) else value for name, value in body.items()}
    path = FILESYSTEM if "method" in body else PULP
    good = {"name": "x", "path": str(shelf)} | ({} if path == FILESYSTEM else {"repositories": []})
    answer = api.post(path, good | body)
    assert answer.status_code == 400 and field in answer.json


@pytest.mark.parametrize(("body", "field"), [
    ({"chunk_size": "many"}, "chunk_size"), ({"chunk_size": "1B"}, "chunk_size"), ({"chunk_size": "2TB"}, "chunk_size"),
    ({"start_versions": ["{other}versions/0/"], "full": False}, "start_versions"),
    ({"versions": ["{other}versions/0/"]}, "versions"),
    ({"start_versions": ["{own}versions/0/"]}, "start_versions"),
])
def test_exports_that_are_refused(body, field, api, exporter, repository):
    other = api.made(FILES, {"name": "other"})
    body = {
        name: [v.replace("{other}", other["pulp_href"]).replace("{own}", repository["pulp_href"]) for v in value]
        if isinstance(value, list) else value for name, value in body.items()}
    answer = api.post(f"{exporter['pulp_href']}exports/", body)
    assert answer.status_code == 400 and list(answer.json) == [field], answer.json


def test_an_export_locks_what_it_reads(api, exporter, repository):
    assert api.post(f"{exporter['pulp_href']}exports/", {"chunk_size": "10MB"}).status_code == 202
    task = waiting()
    assert (task.actor, task.exclusive, task.shared) == (
        "pulpcore.app.tasks.export.pulp_export", [exporter["prn"]], [repository["prn"]])


@pytest.mark.parametrize("body", [{}, {"publication": "{version}"}, {"repository_version": "{version}", "publication": "x"}])
def test_folder_exports_that_are_refused(body, api, shelf, repository):
    exporter = api.made(FILESYSTEM, {"name": "folder", "path": str(shelf), "method": "hardlink"})
    assert exporter["method"] == "hardlink"
    version = f"{repository['pulp_href']}versions/0/"
    body = {name: value.replace("{version}", version) for name, value in body.items()}
    assert api.post(f"{exporter['pulp_href']}exports/", body).status_code == 400


def test_a_folder_export(api, shelf, repository):
    exporter = api.made(FILESYSTEM, {"name": "folder", "path": str(shelf)})
    body = {"repository_version": f"{repository['pulp_href']}versions/0/"}
    assert api.post(f"{exporter['pulp_href']}exports/", body).status_code == 202
    assert waiting().actor == "pulpcore.app.tasks.export.fs_repo_version_export"


def exported(exporter):
    """What the export's task does, done here."""
    with connected():
        row = Exporter.get()
        version = RepositoryVersion.get()
        return export_archive(row, [ExportedVersion(version)], {"chunk_size": "10MB"})


def test_an_export_is_shown_below_its_exporter(api, exporter, repository):
    made = exported(exporter)
    href = f"{exporter['pulp_href']}exports/{made.id}/"
    shown = api.get(href).json
    assert shown["pulp_href"] == href and shown["params"] == {"chunk_size": "10MB"}
    assert shown["exported_resources"] == [f"{repository['pulp_href']}versions/0/"]
    assert list(shown["output_file_info"]) and shown["toc_info"]["file"].endswith("-toc.json")
    assert api.get(exporter["pulp_href"]).json["last_export"] == href
    assert api.get(f"{exporter['pulp_href']}exports/").json["results"] == [shown]
    assert api.patch(exporter["pulp_href"], {"last_export": None}).status_code == 202
    assert api.get(exporter["pulp_href"]).json["last_export"] is None
    assert api.patch(exporter["pulp_href"], {"last_export": href}).status_code == 202
    assert api.delete(href).status_code == 204
    assert api.get(exporter["pulp_href"]).json["last_export"] is None


def test_an_import(api, exporter, repository):
    made = exported(exporter)
    importer = api.made(IMPORTERS, {"name": "in", "repo_mapping": {"other": "x"}})
    assert importer["repo_mapping"] == {"other": "x"}
    toc = made.output["toc_info"]["file"]
    answer = api.post(f"{importer['pulp_href']}imports/", {"toc": toc})
    assert answer.status_code == 202
    group = api.get(answer.json["task_group"]).json
    assert group["all_tasks_dispatched"] and [task["name"] for task in group["tasks"]] == [
        "pulpcore.app.tasks.importer.pulp_import"]
    assert set(waiting().exclusive) == {importer["prn"], repository["prn"]}
    with connected():
        assert Importer.select().count() == TaskGroup.select().count() == 1


def test_an_import_goes_only_where_whoever_asks_may_change_content(api, exporter, repository, member):
    toc = exported(exporter).output["toc_info"]["file"]
    ann = member("ann", "core.pulpimporter_creator")
    imports = f"{ann.made(IMPORTERS, {'name': 'in'})['pulp_href']}imports/"
    assert ann.post(imports, {"toc": toc}).status_code == 403
    give("ann", "file.filerepository_viewer", **on(repository))
    assert ann.post(imports, {"toc": toc}).status_code == 403
    give("ann", "file.filerepository_owner", **on(repository))
    assert ann.post(imports, {"toc": toc}).status_code == 202


def test_an_import_makes_repositories_only_for_those_who_may(api, exporter, repository, member):
    toc = exported(exporter).output["toc_info"]["file"]
    ann = member("ann", "core.pulpimporter_creator")
    mapped = {"name": "in", "repo_mapping": {"files": "new"}}
    imports = f"{ann.made(IMPORTERS, mapped)['pulp_href']}imports/"
    assert ann.post(imports, {"toc": toc, "create_repositories": True}).status_code == 403
    give("ann", "file.filerepository_creator")
    assert ann.post(imports, {"toc": toc, "create_repositories": True}).status_code == 202


@pytest.mark.parametrize("body", [
    {}, {"path": "/etc/passwd"}, {"toc": "/etc/passwd"}, {"path": "{shelf}/none"}, {"path": "x", "toc": "y"},
    {"path": "{shelf}"}, {"path": "\0"}, {"toc": "{shelf}/a.tar"},
])
def test_imports_that_are_refused(body, api, shelf):
    (shelf / "a.tar").write_bytes(b"x" * 2000)
    importer = api.made(IMPORTERS, {"name": "in"})
    body = {name: value.replace("{shelf}", str(shelf)) for name, value in body.items()}
    assert api.post(f"{importer['pulp_href']}imports/", body).status_code == 400
    with connected():
        assert Task.select().count() == TaskGroup.select().count() == 0


def test_a_check_before_the_import(api, exporter):
    made = exported(exporter)
    (path,) = made.output["output_file_info"]
    answer = api.post(f"{IMPORTERS}import-check/", {"path": path, "repo_mapping": '{"files": "nowhere"}'})
    assert answer.status_code == 200
    assert answer.json["path"] == {"context": path, "is_valid": True, "messages": []}
    assert not answer.json["repo_mapping"]["is_valid"]
    assert api.post(f"{IMPORTERS}import-check/", {}).status_code == 400
    assert api.post(f"{IMPORTERS}import-check/", {"repo_mapping": "[]"}).status_code == 400
    assert api.post(IMPORTERS, {"name": "bad", "repo_mapping": {"a": 1}}).status_code == 400
