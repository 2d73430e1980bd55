"""Artifacts: upload, list, read, delete."""

from __future__ import annotations

from typing import Any

from peewee import IntegrityError, Select, fn

from api.call import Answer, Call
from api.core.common import columns, newest_first, orderings
from api.core.content import in_version, since
from api.endpoints import FORM, MULTIPART, Endpoint, Key, Operation
from api.filters import Filter, FilterSet, custom, identity_filters, text_filters
from api.operations import created, listing, reading
from api.schemas.base import ObjectSchema, refuse
from api.schemas.fields import File, Integer, Number, Text
from api.schemas.references import find_object
from api.uploads import check_received
from pulp_actor.db import transaction
from pulp_actor.domains import of_current_domain
from pulp_actor.models import Artifact, ContentArtifact, RepositoryContent, RepositoryVersion
from pulp_actor.models.artifact import DIGESTS
from pulp_actor.models.resources import ARTIFACT
from pulp_actor.security.policies import object_created
from pulp_actor.storage.artifacts import remove_artifacts, store_artifact


class ArtifactSchema(ObjectSchema):
    wire_name = "Artifact"
    model = Artifact

    file = File(required=True, help="The bytes.")
    size = Integer(bits=64, help="How many bytes there are.")
    md5 = Text(null=True, help="MD5 of the bytes, in hexadecimal.")
    sha1 = Text(null=True, help="SHA-1 of the bytes, in hexadecimal.")
    sha224 = Text(null=True, help="SHA-224 of the bytes, in hexadecimal.")
    sha256 = Text(null=True, help="SHA-256 of the bytes, in hexadecimal.")
    sha384 = Text(null=True, help="SHA-384 of the bytes, in hexadecimal.")
    sha512 = Text(null=True, help="SHA-512 of the bytes, in hexadecimal.")


def artifact_rows() -> Select:
    return Artifact.select(*columns(Artifact))


def _in_version(text: str) -> Any:
    version: Any = find_object(text, RepositoryVersion)
    return Artifact.id.in_(
        ContentArtifact.select(ContentArtifact.artifact)
        .join(RepositoryContent, on=RepositoryContent.content == ContentArtifact.content)
        .where(in_version(version)))


def _orphaned_for(minutes: float) -> Any:
    used = ContentArtifact.select(ContentArtifact.id).where(ContentArtifact.artifact == Artifact.id)
    return (Artifact.timestamp_of_interest < since(minutes)) & ~fn.EXISTS(used)


def _create(call: Call) -> Answer:
    data = call.read(schema=call.endpoint.wire)
    file = data["file"]
    check_received(file, {name: data.get(name) for name in DIGESTS}, data.get("size"))
    sha256 = file.digests["sha256"]
    if of_current_domain(Artifact.select().where(Artifact.sha256 == sha256)).exists():
        raise refuse("non_field_errors", f"There is an artifact with the SHA-256 {sha256} already.")
    with transaction():
        artifact = store_artifact(file)
        object_created(artifact)
    return created(call, artifact.id)


def _delete(call: Call) -> Answer:
    artifact = call.instance
    try:
        remove_artifacts([artifact.id])
    except IntegrityError:
        raise refuse("detail", "This artifact is in use.") from None
    return Answer(204)


def artifact_endpoint() -> Endpoint:
    return Endpoint(
        path="artifacts", tag="Artifacts", schema=ArtifactSchema, rows=artifact_rows, resource=ARTIFACT,
        keys=[Key("pulp_id", Artifact.id)],
        filters=FilterSet(
            [
                *identity_filters(Artifact.id, Artifact),
                *[one for name in DIGESTS for one in text_filters(name, getattr(Artifact, name), ("exact",))],
                Filter("orphaned_for", Number(), _orphaned_for, help="Artifacts that nothing has used for so many minutes."),
                custom("repository_version", _in_version, help="Artifacts of the units in this version."),
            ],
            orderings(Artifact, ("file", "size", "timestamp_of_interest", *DIGESTS)), newest_first(Artifact),
        ),
        operations=[
            listing(),
            Operation("create", "POST", _create, request=ArtifactSchema, responses={201: "object"}, media=(MULTIPART, FORM)),
            reading(),
            Operation("delete", "DELETE", _delete, on_item=True, responses={204: None}),
        ],
    )
