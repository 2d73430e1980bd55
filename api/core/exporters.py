"""Exporters (to archives, and to folders), what they have exported, and how they are told to."""

from __future__ import annotations

from functools import partial
from typing import Any

from marshmallow import ValidationError as MarshmallowError
from peewee import Select, fn

from api.call import Answer, Call
from api.core.common import columns, family_filters, newest_first, orderings
from api.endpoints import Endpoint, Key, Operation
from api.filters import FilterSet, text_filters
from api.operations import creating, deleting, deleting_in_task, listing, reading, updating_in_task
from api.schemas.base import ObjectSchema, refuse
from api.schemas.common import AsyncOperation
from api.schemas.fields import INDEXED_LIMIT, Boolean, Choice, Json, ListOf, Row, Text
from api.schemas.references import Reference, References, show_href
from pulp_actor.errors import PulpActorError
from pulp_actor.identifiers import ResourceType, href, href_of, registry, version_href
from pulp_actor.models import Export, Exporter, Publication, Repository, RepositoryVersion
from pulp_actor.models.resources import FILESYSTEM_EXPORT, FILESYSTEM_EXPORTER, PULP_EXPORT, PULP_EXPORTER
from pulp_actor.queue.models import Task
from pulp_actor.security.outbound import check_export_path
from pulp_actor.transfer.chunks import parse_size
from pulp_actor.transfer.hrefs import export_href

PULP_EXPORT_TASK = "pulpcore.app.tasks.export.pulp_export"
PUBLICATION_EXPORT_TASK = "pulpcore.app.tasks.export.fs_publication_export"
VERSION_EXPORT_TASK = "pulpcore.app.tasks.export.fs_repo_version_export"


def _check_folder(path: str) -> None:
    try:
        check_export_path(path)
    except PulpActorError as error:
        raise MarshmallowError(f"{error}.") from None


def _check_chunk_size(text: str) -> None:
    try:
        parse_size(text)
    except ValueError as error:
        raise MarshmallowError(str(error)) from None


class ExporterSchema(ObjectSchema):
    """An exporter of any type."""

    model = Exporter

    name = Text(required=True, limit=INDEXED_LIMIT, help="A name that no other exporter has.")
    path = Text(required=True, validate=[_check_folder], help="The folder to write into, on the workers' machine.")


class FilesystemExporterSchema(ExporterSchema):
    wire_name = "FilesystemExporter"

    method = Choice(
        ("write", "hardlink", "symlink"), enum="MethodEnum", default="write", detail=True,
        help="How files get there: as copies, or as links into the store.")


def _last_export(row: Row) -> str | None:
    last = row["last_export_id"]
    return None if last is None else export_href(row["type"], row["id"], last)


def _repositories(row: Row) -> list[str]:
    return [href_of(registry.get(Repository, one["type"]), one["id"]) for one in row["repositories"] or ()]


class PulpExporterSchema(ExporterSchema):
    wire_name = "PulpExporter"

    repositories = References(
        Repository, required=True, detail=True, show=_repositories, help="Whose versions are exported.")
    last_export = Text(
        null=True, blank=True, format="uri", column="last_export_id", show=_last_export,
        help="The export that the next incremental one builds on; null: none.")

    def check(self, data: dict[str, Any], current: Any) -> None:
        text = data.get("last_export")
        if not text:
            if "last_export" in data:
                data["last_export"] = None
            return
        keys = [] if current is None else Export.select(Export.id).where(Export.exporter == current.id).tuples()
        known = {export_href(current.type, current.id, key): str(key) for (key,) in keys}
        if text not in known:
            raise refuse("last_export", "This is not an export of this exporter.")
        data["last_export"] = known[text]


def exporter_rows(type_: str | None) -> Select:
    """All exporters of a type, with the repositories that they name and that are still there."""
    named = Repository.select(
        fn.JSONB_AGG(fn.JSONB_BUILD_OBJECT("id", Repository.id, "type", Repository.type))
    ).where(fn.JSONB_EXISTS(fn.JSONB_EXTRACT_PATH(Exporter.details, "repositories"), Repository.id.cast("text")))
    return Exporter.select(*columns(Exporter), named.alias("repositories")).where(Exporter.type == type_)


def _exporter(resource: ResourceType, schema: type[ExporterSchema], tag: str, order: tuple[str, ...]) -> Endpoint:
    special = {name: Exporter.details[name] for name in order}
    return Endpoint(
        path=resource.path, tag=tag, schema=schema, resource=resource, rows=partial(exporter_rows, resource.type),
        keys=[Key("pulp_id", Exporter.id)],
        filters=family_filters(
            Exporter, resource.type, text_filters("name", Exporter.name), orderings(Exporter, ("name", "path"), **special)),
        operations=[listing(), creating(), reading(), *updating_in_task(), deleting_in_task()],
    )


# --- exports ----------------------------------------------------------------------------------------------------------

def _exported(row: Row) -> list[str]:
    """The hrefs of what was exported, some of which may have been deleted since."""
    return [
        href_of(registry.get(Publication, one["publication_type"]), one["publication"]) if one["publication"]
        else version_href(one["repository_type"], one["repository"], one["version"])
        for one in row["exported"]
    ]


class ExportSchema(ObjectSchema):
    """What an exporter has done."""

    model = Export

    pulp_href = Text(
        format="uri", read_only=True, show=lambda row: export_href(row["type"], row["exporter_id"], row["id"]))
    task = Text(null=True, blank=True, format="uri", show=show_href(Task, "task_id"), help="The task that did it.")
    exported_resources = ListOf(Text(format="uri"), read_only=True, show=_exported, help="What was exported.")
    params = Json(type="object", read_only=True, help="What was asked for.")


class FilesystemExportSchema(ExportSchema):
    wire_name = "FilesystemExport"

    publication = Reference(Publication, write_only=True, help="The publication to export.")
    repository_version = Reference(RepositoryVersion, write_only=True, help="The version to export.")
    start_repository_version = Reference(
        RepositoryVersion, write_only=True, help="A version whose files are left out.")

    def check(self, data: dict[str, Any], current: Any) -> None:
        if ("publication" in data) == ("repository_version" in data):
            raise refuse("non_field_errors", "Either publication or repository_version is needed, and not both.")


class PulpExportSchema(ExportSchema):
    wire_name = "PulpExport"

    full = Boolean(default=True, write_only=True, help="All artifacts; else those that the last export did not have.")
    dry_run = Boolean(default=False, write_only=True, help="Look whether it can be done, and do no more.")
    output_file_info = Json(
        type="object", read_only=True, show=lambda row: row["output"].get("output_file_info") or {},
        help="Path of each file of the archive -> its SHA-256.")
    toc_info = Json(
        type="object", read_only=True, show=lambda row: row["output"].get("toc_info") or {},
        help="Path and SHA-256 of the table of contents.")
    versions = References(
        RepositoryVersion, write_only=True, items={"type": "string", "format": "uri", "writeOnly": True},
        help="Versions to export in place of the latest ones.")
    chunk_size = Text(
        write_only=True, validate=[_check_chunk_size], help="Split the archive into files of this size: 10MB, 1GB.")
    start_versions = References(
        RepositoryVersion, write_only=True, items={"type": "string", "format": "uri", "writeOnly": True},
        help="Versions whose artifacts are left out, in place of those of the last export; with full false.")
    meta = Json(type="object", write_only=True, help="Anything that shall be remembered with the export.")


def export_rows(type_: str | None) -> Select:
    """All exports by exporters of a type."""
    return Export.select().where(Export.type == type_)


def _exports(parent: ResourceType, resource: ResourceType, schema: type[ExportSchema], tag: str, run: Any) -> Endpoint:
    name = schema.wire_name.removesuffix("Export").lower()
    return Endpoint(
        path=f"{parent.path}/{{exporter_pk}}/exports", tag=tag, schema=schema, resource=resource, listed=False,
        owner=parent, rows=partial(export_rows, resource.type), href_name=f"{name}_{name}_export",
        filters=FilterSet([], {}, newest_first(Export), query_language=False),
        keys=[Key("exporter_pk", Export.exporter), Key("pulp_id", Export.id)],
        operations=[
            listing(), Operation("create", "POST", run, request=schema, responses={202: AsyncOperation}), reading(),
            deleting(),
        ],
    )


def _export_files(call: Call) -> Answer:
    exporter = call.owner()
    data = call.read()
    publication: Publication | None = data.get("publication")
    version: RepositoryVersion = data.get("repository_version") or publication.repository_version  # type: ignore[union-attr]
    start: RepositoryVersion | None = data.get("start_repository_version")
    if start is not None and start.repository.id != version.repository.id:
        raise refuse("start_repository_version", "This is a version of another repository.")
    _check_folder_of(exporter)
    kwargs = {
        "exporter_pk": str(exporter.id), "start_repo_version_pk": start and str(start.id), "params": _given(call, data)}
    locks: dict[str, Any] = {"exclusive": [exporter], "shared": [version.repository]}
    if publication is not None:
        return call.accepted(PUBLICATION_EXPORT_TASK, kwargs | {"publication_pk": str(publication.id)}, **locks)
    return call.accepted(VERSION_EXPORT_TASK, kwargs | {"repo_version_pk": str(version.id)}, **locks)


def _export_archive(call: Call) -> Answer:
    exporter = call.owner()
    data = call.read()
    repositories = _repositories_of(exporter)
    versions = _one_each(data.get("versions") or [], repositories, "versions")
    starts = _starts(exporter, data, repositories)
    _check_folder_of(exporter)
    pairs = [
        (str(versions.get(row.id, row.latest_version()).id), str(starts[row.id].id) if row.id in starts else None)
        for row in repositories
    ]
    kwargs = {"exporter_pk": str(exporter.id), "versions": pairs, "params": _given(call, data)}
    return call.accepted(PULP_EXPORT_TASK, kwargs, exclusive=[exporter], shared=repositories)


def _repositories_of(exporter: Exporter) -> list[Repository]:
    keys = exporter.details.get("repositories") or []
    found = list(Repository.select().where(Repository.id.in_(keys)).order_by(Repository.name))
    if not found:
        raise refuse("repositories", "The exporter names no repository that is still there.")
    return found


def _one_each(versions: list[RepositoryVersion], repositories: list[Repository], field: str) -> dict[Any, RepositoryVersion]:
    """Repository -> its version among those that were named. Raises ValidationError."""
    known = {row.id for row in repositories}
    found = {version.repository.id: version for version in versions}
    if len(found) < len(versions):
        raise refuse(field, "Two versions of one repository are named.")
    if found.keys() - known:
        raise refuse(field, "This is a version of a repository that the exporter does not export.")
    return found


def _starts(exporter: Exporter, data: dict[str, Any], repositories: list[Repository]) -> dict[Any, RepositoryVersion]:
    """Repository -> the version whose artifacts are left out. Raises ValidationError."""
    given = data.get("start_versions") or []
    if data["full"]:
        if given:
            raise refuse("start_versions", "A full export starts from nothing; say that full is false.")
        return {}
    if given:
        return _one_each(given, repositories, "start_versions")
    last = Export.get_or_none(Export.id == exporter.last_export_id)
    found = {}
    for one in last.exported if last else ():
        version = RepositoryVersion.get_or_none(
            RepositoryVersion.repository == one["repository"], RepositoryVersion.number == one["version"])
        if version is not None:
            found[version.repository.id] = version
    return found


def _check_folder_of(exporter: Exporter) -> None:
    """The setting may have changed since the exporter was made."""
    try:
        check_export_path(exporter.path)
    except PulpActorError as error:
        raise refuse("path", f"{error}.") from None


def _given(call: Call, data: dict[str, Any]) -> dict[str, Any]:
    """What was asked for, as it is remembered with the export."""
    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(one) for one in value]
        if isinstance(value, RepositoryVersion):
            return version_href(value.repository.type, value.repository.id, value.number)
        return href(value) if isinstance(value, Publication) else value

    return {name: plain(data[name]) for name in sorted(call.given & data.keys())}


def exporter_endpoints() -> list[Endpoint]:
    return [
        _exporter(FILESYSTEM_EXPORTER, FilesystemExporterSchema, "Exporters: Filesystem", ("method",)),
        _exporter(PULP_EXPORTER, PulpExporterSchema, "Exporters: Pulp", ()),
        _exports(
            FILESYSTEM_EXPORTER, FILESYSTEM_EXPORT, FilesystemExportSchema, "Exporters: Filesystem Exports", _export_files),
        _exports(PULP_EXPORTER, PULP_EXPORT, PulpExportSchema, "Exporters: Pulp Exports", _export_archive),
    ]
