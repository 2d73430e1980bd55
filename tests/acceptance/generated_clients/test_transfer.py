"""Carrying content from one server to another through the generated clients: archives, folders, upstream servers."""

from pathlib import Path

import pytest

from tests.support.clients import calls, package_of
from tests.support.empty_upstream import empty_upstream
from tests.support.origin import make_files, sha256

__all__ = ["empty_upstream"]


def each(api, *names):
    return [f"{api}.{name}" for name in names]


@calls(*each("ExportersPulpExportsApi", "create", "list", "read", "delete"),
       *each("ImportersPulpImportsApi", "create", "list", "read", "delete"),
       "ImportersPulpImportCheckApi.pulp_import_check_post")
def test_a_repository_is_exported_and_imported(clients, fresh, synced, platform):
    name = fresh("carried")
    exporter = clients.ExportersPulpApi.create({
        "name": name, "path": str(platform.shelf / name), "repositories": [synced.pulp_href]})
    exports = clients.ExportersPulpExportsApi
    clients.settled(exports.create(exporter.pulp_href, {"full": True}))
    (export,) = exports.list(exporter.pulp_href).results
    toc = exports.read(export.pulp_href).toc_info["file"]

    checked = clients.ImportersPulpImportCheckApi.pulp_import_check_post({"toc": toc})
    assert checked.toc.is_valid
    importer = clients.ImportersPulpApi.create({"name": name, "repo_mapping": {synced.name: name}})
    imports = clients.ImportersPulpImportsApi
    group = imports.create(importer.pulp_href, {"toc": toc, "create_repositories": True}).task_group
    clients.group_settled(group)
    (done,) = imports.list(importer.pulp_href).results
    assert imports.read(done.pulp_href).params["toc"] == toc
    (arrived,) = clients.RepositoriesFileApi.list(name=name).results
    units = clients.ContentFilesApi.list(repository_version=arrived.latest_version_href).results
    assert {one.relative_path: one.sha256 for one in units} == {
        path: sha256(data) for path, data in make_files(3, "clients").items()}

    clients.settled(imports.delete(done.pulp_href))
    assert imports.list(importer.pulp_href).count == 0
    clients.settled(exports.delete(export.pulp_href))
    with pytest.raises(package_of("ExportersPulpExportsApi").exceptions.NotFoundException):
        exports.read(export.pulp_href)


@calls(*each("ExportersFilesystemExportsApi", "create", "list", "read", "delete"))
def test_a_publication_is_exported_as_a_folder(clients, fresh, synced, platform):
    name = fresh("folder")
    publications, exports = clients.PublicationsFileApi, clients.ExportersFilesystemExportsApi
    publication = clients.made(publications, publications.create({"repository": synced.pulp_href}))
    exporter = clients.ExportersFilesystemApi.create({"name": name, "path": str(platform.shelf / name), "method": "write"})
    clients.settled(exports.create(exporter.pulp_href, {"publication": publication.pulp_href}))
    written = {path.name: path.read_bytes() for path in Path(platform.shelf / name).rglob("*") if path.is_file()}
    assert {Path(path).name: data for path, data in make_files(3, "clients").items()}.items() <= written.items()
    (export,) = exports.list(exporter.pulp_href).results
    assert exports.read(export.pulp_href) == export
    clients.settled(exports.delete(export.pulp_href))
    assert exports.list(exporter.pulp_href).count == 0


@calls("UpstreamPulpsApi.create", "UpstreamPulpsApi.replicate")
def test_an_upstream_that_has_nothing_for_us(clients, fresh, empty_upstream):
    upstreams = clients.UpstreamPulpsApi
    made = upstreams.create({"name": fresh("upstream"), "base_url": empty_upstream, "api_root": "/pulp/",
                             "policy": "nodelete"})
    assert made.last_replication is None
    group = clients.group_settled(upstreams.replicate(made.pulp_href, {}).task_group)
    assert group.completed == len(group.tasks)
    assert upstreams.read(made.pulp_href).last_replication is not None
