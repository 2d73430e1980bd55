"""Importers of archives, what they have imported, and the look at an archive before it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import falcon
from marshmallow import ValidationError as MarshmallowError
from peewee import Select

from api.call import Answer, Call
from api.core.common import columns, family_filters, newest_first, orderings
from api.endpoints import Endpoint, Key, Operation
from api.filters import FilterSet, text_filters
from api.operations import creating, deleting, listing, reading, updating
from api.schemas.base import ObjectSchema, WireSchema, refuse
from api.schemas.common import TaskGroupOperation
from api.schemas.fields import INDEXED_LIMIT, Boolean, Json, ListOf, Text
from api.schemas.nested import Object
from api.schemas.references import show_href
from pulp_actor.db import transaction
from pulp_actor.errors import PulpActorError
from pulp_actor.identifiers import href_of, registry
from pulp_actor.models import Import, Importer
from pulp_actor.models.resources import PULP_IMPORT, PULP_IMPORTER, TASK_GROUP
from pulp_actor.queue.groups import task_group
from pulp_actor.queue.models import Task
from pulp_actor.security.permissions import may, permission_name
from pulp_actor.transfer.hrefs import import_href
from pulp_actor.transfer.importing import Destination, Verdict, check_import, destinations, opened

IMPORT_TASK = "pulpcore.app.tasks.importer.pulp_import"


def _check_mapping(mapping: dict[str, Any]) -> None:
    if not all(isinstance(name, str) and name for pair in mapping.items() for name in pair):
        raise MarshmallowError("The name of each repository there is mapped to a name here.")


class ImporterSchema(ObjectSchema):
    wire_name = "PulpImporter"
    model = Importer

    name = Text(required=True, limit=INDEXED_LIMIT, help="A name that no other importer has.")
    repo_mapping = Json(
        type="object", values="name", detail=True, validate=[_check_mapping],
        show=lambda row: row["details"].get("repo_mapping") or {},
        help="Name of a repository in the archive -> name of the one here; others go into their namesakes.")

    def check(self, data: dict[str, Any], current: Any) -> None:
        if current is None:
            data.setdefault("repo_mapping", {})


class ImportSchema(ObjectSchema):
    wire_name = "Import"
    model = Import

    pulp_href = Text(format="uri", read_only=True, show=lambda row: import_href(row["importer_id"], row["id"]))
    task = Text(required=True, format="uri", show=show_href(Task, "task_id"), help="The task that did it.")
    params = Json(type="object", required=True, help="What was asked for.")


class ImportRequest(WireSchema):
    wire_name = "PulpImport"

    path = Text(help="The archive, where it is one file, on the workers' and the API's machine.")
    toc = Text(help="The table of contents of an archive, beside its files.")
    create_repositories = Boolean(default=False, help="Whether repositories that are not here are made.")

    def check(self, data: dict[str, Any], current: Any) -> None:
        if ("path" in data) == ("toc" in data):
            raise refuse("non_field_errors", "Either path or toc is needed, and not both.")


class Evaluation(WireSchema):
    """What a look at one parameter has found."""

    wire_name = "Evaluation"
    context = Text(required=True, help="What was looked at.")
    is_valid = Boolean(required=True)
    messages = ListOf(Text(), required=True, help="What speaks against it.")


class ImportCheck(WireSchema):
    wire_name = "PulpImportCheck"
    path = Text(help="An archive in one file.")
    toc = Text(help="The table of contents of an archive.")
    repo_mapping = Text(help="Name there -> name here, as JSON.")


class ImportCheckResult(WireSchema):
    wire_name = "PulpImportCheck"
    toc = Object(Evaluation)
    path = Object(Evaluation)
    repo_mapping = Object(Evaluation)


def _import(call: Call) -> Answer:
    importer = call.owner()
    data = call.read()
    create = data["create_repositories"]
    try:
        with opened(data.get("path"), data.get("toc")) as archive:
            plan = destinations(importer, archive.manifest, create_repositories=create)
    except PulpActorError as error:
        raise refuse("toc" if "toc" in data else "path", f"{error}.") from None
    _check_allowed(call, plan)
    here = [one.repository for one in plan if not one.new]
    kwargs = {"importer_pk": str(importer.id), "params": data, "repositories": [str(row.id) for row in here]}
    with transaction(), task_group(f"Import of {data.get('path') or data.get('toc')}") as group:
        call.dispatch(IMPORT_TASK, kwargs, exclusive=[importer, *here], task_group=group)
    return Answer(202, {"task_group": href_of(TASK_GROUP, group)})


def _check_allowed(call: Call, plan: Sequence[Destination]) -> None:
    """Raises HTTPForbidden unless the user may change the content of every repository that an archive goes into, and make
    those that are new: whoever may use an importer may not for that reason change what is somebody else's."""
    assert call.account is not None
    for one in plan:
        resource = registry.of(one.repository)
        permission = permission_name(resource, "add" if one.new else "modify_content")
        if not may(call.account, permission, resource, one.repository.id):
            raise falcon.HTTPForbidden(
                description=f"For the repository {one.repository.name!r} you need the permission {permission}.")


def _check(call: Call) -> Answer:
    data = call.read()
    if not data:
        raise refuse("non_field_errors", "One of path, toc and repo_mapping is needed.")
    verdicts = check_import(data.get("path"), data.get("toc"), _mapping(data.get("repo_mapping")))
    return Answer(200, {name: _shown(verdict) for name, verdict in verdicts.items()})


def _mapping(text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    try:
        found = json.loads(text)
        _check_mapping(found)
    except (ValueError, AttributeError, RecursionError, MarshmallowError):
        raise refuse("repo_mapping", "An object of names is needed here, as JSON.") from None
    return found


def _shown(verdict: Verdict) -> dict[str, Any]:
    return {"context": verdict.context, "is_valid": not verdict.messages, "messages": list(verdict.messages)}


def _importer_rows() -> Select:
    return Importer.select(*columns(Importer))


def importer_endpoints() -> list[Endpoint]:
    return [
        Endpoint(
            path=PULP_IMPORTER.path, tag="Importers: Pulp", schema=ImporterSchema, resource=PULP_IMPORTER,
            rows=_importer_rows, keys=[Key("pulp_id", Importer.id)], listed=False,
            filters=family_filters(
                Importer, PULP_IMPORTER.type, text_filters("name", Importer.name), orderings(Importer, ("name",))),
            operations=[listing(), creating(), reading(), *updating(), deleting()],
        ),
        Endpoint(
            path=f"{PULP_IMPORTER.path}/{{importer_pk}}/imports", tag="Importers: Pulp Imports", schema=ImportSchema,
            listed=False, href_name="pulp_pulp_import", resource=PULP_IMPORT, rows=Import.select, owner=PULP_IMPORTER,
            filters=FilterSet([], {}, newest_first(Import), query_language=False),
            keys=[Key("importer_pk", Import.importer), Key("pulp_id", Import.id)],
            operations=[
                listing(),
                Operation("create", "POST", _import, request=ImportRequest, responses={202: TaskGroupOperation}),
                reading(), deleting(),
            ],
        ),
        Endpoint(
            path=f"{PULP_IMPORTER.path}/import-check", tag="Importers: Pulp Import-Check", listed=False,
            operations=[Operation(
                "post", "POST", _check, request=ImportCheck, responses={200: ImportCheckResult},
                operation_id="pulp_import_check_post")],
        ),
    ]
